"""What a holding does in the eyes of the law, and what the law of a day says of it."""

import datetime as dt
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from polysilicon.facts import Catalogue
from polysilicon.facts.law import Permission
from polysilicon.policy import PERMISSIONS, Transaction, Verdict, described, explain, judge
from polysilicon.records.errors import InputError, Unsupported
from polysilicon.watch.alert import Judged
from polysilicon.watch.holding import Holding


@dataclass(frozen=True)
class Opinion:
    """The verdict on one act of a holding on a day: in full, and as an alert gives it."""

    verdict: Verdict
    judged: Judged

    @property
    def rank(self) -> int:
        """How bad, from best to worst."""
        return PERMISSIONS.index(self.verdict.permission)


def acts(holding: Holding) -> tuple[Transaction, ...]:
    """What the law is asked about a holding.

    Of a part, the acts that bring it to where it is: its export and import, or its use where it was made. Of a site,
    that it is operated there; of a model, that it is trained by its owner and placed on each market. Each is asked for
    the headquarters of the owner and of the ultimate parent. None where part, place or owner is not known.
    """
    owner = holding.owner
    seats = dict.fromkeys((owner.headquarters, owner.ultimate_parent)) if owner else {}
    return tuple(act for seat in seats for act in _acts(holding, seat))


def _acts(holding: Holding, seat: str) -> Iterator[Transaction]:
    place = holding.country
    if holding.kind == "model":
        yield Transaction(seat, headquarters=seat, activity="train")
        yield from (Transaction(one, headquarters=seat, activity="place_on_market") for one in holding.offered_in)
    elif holding.kind == "site" and place is not None:
        yield Transaction(place, headquarters=seat, activity="operate", region=holding.subdivision)
    elif holding.chip is not None and place is not None:
        origin = holding.chip.vendor_country
        if origin == place:
            yield Transaction(place, origin, seat, activity="use", end_use="datacenter")
        else:
            yield Transaction(place, origin, seat, activity="export", end_use="datacenter")
            yield Transaction(place, origin, seat, activity="import", end_use="datacenter")


@dataclass(frozen=True)
class _Thing:
    """What is judged: a chip of the catalogue, or a site or model with the figures that are said of it."""

    name: str
    kind: str | None
    said: tuple[tuple[str, str], ...] = ()


def opinions(catalogue: Catalogue, holding: Holding, on: dt.date) -> tuple[Opinion, ...]:
    """What the law of a day says of each act of a holding; acts that no law hears, or so early a day, are left out."""
    if holding.kind in ("site", "model"):
        thing = _Thing("", holding.kind, holding.said)
    elif holding.chip is not None:
        thing = _Thing(holding.chip.id, None)
    else:
        return ()
    return _opinions(catalogue, thing, acts(holding), on)


@functools.lru_cache(maxsize=4096)
def _opinions(
    catalogue: Catalogue, thing: _Thing, all_acts: tuple[Transaction, ...], on: dt.date
) -> tuple[Opinion, ...]:
    items = described(catalogue, thing.name, thing.kind, dict(thing.said))
    found: list[Opinion] = []
    for act in all_acts:
        try:
            verdict = explain(judge(catalogue, items, act, on), 0, flips=False)
        except (Unsupported, InputError):
            continue
        found.append(Opinion(verdict, _judged(verdict, act)))
    return tuple(found)


def _judged(verdict: Verdict, act: Transaction) -> Judged:
    route = f"from {act.exported_from} to {act.to}" if act.exported_from else f"in {act.to}"
    return Judged(
        on=verdict.on,
        act=f"{act.activity.replace('_', ' ')} {route}, headquarters {act.headquarters}",
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
