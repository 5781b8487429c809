"""Items under judgement as a struct of arrays: one chip is a table of length one."""

import calendar
import datetime as dt
import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip
from polysilicon.facts.reading import spread_of
from polysilicon.facts.record import USER
from polysilicon.policy.vocabulary import CHIP_FIELDS
from polysilicon.records.errors import InputError
from polysilicon.records.interval import Interval, Truth

Flag = bool | None
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True)
class Labels:
    """A column of words: the different ones, and for each item which of them."""

    values: tuple[str, ...]
    codes: NDArray[np.intp]

    @classmethod
    def of(cls, words: str | Sequence[str], count: int) -> "Labels":
        """One word for all `count` items, or one each."""
        if isinstance(words, str):
            return cls((words,), np.zeros(count, np.intp))
        values = dict.fromkeys(words)
        at = {word: code for code, word in enumerate(values)}
        return cls(tuple(values), np.array([at[word] for word in words], np.intp))

    def where(self, held: Sequence[bool]) -> Truth:
        """Two-valued truth by word; one word for all gives truth without a shape, which costs nothing."""
        if len(self.values) == 1:
            return Truth.of(held[0])
        return Truth.of(np.asarray(held, bool)[self.codes])

    def take(self, rows: NDArray[np.intp]) -> "Labels":
        """The items at `rows`."""
        return Labels(self.values, self.codes[rows])

    def __getitem__(self, at: int) -> str:
        return self.values[int(self.codes[at])]


@dataclass(frozen=True)
class Items:
    """What is judged: numbers by chip field or defined quantity (intervals), and the words that rules ask for.

    A number that is absent or NaN is unknown. A part without non-planar logic has an `applicable_die_area` of
    zero, which leaves its performance density undefined. `designer` is the ISO code of the designer's
    headquarters; a designer or vendor that is not stated (empty) is taken to be none that a rule names. `said` are
    the words that the asker laid over a chip of the catalogue.
    """

    count: int
    ids: Labels
    name: Labels
    vendor: Labels
    designer: Labels
    kind: Labels
    flags: Mapping[str, Truth]
    fields: Mapping[str, Interval]
    catalogued: bool = False
    said: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return self.count

    def flag(self, name: str) -> Truth:
        """Whether each item is what a flag of the vocabulary says; unknown where it is not said."""
        return self.flags.get(name, Truth.unknown())

    @classmethod
    def from_columns(
        cls,
        columns: Mapping[str, ArrayLike | Interval],
        *,
        count: int | None = None,
        ids: str | Sequence[str] = "",
        name: str | Sequence[str] = "",
        vendor: str | Sequence[str] = "",
        designer: str | Sequence[str] = "",
        kind: str | Sequence[str] = "processor",
        datacenter: Flag | Sequence[Flag] = True,
        flags: Mapping[str, Flag | Sequence[Flag]] = {},  # read only
    ) -> "Items":
        """Items from raw columns, such as `{"tpp": [...], "die_area_mm2": [...], "memory_bw_gbs": [...]}`.

        Numbers are in the unit that their field or definition states; `datacenter` says for whom the part is
        designed or marketed, `None` where that is not clear; `flags` says the same of any other flag.

        Raises:
            InputError: a negative number.
        """
        fields = {field: _interval(field, column) for field, column in columns.items()}
        if count is None:
            count = max((one.lo.size for one in fields.values()), default=1)
        return cls(
            count=count,
            ids=Labels.of(ids, count),
            name=Labels.of(name, count),
            vendor=Labels.of(vendor, count),
            designer=Labels.of(designer, count),
            kind=Labels.of(kind, count),
            flags={"datacenter": _flags(datacenter)} | {one: _flags(said) for one, said in flags.items()},
            fields=fields,
        )

    @classmethod
    def from_chips(cls, catalogue: Catalogue, chips: Sequence[str | Chip]) -> "Items":
        """Chips of the catalogue, by id, alias or record.

        A value's stated range is its interval; one from memory is as wide as the catalogue's spread for such.

        Raises:
            UnknownName: no chip is called so.
        """
        found = [one if isinstance(one, Chip) else catalogue.get(Chip, one) for one in chips]
        return cls(
            count=len(found),
            ids=Labels.of([one.id for one in found], len(found)),
            name=Labels.of([" | ".join((one.id, one.name, *one.aliases)) for one in found], len(found)),
            vendor=Labels.of([one.vendor for one in found], len(found)),
            designer=Labels.of([one.vendor_country for one in found], len(found)),
            kind=Labels.of("processor", len(found)),
            flags={
                "datacenter": _flags([one.segment == "datacenter" for one in found]),
            },
            fields={field: _column(catalogue, found, field) for field in CHIP_FIELDS}
            | {"available": _available(catalogue, found)},
            catalogued=True,
        )

    def take(self, rows: Sequence[int] | NDArray[np.intp]) -> "Items":
        """The items at `rows`, in that order."""
        at = np.asarray(rows, np.intp)
        return Items(
            count=at.size,
            ids=self.ids.take(at),
            name=self.name.take(at),
            vendor=self.vendor.take(at),
            designer=self.designer.take(at),
            kind=self.kind.take(at),
            flags={name: Truth(_rows(one.certainly, at), _rows(one.possibly, at)) for name, one in self.flags.items()},
            fields={name: Interval(_rows(one.lo, at), _rows(one.hi, at)) for name, one in self.fields.items()},
            catalogued=self.catalogued,
            said=self.said,
        )

    def having(self, field: str, values: ArrayLike) -> "Items":
        """The same items with one number replaced: what would be if."""
        return replace(self, fields={**self.fields, field: Interval.exactly(values)})


