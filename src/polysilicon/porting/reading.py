"""One file: from bytes to sightings, whatever is in it. Nothing in a file may stop a scan."""

import codecs
import re
from pathlib import Path

import msgspec

from polysilicon.porting.inventory import Found
from polysilicon.porting.lines import read_lines
from polysilicon.porting.notebooks import code_of
from polysilicon.porting.patterns import IDENTIFIER, Patterns
from polysilicon.porting.python_code import PythonReader
from polysilicon.porting.sighting import FileRead, Sighting, Used, gathered
from polysilicon.porting.syntax import lines_with

# `# port: allow dev-string -- reason`, in any kind of comment; a reason is required.
ALLOW = re.compile(
    r"port:\s*allow(?:\[(?P<set>[^\]]*)\]|\s+(?P<one>[a-z*][\w*-]*(?:\s*,\s*[a-z*][\w*-]*)*))?\s*(?P<rest>.*)$"
)
REASON = re.compile(r"^(?:--|:|—|because)\s*(\S.*?)\s*(?:-->|\*/)?$")
PYTHON_2 = re.compile(
    rb"^\s*(print\s+[\"'\w]|except\s+[\w.]+\s*,\s*\w+\s*:|raise\s+\w+\s*,|exec\s+[\"'])", re.MULTILINE
)
UNREADABLE_TEXT = "invalid UTF-8, read with gaps"
CUDA_CALL = re.compile(r"\.cuda\(|[\"']cuda(:\d+)?[\"']")


def read_file(patterns: Patterns, root: Path, found: Found) -> FileRead:
    """What was seen in a file, or why it was passed over."""
    try:
        raw = (root / found.path).read_bytes()
    except OSError as refusal:
        return FileRead(
            found.path,
            found.kind,
            0,
            skipped="vanished" if not (root / found.path).exists() else "can't be read: " + (refusal.strerror or ""),
        )
    return read_bytes(patterns, found.path, found.kind, raw)


def read_bytes(patterns: Patterns, path: str, kind: str, raw: bytes) -> FileRead:
    """What was seen in these bytes."""
    raw = raw.removeprefix(codecs.BOM_UTF8)
    if b"\r" in raw:  # ends a line as Python and editors count them, alone as well
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines = raw.count(b"\n") + (not raw.endswith(b"\n") and bool(raw))
    if b"\0" in raw:
        return FileRead(path, kind, 0, skipped="binary")
    allowed = allowances(raw) if b"port:" in raw else ()
    if kind in ("python", "notebook"):
        return _python(patterns, path, kind, raw, lines, allowed)
    text = raw.decode("utf-8", "replace")
    seen, doubt = read_lines(patterns, kind, text)
    doubt = UNREADABLE_TEXT if "\ufffd" in text else doubt
    return FileRead(path, kind, lines, gathered(seen, patterns.once), allowed=allowed, doubt=doubt)


def _python(
    patterns: Patterns,
    path: str,
    kind: str,
    raw: bytes,
    lines: int,
    allowed: tuple[tuple[int, str, str], ...],
) -> FileRead:
    places: list[int] = []
    if kind == "notebook":
        try:
            raw, places = code_of(raw)
        except ValueError:
            return FileRead(path, kind, 0, skipped="no notebook")
        lines = len(places)
    reader, doubt = PythonReader(patterns, path), ""
    try:
        reader.read(raw)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as cause:
        doubt = why_unparsed(raw, cause)
        reader = PythonReader(patterns, path)
        try:
            if doubt == UNREADABLE_TEXT:
                reader.read(raw.decode("utf-8", "replace").encode())
            else:
                reader.sightings = by_lines(patterns, raw)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            reader = PythonReader(patterns, path)
            reader.sightings = by_lines(patterns, raw)
    if not doubt and not raw.isascii() and not _is_utf8(raw):
        doubt = UNREADABLE_TEXT
    read = FileRead(
        path,
        kind,
        lines,
        gathered(reader.sightings, patterns.once),
        tuple(reader.definitions),
        tuple(Used(name, tuple(at.items())) for name, at in reader.uses.items()),
        allowed,
        doubt=doubt,
        imports=reader.imports,
        functions=reader.functions,
    )
    return _placed(read, places) if places else read


def why_unparsed(raw: bytes, cause: BaseException) -> str:
    """In words why the parser refused; what is left is read by lines."""
    if (
        isinstance(cause, RecursionError | MemoryError)
        or "too many nested" in str(cause)
        or "too complex" in str(cause)
    ):
        return "nested too deeply, read by lines"
    if not _is_utf8(raw):
        return UNREADABLE_TEXT
    return "Python 2, read by lines" if PYTHON_2.search(raw) else "a syntax error, read by lines"


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return b"coding" in raw[:200]  # it may say that it is something else
    return True


def by_lines(patterns: Patterns, raw: bytes) -> list[Sighting]:
    """Python that no parser takes: names that say CUDA, and its device strings, outside of comments."""
    identifiers = {one.decode("ascii", "ignore") for one in set(IDENTIFIER.findall(raw))}
    hot = [one for one in identifiers if patterns.word(one).rule]
    rows = raw.decode("utf-8", "replace").split("\n")
    seen: list[Sighting] = []
    for number in lines_with(raw, hot):
        row = rows[number - 1].partition("#")[0] if number <= len(rows) else ""
        found = CUDA_CALL.search(row)
        if found:
            rule = patterns.methods["cuda"] if found.group().startswith(".") else patterns.strings["cuda"]
            seen.append(Sighting(rule, number, found.start(), found.group()))
            continue
        for one in re.findall(r"[A-Za-z_]\w*", row):
            if patterns.word(one).rule:
                seen.append(Sighting(patterns.word(one).rule, number, row.find(one), one))
                break
    return seen


def allowances(raw: bytes) -> tuple[tuple[int, str, str], ...]:
    """Inline suppressions: line, rule (`*` for all) and reason; an empty reason suppresses nothing."""
    kept: list[tuple[int, str, str]] = []
    for number, row in enumerate(raw.decode("utf-8", "replace").split("\n"), start=1):
        found = ALLOW.search(row) if "port:" in row else None
        if found:
            rules = found["set"] or found["one"] or "*"
            reason = REASON.match(found["rest"].strip())
            kept += [(number, one.strip(), reason[1] if reason else "") for one in rules.split(",") if one.strip()]
    return tuple(kept)


def _placed(read: FileRead, places: list[int]) -> FileRead:
    """What was seen in the code of a notebook, at the lines of its file: `places` holds one for each line of code."""

    def at(line: int) -> int:
        return places[line - 1] if 0 < line <= len(places) else line

    changed = msgspec.structs.replace
    return changed(
        read,
        sightings=tuple(changed(one, line=at(one.line), within=at(one.within)) for one in read.sightings),
        definitions=tuple(changed(one, line=at(one.line)) for one in read.definitions),
        uses=tuple(Used(one.name, tuple((at(line), column) for line, column in one.places)) for one in read.uses),
        imports=tuple(changed(one, last=at(one.last)) for one in read.imports),
        functions=tuple(changed(one, line=at(one.line)) for one in read.functions),
    )
