"""Reading what people wrote: YAML, JSON and CSV, safely, and remembering on which line each value stood.

YAML is read as version 1.2 means it (Norway's code `NO` stays text, `1e6` is a number, a date stays text until
a schema asks for one). Anchors and aliases are refused: no file of ours needs them, and they are how a few
lines of YAML become gigabytes.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from polysilicon.records.errors import InputError, Place
from polysilicon.records.names import nearest

MOST_BYTES = 16 * 2**20
MOST_YAML_BYTES = 2 * 2**20  # people write YAML; what is larger was made by a program, and takes minutes to place
MOST_DEPTH = 40
DIGITS_OF_64_BITS = 18
_TOO_DEEP = f"is nested deeper than {MOST_DEPTH} levels"

Key = tuple[str | int, ...]
Shape = TypeVar("Shape")


@dataclass(frozen=True)
class Document:
    """Plain data (dicts, lists, scalars) and the line of every key in it."""

    file: str
    data: Any
    lines: dict[Key, int] = field(default_factory=dict)

    def place(self, key: Key = ()) -> Place:
        """Where `key` stood; the nearest enclosing key where it is absent."""
        inner = key
        while inner and inner not in self.lines:
            inner = inner[:-1]
        return Place(self.file, self.lines.get(inner), spell(key) or None)


def spell(key: Key) -> str:
    """`('sites', 2, 'region')` as `sites[2].region`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def read_text(path: Path, most_bytes: int = MOST_BYTES) -> str:
    """The text of a file of sane size.

    Raises:
        InputError: missing, unreadable, a folder, too large, or not UTF-8.
    """
    place = Place(str(path))
    try:
        with path.open("rb") as stream:
            blob = stream.read(most_bytes + 1)
    except OSError as cause:
        raise InputError(f"can't be read: {cause.strerror}", place=place) from cause
    if len(blob) > most_bytes:
        raise InputError(f"is larger than {most_bytes // 2**20} MiB", place=place, remedy="split it")
    try:
        return blob.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        line = blob[: cause.start].count(b"\n") + 1
        raise InputError("is not UTF-8 text", place=Place(str(path), line)) from cause


def read_yaml(path: Path) -> Document:
    """A YAML (or JSON, its subset) file as a `Document`.

    Raises:
        InputError: as `read_text`, and for broken YAML, repeated keys, aliases, or too deep nesting.
    """
    return parse_yaml(read_text(path, MOST_YAML_BYTES), str(path))


def parse_yaml(text: str, file: str) -> Document:
    """As `read_yaml`, from text already in hand."""
    loader = _Loader(text)
    lines: dict[Key, int] = {}
    try:
        _refuse_bombs(text, file)
        node = loader.get_single_node()
        data = None if node is None else _build(loader, node, (), lines, file)
    except yaml.YAMLError as cause:
        mark = getattr(cause, "problem_mark", None)
        problem = getattr(cause, "problem", None) or str(cause).splitlines()[0]
        place = Place(file, mark.line + 1 if mark else None)
        # libyaml reads ahead for keys, so that its own limit can come before ours.
        complaint = _TOO_DEEP if "nesting depth" in problem else f"broken YAML: {problem}"
        raise InputError(complaint, place=place) from cause
    finally:
        loader.dispose()
    if data is None:
        raise InputError("is empty", place=Place(file))
    return Document(file, data, lines)


