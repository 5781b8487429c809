"""A thing to be judged, described in words: a chip of the catalogue with some figures changed, or any other thing."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip, System
from polysilicon.policy.items import Flag, Items, Labels
from polysilicon.policy.vocabulary import DAYS, FIELDS, FIELDS_BY_KIND, FLAGS, KINDS, STATED
from polysilicon.records.dates import day
from polysilicon.records.errors import InputError, Place, UnknownName
from polysilicon.records.interval import Interval, Truth
from polysilicon.records.names import nearest

LABELS_SAID = ("vendor", "designer")
ANSWERS: Mapping[str, Flag] = {"yes": True, "true": True, "no": False, "false": False, "unknown": None}


def described(catalogue: Catalogue, name: str, kind: str | None, said: Mapping[str, str]) -> Items:
    """A table of one: the chip called `name` with what is `said` laid over it, or a thing of `kind` so called.

    Numbers are written plainly or as a range `1.2..1.4`; days YYYY-MM-DD; flags yes, no or unknown. What is not
    said of a thing outside the catalogue is unknown.

    Raises:
        UnknownName: no such chip, kind, field or flag.
        InputError: a value that is none.
    """
    if kind is not None and kind not in KINDS:
        raise UnknownName(f"unknown kind {kind!r}", allowed=KINDS, nearest=nearest(kind, KINDS))
    if kind not in (None, "processor") and name in catalogue.ids(Chip):
        raise InputError(f"{name} is a processor", place=Place(field="kind"), found=kind, remedy="leave --kind out")
    if kind in (None, "processor") and name:
        items = Items.from_chips(catalogue, [_chip(catalogue, name)])
    else:
        what = kind or "processor"
        items = Items.from_columns({}, count=1, ids=name or what, name=name, kind=what, datacenter=None)
    for word, text in said.items():
        items = _with(items, word, text)
    return items


def _chip(catalogue: Catalogue, name: str) -> str:
    """The chip called so, or the one in the system called so: its entries (4A090, .z) follow the class of the chip."""
    try:
        catalogue.get(Chip, name)
    except UnknownName:
        if name in catalogue.ids(System):
            inside = catalogue.get(System, name).chip_id
            if inside is not None:
                return inside
        raise
    return name


def _with(items: Items, word: str, text: str) -> Items:
    kind = items.kind.values[0]
    if word in FLAGS:
        return replace(items, flags={**items.flags, word: _flag(word, text)}, said=items.said | {word})
    if word in LABELS_SAID:
        labels: dict[str, Any] = {word: Labels.of(text, 1)}
        return replace(items, said=items.said | {word}, **labels)
    allowed = (*FIELDS_BY_KIND[kind], *(STATED if kind in ("processor", "memory") else ()))
    if word not in allowed:
        every = (*allowed, *FLAGS, *LABELS_SAID)
        wrong = f"a {kind} has no {word!r}" if word in (*FIELDS, *STATED) else f"unknown word {word!r}"
        raise UnknownName(wrong, allowed=every, nearest=nearest(word, every))
    return replace(items, fields={**items.fields, word: _number(word, text)}, said=items.said | {word})


def _flag(word: str, text: str) -> Truth:
    answer = text.strip().casefold()
    if answer not in ANSWERS:
        raise InputError("is neither yes nor no", place=Place(field=word), found=text, allowed=tuple(ANSWERS))
    flag = ANSWERS[answer]
    return Truth.unknown() if flag is None else Truth.of(flag)


def _number(word: str, text: str) -> Interval:
    if text.strip().casefold() == "unknown":
        return Interval.exactly([float("nan")])
    if word in DAYS:
        try:
            return Interval.exactly([float(day(text.strip()).toordinal())])
        except InputError as complaint:
            raise complaint.at(Place(field=word)) from None
    low, _, high = text.partition("..")
    try:
        ends = [float(low), float(high or low)]
    except ValueError:
        ends = [float("nan"), float("nan")]
    if not 0.0 <= ends[0] <= ends[1] < float("inf"):
        raise InputError(
            "is not a quantity", place=Place(field=word), found=text, allowed="0 or more, a range 1.2..1.4, or unknown"
        )
    if word == "die_area_mm2" and ends[0] == 0.0:
        remedy = "unknown where it is not known; applicable_die_area=0 for a part without non-planar logic"
        raise InputError("no die is without area", place=Place(field=word), found=text, remedy=remedy)
    return Interval(Interval.exactly([ends[0]]).lo, Interval.exactly([ends[1]]).hi)
