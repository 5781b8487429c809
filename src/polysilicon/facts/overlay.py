"""The user's own file: records that add to the catalogue, or override some fields of ours."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from polysilicon.facts.compiler import check_sources, to_record, unfold
from polysilicon.facts.kinds import KINDS, Kind
from polysilicon.facts.porting import ASKED, CLASSES, PortRule, PortTarget
from polysilicon.facts.record import PROVENANCE_FIELDS, USER, Record, Source
from polysilicon.records.document import Document, Key, convert
from polysilicon.records.errors import InputError, UnknownName
from polysilicon.records.names import nearest

Records = dict[str, dict[str, Record]]

# What the loader fills in itself, from how a value is written and where it stands.
_OURS_TO_FILL = frozenset({"id", "exceptions", "theirs", "overridden"})
# Tables of which an override names some keys, and leaves us the others: what one target means, one kind of pattern.
_BY_KEY = {"port-rule": ("python", "lines", "verdicts"), "port-target": ("chips",)}


def read_theirs(
    document: Document,
    key: Key,
    ours: Callable[[str, str], Record | None],
    ids: Callable[[type[Record]], Collection[str]],
    known: Mapping[str, Source],
) -> tuple[Records, dict[str, Source]]:
    """The user's records by kind and id, and their sources; `ours(kind, id)` finds what they may override, of `ids`.

    Raises:
        InputError: an unknown kind, or a record that breaks its schema.
    """
    tables = document.data
    for step in key:
        tables = tables[step]
    if not isinstance(tables, dict):
        raise InputError("must be tables of records by kind", place=document.place(key), found=tables)
    sources = {USER: Source(key=USER, title=document.file, publisher="you", url=None, read=None)}
    for name in _rows(document, (*key, "sources"), tables.get("sources", {})):
        sources[name] = msgspec.structs.replace(convert(document, Source, (*key, "sources", name)), key=name)
    by_folder = {kind.folder: kind for kind in KINDS.values()}
    records: Records = {}
    for folder, table in tables.items():
        if folder == "sources":
            continue
        if folder not in by_folder:
            raise UnknownName(
                f"unknown kind of fact {folder!r}",
                place=document.place((*key, folder)),
                allowed=[*sorted(by_folder), "sources"],
                nearest=nearest(folder, by_folder, 1),
            )
        kind = by_folder[folder]
        for name, fields in _rows(document, (*key, folder), table).items():
            inner = (*key, folder, name)
            own = ours(kind.name, name)
            try:
                record = _laid_over(kind, own, fields, document, inner)
            except InputError as complaint:
                if own is None and complaint.problem.startswith("missing field"):
                    raise _of_no_id_of_ours(complaint, name, ids(kind.record)) from complaint
                raise
            check_sources(record, {**known, **sources}, document.place(inner))
            records.setdefault(kind.name, {})[name] = record
    targets = {*CLASSES, *ids(PortTarget), *records.get("port-target", {})}
    for name, record in records.get("port-rule", {}).items():
        for one in record.verdicts if isinstance(record, PortRule) else ():
            if one not in targets:
                raise UnknownName(
                    "neither a target nor a class of targets",
                    place=document.place((*key, "porting/rules", name, "verdicts", one)),
                    found=one,
                    allowed=sorted(targets),
                    nearest=nearest(one, targets, 1),
                )
    return records, sources


def _laid_over(kind: Kind, ours: Record | None, fields: dict[str, Any], document: Document, key: Key) -> Record:
    """The user's record: whole where the id is new, else ours with the fields they name.

    What they say of a value without a source or a confidence is theirs and an estimate.
    """
    for field in fields:
        if field in _OURS_TO_FILL:
            raise InputError(
                f"{field!r} is no field to write",
                place=document.place((*key, field)),
                remedy="what differs for one value stands beside it: {value: 700, confidence: press}",
            )
    said = unfold(kind, fields)
    origin = {"from": said.pop("from", [USER]), "confidence": said.pop("confidence", "estimate")}
    if ours is None:
        return to_record(kind, {"id": key[-1], **origin, **said, "theirs": document.file}, document, key)
    plain = msgspec.to_builtins(ours)
    overridden = [field for field in said if field not in PROVENANCE_FIELDS]
    stated = said.pop("exceptions", {})
    exceptions = plain.get("exceptions", {}) | {one: origin | stated.get(one, {}) for one in overridden}
    if "value" in said:  # our range was of our value
        plain = {name: one for name, one in plain.items() if name not in ("low", "high")}
    for field in _BY_KEY.get(kind.name, ()):
        if isinstance(said.get(field), dict):
            said[field] = plain.get(field, {}) | said[field]
    aliases = said.get("aliases", [])
    wholly_theirs = ours.theirs and not ours.overridden
    merged = {
        **plain,
        **said,
        "aliases": [*ours.aliases, *aliases] if isinstance(aliases, list) else aliases,
        "exceptions": exceptions,
        "theirs": document.file,
        "overridden": [] if wholly_theirs else [*ours.overridden, *overridden],
    }
    record = to_record(kind, merged, document, key)
    if isinstance(ours, PortRule) and isinstance(record, PortRule):
        _keep_what_is_asked_for(ours, record, document, key)
    return record


def _keep_what_is_asked_for(ours: PortRule, theirs: PortRule, document: Document, key: Key) -> None:
    """A reader that recognises something by itself asks for its rule by name: there must still be one."""
    for kind, asked in ASKED.items():
        for one in ours.python.get(kind, ()):
            if one in asked and one not in theirs.python.get(kind, ()):
                raise InputError(
                    f"lacks {one!r}, which readers ask this rule for",
                    place=document.place((*key, "python", kind)),
                    found=list(theirs.python.get(kind, ())),
                    allowed=f"a list with {one!r}",
                    remedy="verdicts of `runs` silence a rule",
                )


def _of_no_id_of_ours(complaint: InputError, name: str, ids: Collection[str]) -> InputError:
    """That a record is not whole, which most often means that the id it was to override is spelt otherwise."""
    longer = [one for one in ids if f"-{name}-" in f"-{one}-"]
    return InputError(
        f"{complaint.problem}, and no id of ours is {name!r}",
        place=complaint.place,
        nearest=longer[:3] or nearest(name, ids),
        remedy="an override names an id in full; a record of a new id must be whole",
    )


def _rows(document: Document, key: Key, table: Any) -> dict[str, dict[str, Any]]:
    """A table of tables, or a complaint on the line where it is not one."""
    if not isinstance(table, dict):
        raise InputError("must be a table of records by id", place=document.place(key), found=table)
    for name, fields in table.items():
        if not isinstance(fields, dict):
            raise InputError("must be a table of fields", place=document.place((*key, name)), found=fields)
    return table
