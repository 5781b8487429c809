"""What would train this fastest, cheapest or with least energy, and lawfully here: every system asked, one row each."""

import datetime as dt
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from polysilicon.economics import Quote, price_of
from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip, System
from polysilicon.performance import Cluster, Recipe, Space
from polysilicon.performance.leaders import Criterion
from polysilicon.performance.search import Found, search_training
from polysilicon.performance.training import TrainingEstimate
from polysilicon.planning.legality import Ruling, rulings_on
from polysilicon.policy import PERMISSIONS
from polysilicon.records.bounded import Amount, Bounded, unknown
from polysilicon.records.errors import InputError, NothingFits, PolysiliconError, Unsupported
from polysilicon.records.recorder import formula
from polysilicon.records.table import Table
from polysilicon.records.units import KILO, MEGA, S_PER_H
from polysilicon.scenario import Entity
from polysilicon.workloads.model import Workload
from polysilicon.workloads.task import Training


@dataclass(frozen=True)
class Place:
    """Where and when the chips would work, and for whom. Prices and law are those of the day; neither is guessed."""

    country: str
    on: dt.date
    headquarters: str = ""

    @property
    def entity(self) -> Entity:
        """Whoever would run them there."""
        home = self.headquarters or self.country
        return Entity(name="the user", headquarters=home, ultimate_parent=home)


@formula
def rent_per_mtoken_usd(rent_usd_per_chip_h: Amount, chips: Amount, step_s: Amount, tokens: Amount) -> Amount:
    """Rent of the chips for the time that a million tokens take.

    Source: arithmetic: price times chips times time.
    """
    return rent_usd_per_chip_h * chips * (step_s / S_PER_H) / (tokens / MEGA)


@dataclass(frozen=True)
class Entry:
    """One system with its best layout for the criterion; costs and law are unknown where no place was given."""

    system: str
    chip: str
    found: Found
    rent: Quote | None
    usd_per_mtoken: Bounded
    kj_per_mtoken: float
    ruling: Ruling | None

    @property
    def best(self) -> TrainingEstimate:
        """Its estimate."""
        return self.found.best

    @property
    def permission(self) -> str:
        """What the law says, in the law's words; empty where no place was given."""
        return str(self.ruling.permission[0]) if self.ruling else ""

    def row(self) -> dict[str, Any]:
        """As a row of the table."""
        best = self.best
        return {
            "system": self.system,
            "permission": self.permission or None,
            "step_s": _first(best.step_s),
            "low_s": _first(best.low_s),
            "high_s": _first(best.high_s),
            "usd_per_mtoken": self.usd_per_mtoken.value,
            "usd_low": self.usd_per_mtoken.low if self.usd_per_mtoken.known else None,
            "usd_high": self.usd_per_mtoken.high if self.usd_per_mtoken.known else None,
            "kj_per_mtoken": self.kj_per_mtoken,
            "chips": self.found.chips,
            "tokens_per_s_per_chip": _first(best.tokens_per_s_per_chip),
            "mfu_pct": _first(best.mfu_pct),
            "chip": self.chip,
            "layout": ", ".join(f"{name} {word}" for name, word in best.layouts.said(0).items()),
            "outcome": str(self.ruling.outcome[0]) if self.ruling else None,
            "assumed": bool(self.ruling.assumed[0]) if self.ruling else None,
            "price": (self.rent.basis or self.rent.reason) if self.rent else None,
            "doubts": [str(one) for one in best.doubts],
            "outside": list(best.outside[0]) if best.outside else [],
        }


@dataclass(frozen=True)
class Shortlist:
    """The systems that can train it, best first, the lawful before the others; and why each other one can't."""

    by: Criterion
    entries: tuple[Entry, ...]
    without: tuple[tuple[str, str], ...]

    def to_table(self) -> Table:
        """One row a system."""
        rows = [one.row() for one in self.entries]
        columns = {name: [row[name] for row in rows] for name in (rows[0] if rows else {})}
        units = {"usd_per_mtoken": "USD/Mtoken", "usd_low": "USD", "usd_high": "USD", "kj_per_mtoken": "kJ/Mtoken"}
        return Table(f"by {self.by}", columns, units=units)

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        without = [{"system": name, "why": why} for name, why in self.without]
        return self.to_table().to_dict() | {"by": self.by, "without": without}