def read_csv(path: Path, most_bytes: int = 4 * MOST_BYTES) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row of a CSV file with a header, as (line, {column: text}).

    Raises:
        InputError: as `read_text`, and for an empty file, a repeated column or a row of another length.
    """
    rows = csv.reader(io.StringIO(read_text(path, most_bytes)), strict=True)
    place = str(path)
    try:
        header = next(rows, None)
        if not header:
            raise InputError("is empty", place=Place(place), allowed="CSV with a header line")
        if len(set(header)) != len(header):
            twice = sorted({one for one in header if header.count(one) > 1})
            raise InputError(f"has the column {twice[0]!r} twice", place=Place(place, 1))
        for row in rows:
            if not row:
                continue
            if len(row) != len(header):
                raise InputError(
                    f"has {len(row)} cells where the header has {len(header)}", place=Place(place, rows.line_num)
                )
            yield rows.line_num, dict(zip(header, row, strict=True))
    except csv.Error as cause:
        raise InputError(f"broken CSV: {cause}", place=Place(place, rows.line_num)) from cause


def convert(document: Document, shape: type[Shape], key: Key = ()) -> Shape:
    """The part of `document` under `key` as the msgspec type `shape`.

    Raises:
        InputError: a missing, misspelt, mistyped or out-of-range field, with its line and the allowed values.
    """
    part = document.data
    for step in key:
        part = part[step]
    try:
        return msgspec.convert(part, shape)
    except msgspec.ValidationError as cause:
        raise explain_mismatch(document, shape, key, str(cause)) from cause


def explain_mismatch(document: Document, shape: Any, key: Key, complaint: str, part: Any = None) -> InputError:
    """msgspec's complaint (`... - at `$.sites[0].region``) in our words, with the line it stands on.

    `part` is what was converted, where that is not just what stands under `key`.
    """
    problem, _, spot = complaint.partition(" - at `$")
    under = _walk(document.data, key) if part is None else part
    path = _whole_path(under, shape, spot.rstrip("`"), complaint)
    place, found, expected = document.place((*key, *path)), _walk(under, path), _type_at(shape, path)
    unknown = re.search(r"unknown field `(.+)`", problem)
    if unknown:
        fields = [one.encode_name for one in getattr(expected, "fields", ())]
        return InputError(
            f"unknown field {unknown[1]!r}",
            place=document.place((*key, *path, unknown[1])),
            allowed=fields,
            nearest=nearest(unknown[1], fields, 1),
        )
    missing = re.search(r"missing required field `(.+)`", problem)
    if missing:
        return InputError(f"missing field {missing[1]!r}", place=place)
    allowed = [str(one) for one in expected.values] if isinstance(expected, msgspec.inspect.LiteralType) else None
    return InputError(
        "is none of the allowed values" if allowed else _in_words(problem[0].lower() + problem[1:]),
        place=place,
        found=None if isinstance(found, dict) else found,
        allowed=allowed,
        nearest=nearest(found, allowed, 1) if allowed and isinstance(found, str) else (),
    )


WORDS = {
    "float": "a number",
    "int": "a whole number",
    "str": "text",
    "bool": "true or false",
    "object": "a table",
    "array": "a list",
    "null": "nothing",
}


def _in_words(problem: str) -> str:
    """msgspec's type names as words: "expected a number or a table, got text"."""
    return re.sub(
        r"`([a-z]+(?: \| [a-z]+)*)`",
        lambda named: " or ".join(
            WORDS.get(one, one) for one in named[1].split(" | ") if one != "null" or named[1] == one
        ),
        problem,
    )


def _whole_path(part: Any, shape: Any, spot: str, complaint: str) -> Key:
    """`.sites[...].region` as a key.

    msgspec elides the names in a table: the culprit is the row that complains so when it stands alone.
    """
    path: Key = ()
    for name, index in re.findall(r"\.?([^.\[\]]+)|\[(\d+|\.\.\.)\]", spot):
        if index != "...":
            path += (int(index) if index else name,)
            continue
        table = _walk(part, path)
        for one in table if isinstance(table, dict) else ():
            alone = _with(part, path, {one: table[one]})
            try:
                msgspec.convert(alone, shape)
            except msgspec.ValidationError as again:
                if str(again) == complaint:
                    part, path = alone, (*path, one)
                    break
        else:
            break
    return path


def _walk(data: Any, key: Key) -> Any:
    for step in key:
        data = data[step] if _holds(data, step) else None
    return data


