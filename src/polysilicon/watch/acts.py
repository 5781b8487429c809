"""What a holding does in the eyes of the law, and what the law of a day says of it."""

import datetime as dt
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from polysilicon.facts import Catalogue
from polysilicon.facts.law import Permission
from polysilicon.policy import PERMISSIONS, Items, Transaction, Verdict, explain, judge
from polysilicon.records.errors import InputError, Unsupported
from polysilicon.watch.alert import Judged
from polysilicon.watch.holdings import Holding


@dataclass(frozen=True)
class Opinion:
    """The verdict on the worst act of a holding on a day: in full, and as an alert gives it."""

    verdict: Verdict
    judged: Judged

    @property
    def rank(self) -> int:
        """How bad, from best to worst."""
        return PERMISSIONS.index(self.verdict.permission)


def acts(holding: Holding) -> tuple[Transaction, ...]:
    """The acts that bring a holding's part to where it is: its export and import, or its use where it was made.

    Each is asked for the headquarters of its owner and of the ultimate parent. None where no part, place or owner is
    known.
    """
    if holding.chip is None or holding.country is None or holding.owner is None:
        return ()
    return tuple(_acts(holding.chip.vendor_country, holding.country, holding))


def _acts(origin: str, country: str, holding: Holding) -> Iterator[Transaction]:
    owner = holding.owner
    seats = (owner.headquarters, owner.ultimate_parent) if owner else ()
    for seat in dict.fromkeys(seats):
        if origin == country:
            yield Transaction(country, origin, seat, activity="use", end_use="datacenter")
        else:
            yield Transaction(country, origin, seat, activity="export", end_use="datacenter")
            yield Transaction(country, origin, seat, activity="import", end_use="datacenter")


def opinion(catalogue: Catalogue, holding: Holding, on: dt.date) -> Opinion | None:
    """What the law of a day says of a holding; `None` where no law that was read hears it or so early a day."""
    if holding.chip is None:
        return None
    return _opinion(catalogue, holding.chip.id, acts(holding), on)


@functools.lru_cache(maxsize=4096)
def _opinion(catalogue: Catalogue, chip: str, all_acts: tuple[Transaction, ...], on: dt.date) -> Opinion | None:
    items = Items.from_chips(catalogue, [chip])
    found: list[Opinion] = []
    for act in all_acts:
        try:
            verdict = explain(judge(catalogue, items, act, on), 0, flips=False)
        except (Unsupported, InputError):
            continue
        found.append(Opinion(verdict, _judged(verdict, act)))
    return max(found, key=lambda one: one.rank, default=None)


def _judged(verdict: Verdict, act: Transaction) -> Judged:
    seat = f", headquarters {act.headquarters}" if act.headquarters else ""
    return Judged(
        on=verdict.on,
        act=f"{act.activity} from {act.exported_from} to {act.to}{seat}",
        item_class=verdict.item_class,
        consequence=verdict.consequence,
        permission=verdict.permission,
        words=verdict.words,
        citations=verdict.citations,
        undetermined=verdict.undetermined,
    )


def is_lawful(permission: Permission, accepted: tuple[str, ...]) -> bool:
    """Whether the user counts it as lawful."""
    return permission in accepted


@functools.lru_cache(maxsize=4096)
def places_in(citation: str) -> frozenset[str]:
    """The places in codes that a citation names, as precisely as it does: `15 CFR 742.6`, `15 CFR 774 Supp. 1`.

    What stands in brackets is a paragraph, or a remark.
    """
    found: set[str] = set()
    for title, rest in re.findall(r"(\d+) CFR ([^;]*)", re.sub(r"\([^()]*\)", "", citation)):
        for part, section, supplement in re.findall(r"\b(\d{1,4})(?:\.(\d+\w?))?(?: Supp\. (\d+))?", rest):
            behind = f".{section}" if section else f" Supp. {supplement}" if supplement else ""
            found.add(f"{title} CFR {part}{behind}")
    return frozenset(found)


def meets(place: str, cited: str) -> bool:
    """Whether a change at one place of a code bears on what cites another: the same, or one is a part of the other."""
    part, other = (re.split(r"\.| Supp", one)[0] for one in (place, cited))
    return place == cited or (part == other and (place == part or cited == other))