def shortlist(
    catalogue: Catalogue,
    model: Workload,
    task: Training,
    chips: int,
    systems: Sequence[str] = (),
    space: Space | None = None,
    recipe: Recipe | None = None,
    *,
    by: Criterion = "time",
    place: Place | None = None,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Shortlist:
    """The best layout on at most `chips` chips of each of `systems` (chips or systems; every system where none is
    named), ranked. Where a place is given, what may lawfully work there comes first, then what the law leaves open.

    Raises:
        UnknownName: a system that nobody knows.
        InputError: a ranking by cost without a place and a day.
        Unsupported: the model is not a transformer.
        NothingFits: no system can train it; the message says why the first few can't.
    """
    if by == "cost" and place is None:
        raise InputError("a price is of a day and a place", remedy="say --on and --in")
    named = [_named(catalogue, name) for name in systems] if systems else _every(catalogue)
    asked = list({item.id: (item, chip) for item, chip in named}.values())
    law = _law(catalogue, [chip for _, chip in asked], place)
    entries, without = [], []
    for done, (item, chip) in enumerate(asked):
        try:
            cluster = Cluster.from_catalogue(catalogue, item.id, chips)
            chosen = _precise(space or Space(), cluster)
            _pruned(recipe or Recipe(), cluster)
            found = search_training(catalogue, model, task, cluster, chosen, recipe, most=1, by=by, executor=executor)
        except Unsupported:
            raise  # the model, whatever the system
        except PolysiliconError as refusal:
            without.append((item.id, str(refusal)))
        else:
            entries.append(_entry(catalogue, item, chip, found, task, place, law.get(chip.id)))
        if progress:
            progress(done + 1, len(asked))
    if not entries:
        raise NothingFits("; ".join(f"{name}: {why}" for name, why in without[:3]))
    return Shortlist(by, tuple(sorted(entries, key=lambda one: _rank(one, by))), tuple(without))


def _named(catalogue: Catalogue, name: str) -> tuple[System | Chip, Chip]:
    """A system with its chip, or a chip alone."""
    if name in catalogue.ids(System):
        system = catalogue.get(System, name)
        if system.chip_id is None:
            raise InputError(f"no source says which chip is in {system.id}", found=name)
        return system, catalogue.get(Chip, system.chip_id)
    chip = catalogue.get(Chip, name)
    return chip, chip


def _every(catalogue: Catalogue) -> list[tuple[System | Chip, Chip]]:
    """Every system whose chips are known, but for those that are only rumoured or will never be."""
    return [
        (one, catalogue.get(Chip, one.chip_id))
        for one in catalogue.every(System)
        if one.chip_id and one.chips and one.status not in ("rumoured", "cancelled")
    ]


def _law(catalogue: Catalogue, chips: Sequence[Chip], place: Place | None) -> dict[str, Ruling]:
    if place is None:
        return {}
    unique = list({chip.id: chip for chip in chips}.values())
    return rulings_on(catalogue, unique, place.country, place.entity, [place.on], PERMISSIONS)


def _precise(space: Space, cluster: Cluster) -> Space:
    """The space without precisions that the chip has no units for.

    Raises:
        InputError: it has units for none of them.
    """
    known = tuple(one for one in space.precisions if one in cluster.peak_flop_per_s)
    if not known:
        cluster.peak(space.precisions[0])
    return replace(space, precisions=known)


def _pruned(recipe: Recipe, cluster: Cluster) -> None:
    """Pruned weights are asked of chips that gain from them alone.

    Raises:
        InputError: no source says that this one does.
    """
    if np.any(recipe.sparse) and not np.all(np.asarray(cluster.sparse_gain) > 1.0):
        raise InputError(f"no source says that {cluster.chip} gains from weights that are pruned two of four")


def _entry(
    catalogue: Catalogue,
    item: System | Chip,
    chip: Chip,
    found: Found,
    task: Training,
    place: Place | None,
    ruling: Ruling | None,
) -> Entry:
    tokens = float(task.global_batch * task.sequence_length)
    rent = price_of(catalogue, item, "on_demand", place.on, place.country) if place else None
    step = Bounded(_first(found.best.step_s), _first(found.best.low_s), _first(found.best.high_s))
    cost = rent_per_mtoken_usd(rent.amount, float(found.chips), step, tokens) if rent else unknown()
    energy = float(found.best_energy_j[0]) / KILO / (tokens / MEGA)
    return Entry(item.id, chip.id, found, rent, cost, energy, ruling)


def _rank(entry: Entry, by: Criterion) -> tuple[int, float, str]:
    """Lawful first, then by the criterion, what is unknown last; the name decides between equals."""
    law = PERMISSIONS.index(entry.permission) if entry.permission else 0
    figure = {
        "time": _first(entry.best.step_s),
        "cost": entry.usd_per_mtoken.value,
        "energy": entry.kj_per_mtoken,
    }[by]
    return law, float(np.nan_to_num(figure, nan=np.inf)), entry.system


def _first(values: Any) -> float:
    return float(np.ravel(values)[0])
