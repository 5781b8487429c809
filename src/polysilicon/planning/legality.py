"""The law as the planner asks it: may this chip come to this site, for this entity, in each quarter."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip
from polysilicon.facts.law import Consequence
from polysilicon.policy import Items, Transaction, Verdict, Verdicts, judge
from polysilicon.policy.law import PERMISSIONS
from polysilicon.policy.verdict import Flip
from polysilicon.records.dates import Quarter
from polysilicon.records.interval import Bools
from polysilicon.scenario import Entity


@dataclass(frozen=True)
class Ruling:
    """What the law says of one chip at one place on the first day of each quarter; the worst act decides.

    `act` is the transaction that decided, by quarter, so that it can be explained.
    """

    permission: NDArray[np.str_]
    accepted: Bools
    assumed: Bools
    outcome: NDArray[np.str_]
    item_class: NDArray[np.str_]
    act: tuple[Transaction, ...]


def rulings(
    catalogue: Catalogue,
    chips: Sequence[Chip],
    country: str,
    entity: Entity,
    quarters: Sequence[Quarter],
    accepted: Sequence[str],
) -> dict[str, Ruling]:
    """A ruling on each chip for use by `entity` in `country`. A part comes from its maker's country.

    Asked are the export (a part from elsewhere) and the import on the other side, or the use of a domestic part;
    each for the entity's own headquarters and its ultimate parent's.
    """
    return rulings_on(catalogue, chips, country, entity, [quarter.first_day for quarter in quarters], accepted)


def rulings_on(
    catalogue: Catalogue,
    chips: Sequence[Chip],
    country: str,
    entity: Entity,
    days: Sequence[dt.date],
    accepted: Sequence[str],
) -> dict[str, Ruling]:
    """As `rulings`, on days instead of quarters."""
    found: dict[str, list[tuple[Verdicts, int]]] = {}
    for origin in sorted({chip.vendor_country for chip in chips}):
        mine = [chip for chip in chips if chip.vendor_country == origin]
        items = Items.from_chips(catalogue, mine)
        acts = list(acts_of(origin, country, entity))
        for day in days:
            verdicts = [judge(catalogue, items, act, day) for act in acts]
            for at, chip in enumerate(mine):
                ranks = [PERMISSIONS.index(str(one.permission[at])) for one in verdicts]
                worst = verdicts[ranks.index(max(ranks))]
                found.setdefault(chip.id, []).append((worst, at))
    return {name: _ruling(rows, accepted) for name, rows in found.items()}


def acts_of(origin: str, country: str, entity: Entity) -> Iterator[Transaction]:
    """What is done when a part made in `origin` comes to `country` for an entity: each act that the law is asked."""
    for place in dict.fromkeys((entity.headquarters, entity.ultimate_parent)):
        export = Transaction(
            to=country,
            exported_from=origin,
            headquarters=place,
            end_use="datacenter",
            party_kind="AI company" if entity.ai_company else None,
        )
        if origin == country:
            yield replace(export, activity="use")
        else:
            yield export
            yield replace(export, activity="import")


def _ruling(rows: Sequence[tuple[Verdicts, int]], accepted: Sequence[str]) -> Ruling:
    permission = np.asarray([str(one.permission[at]) for one, at in rows])
    return Ruling(
        permission=permission,
        accepted=np.isin(permission, list(accepted)),
        assumed=np.asarray([one.assumed for one, _ in rows]),
        outcome=np.asarray([str(one.consequence[at]) for one, at in rows]),
        item_class=np.asarray([str(one.item_class[at]) for one, at in rows]),
        act=tuple(one.transaction for one, _ in rows),
    )


def margin(catalogue: Catalogue, verdict: Verdict) -> str:
    """How far the part is from the nearest line whose crossing would change what follows, in words.

    Empty where no line that is known would: one that leads to the same consequence is no line.
    """
    flips = [flip for flip in verdict.flips if flip.change is not None and _leads_elsewhere(catalogue, verdict, flip)]
    if not flips:
        return ""
    near = min(flips, key=lambda flip: abs(flip.change_pct) if flip.change_pct is not None else np.inf)
    side = "more" if (near.change or 0.0) > 0 else "less"
    share = "" if near.change_pct is None else f" ({abs(near.change_pct):.2g} %)"
    name = "TPP" if near.quantity == "tpp" else near.quantity.replace("_", " ")
    then = catalogue.get(Consequence, near.consequence).words
    return f"with {name} {abs(near.change or 0.0):,.6g}{share} {side}: {then}"


def _leads_elsewhere(catalogue: Catalogue, verdict: Verdict, flip: Flip) -> bool:
    if flip.consequence == verdict.consequence:
        return False
    return catalogue.get(Consequence, flip.consequence).permission != "undetermined"


def undetermined(verdict: Verdict) -> str:
    """Why the law gives no answer: the figures that no source gives, else what its deciding rule says."""
    if verdict.missing:
        return f"the law is undetermined: no source gives {', '.join(verdict.missing)}"
    decided = [one.notes for one in verdict.findings if one.id in verdict.decided_by and one.notes]
    return f"the law is undetermined: {verdict.regime}: {decided[0] if decided else verdict.words}"