def _with(data: Any, key: Key, value: Any) -> Any:
    """A copy of `data` with `value` under `key`."""
    if not key:
        return value
    changed: dict[Any, Any] = dict(data) if isinstance(data, dict) else dict(enumerate(data))
    changed[key[0]] = _with(changed[key[0]], key[1:], value)
    return changed if isinstance(data, dict) else list(changed.values())


def _type_at(shape: Any, key: Key) -> Any:
    """msgspec's description of the type that stands at `key` inside `shape`; of a union, what is not null."""
    info = _not_null(msgspec.inspect.type_info(shape))
    for step in key:
        if isinstance(info, msgspec.inspect.StructType):
            info = next((one.type for one in info.fields if one.encode_name == step), None)
        elif isinstance(info, msgspec.inspect.DictType):
            info = info.value_type
        elif isinstance(info, msgspec.inspect.ListType | msgspec.inspect.VarTupleType):
            info = info.item_type
        info = _not_null(info)
    return info


def _not_null(info: Any) -> Any:
    while isinstance(info, msgspec.inspect.UnionType | msgspec.inspect.Metadata):
        if isinstance(info, msgspec.inspect.Metadata):
            info = info.type
        else:
            info = next((one for one in info.types if not isinstance(one, msgspec.inspect.NoneType)), None)
    return info


def _holds(container: Any, step: str | int) -> bool:
    if isinstance(container, dict):
        return step in container
    return isinstance(container, list) and isinstance(step, int) and step < len(container)


class _Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """The safe loader with the scalars of YAML 1.2's core schema and no timestamps."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


for _tag, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", "n~\0"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first))
_Loader.yaml_implicit_resolvers.setdefault("", []).append(("tag:yaml.org,2002:null", re.compile(r"^$")))


def _refuse_bombs(text: str, file: str) -> None:
    """Aliases and deep nesting, before anything is built: libyaml's composer recurses until the process dies."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        place = Place(file, event.start_mark.line + 1 if event.start_mark else None)
        if getattr(event, "anchor", None) is not None:
            raise InputError("anchors (&) and aliases (*) are not read", place=place, remedy="write the value out")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MOST_DEPTH:
            raise InputError(_TOO_DEEP, place=place)


def _build(loader: Any, node: Any, key: Key, lines: dict[Key, int], file: str) -> Any:
    line = node.start_mark.line + 1
    lines.setdefault(key, line)
    if not isinstance(node, yaml.ScalarNode) and not node.tag.endswith((":seq", ":map")):
        raise InputError(f"the tag {node.tag} is not read", place=Place(file, line))
    if isinstance(node, yaml.SequenceNode):
        return [_build(loader, child, (*key, at), lines, file) for at, child in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        table: dict[str, Any] = {}
        for name_node, child in node.value:
            if not isinstance(name_node, yaml.ScalarNode):
                raise InputError("a key must be plain text", place=Place(file, name_node.start_mark.line + 1))
            name, inner = name_node.value, (*key, name_node.value)
            if name in table:
                place = Place(file, name_node.start_mark.line + 1, spell(inner))
                raise InputError("stands twice", place=place, remedy=f"first on line {lines[inner]}")
            lines[inner] = name_node.start_mark.line + 1
            table[name] = _build(loader, child, inner, lines, file)
        return table
    if node.tag.endswith((":int", ":float")):
        return _number(node.value, whole=node.tag.endswith(":int"), place=Place(file, line))
    if node.tag.endswith(":str"):
        return node.value
    if node.tag.endswith(":bool"):
        return node.value == "true"
    if node.tag.endswith(":null"):
        return None
    raise InputError(f"the tag {node.tag} is not read", place=Place(file, line))


def _number(text: str, whole: bool, place: Place) -> int | float:
    """A number; a whole one that 64 bits can't hold is read as a real one, as most readers of JSON do."""
    try:
        return (
            int(text)
            if whole and len(text) <= DIGITS_OF_64_BITS
            else float(text.replace(".inf", "inf").replace(".nan", "nan"))
        )
    except ValueError as cause:
        raise InputError("is not a number", place=place, found=text) from cause