def _available(catalogue: Catalogue, chips: Sequence[Chip]) -> Interval:
    """The first day on which each could be bought, as an ordinal: as wide as the date is vague.

    One that is not sold came no earlier than the day on which that was read.
    """
    spans = [_first_and_last(one.available) if one.available else (_unsold(catalogue, one), np.inf) for one in chips]
    lo, hi = np.array(spans, float).reshape(-1, 2).T
    return Interval(lo, hi)


def _unsold(catalogue: Catalogue, chip: Chip) -> float:
    """The day on which the earliest source was read that has a chip as not sold; 0 where it is sold or none was read.

    The user's own word bears no day, so it moves nothing.
    """
    if chip.status == "shipping":
        return 0.0
    read = [catalogue.source(key).read for key in chip.origin("status").sources if key != USER]
    return min((_first_and_last(day)[0] for day in read if day), default=0.0)


def _first_and_last(day: str) -> tuple[float, float]:
    """The ordinals that a date of the catalogue spans: a day, a month or a year."""
    year, month, *_ = (*map(int, day.split("-")), 0, 0)
    if len(day) == len("YYYY-MM-DD"):
        first = last = dt.date.fromisoformat(day)
    else:
        first = dt.date(year, month or 1, 1)
        last = dt.date(year, month or 12, calendar.monthrange(year, month or 12)[1])
    return float(first.toordinal()), float(last.toordinal())


def named(label: str, wanted: Sequence[str]) -> bool:
    """Whether one of `wanted` stands in `label` as whole words, whatever the case and punctuation between them."""
    text = _words(label)
    return any(f" {_words(one).strip()} " in text for one in wanted)


def called(label: str, wanted: Sequence[str]) -> bool:
    """Whether `label` is one of `wanted`, or lists only such, whatever the case and punctuation."""
    known = {_words(one) for one in wanted}
    return all(_words(part) in known for part in re.split(r"[,;/]|\band\b", label) if part.strip())


@functools.lru_cache(maxsize=4096)
def _words(text: str) -> str:
    words = " ".join(re.findall(r"[^\W_]+|[|]", text.casefold()))
    return f" {words} "


def _interval(field: str, column: ArrayLike | Interval) -> Interval:
    found = column if isinstance(column, Interval) else Interval.exactly(column)
    if np.any(found.lo < 0):
        raise InputError(f"{field} is negative", found=float(np.min(found.lo)), allowed="a number of 0 or more")
    return found


def _flags(flags: Flag | Sequence[Flag]) -> Truth:
    if flags is None or isinstance(flags, bool):
        return Truth.unknown() if flags is None else Truth.of(flags)
    return Truth(np.array([one is True for one in flags]), np.array([one is not False for one in flags]))


def _column(catalogue: Catalogue, chips: Sequence[Chip], field: str) -> Interval:
    """A field of every chip: what a source states is a point, unless it states a range; memory is never a point."""
    lo, hi = np.zeros(len(chips)), np.full(len(chips), np.inf)
    for at, chip in enumerate(chips):
        value = getattr(chip, field)
        if value is not None:
            origin = chip.origin(field)
            spread = spread_of(catalogue, origin) if origin.confidence == "unverified" else 0.0
            lo[at] = value * (1.0 - spread) if origin.low is None else origin.low
            hi[at] = value * (1.0 + spread) if origin.high is None else origin.high
    return Interval(lo, hi)


def _rows(column: NDArray[Scalar], at: NDArray[np.intp]) -> NDArray[Scalar]:
    return column if column.ndim == 0 else column[at]
