"""How far off each printed figure may be: the decisions stand, the coefficients are drawn.

Every coefficient of a plan comes from records that are known only within bounds. The bounds of one coefficient are
taken as its 5th and 95th percentile. Errors with one cause move together: whatever a system costs, it costs at every
site and in every quarter; whatever a region's grid emits, it emits for every system there. Errors with different
causes are drawn apart, so a total is narrower than the sum of its terms' bounds.
Source: two-piece normal distribution, Wallis, Statistical Science 29:106, 2014.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.reading import assumed
from polysilicon.planning.explanation import AMOUNTS
from polysilicon.planning.formulation import porting_fee_musd
from polysilicon.planning.options import Options
from polysilicon.planning.plan import Figure, Term
from polysilicon.planning.unit_costs import MEAN_LOAD
from polysilicon.records.bounded import Bounded
from polysilicon.records.interval import Floats

DRAWS = 4000
PERCENTILES = (5.0, 95.0)
Z_95 = 1.6448536269514722  # standard normal quantile of 0.95

# What moves together: the system's own figures, or those of the site it stands at.
BY_SYSTEM = {
    "price_musd": "price",
    "hardware_musd": "price",
    "rent_musd": "rent",
    "power_kw": "power",
    "energy_mwh": "power",
    "carbon_embodied_t": "making",
}
BY_SITE = {"running_musd": "running", "carbon_operational_t": "grid", "water_m3": "water"}

Cause = tuple[str, str]
LOAD: Cause = ("load", "")


@dataclass(frozen=True)
class Spread:
    """A coefficient's bounds as multiples of its value, and the cause whose error it shares."""

    cause: Cause
    low: float
    high: float


def bounded(figures: Mapping[str, Figure], options: Options, seed: int) -> dict[str, Figure]:
    """The same figures with the ends of their 90 % intervals.

    A figure without bounds (a throughput, planned at the scenario's own confidence) keeps none; an end that no
    source bounds stays open.
    """
    spreads = _Spreads(options)
    rng = np.random.default_rng(seed)
    normal: dict[Cause, Floats] = {}
    drawn: dict[str, Floats | None] = {}

    def factor(spread: Spread) -> Floats:
        z = normal.setdefault(spread.cause, np.empty(0))
        if not z.size:
            z = normal[spread.cause] = rng.standard_normal(DRAWS) / Z_95
        return np.maximum(1.0 + np.where(z > 0.0, z * (spread.high - 1.0), z * (1.0 - spread.low)), 0.0)

    def term_draws(term: Term) -> Floats | None:
        kind, _, subject = term.reference.partition(":")
        if kind == "figure":
            inner = draws(figures[subject])
            return None if inner is None else term.quantity * inner
        if kind == "at_mean_load":
            inner = draws(figures[subject])
            busy = spreads.mean_load()
            dearer = Spread(LOAD, busy.value / busy.high, busy.value / busy.low)
            return None if inner is None else term.quantity * inner / busy.value * factor(dearer)
        spread = spreads.of(kind, subject)
        return None if spread is None else term.quantity * term.coefficient * factor(spread)

    def draws(figure: Figure) -> Floats | None:
        if figure.id not in drawn:
            parts = [term_draws(term) for term in figure.terms]
            known = [part for part in parts if part is not None]
            whole = len(known) == len(parts)
            drawn[figure.id] = np.sum([np.zeros(DRAWS), *known], axis=0) if whole else None
        return drawn[figure.id]

    return {name: _with_ends(figure, draws(figure)) for name, figure in figures.items()}


def _with_ends(figure: Figure, draws: Floats | None) -> Figure:
    if draws is None:
        return figure
    with np.errstate(invalid="ignore"):
        low, high = np.percentile(draws, PERCENTILES)
    return msgspec.structs.replace(
        figure,
        low=float(min(low, figure.value)) if np.isfinite(low) else 0.0,
        high=float(max(high, figure.value)) if np.isfinite(high) else None,
    )


class _Spreads:
    """The bounds of a coefficient by its reference."""

    def __init__(self, options: Options) -> None:
        self._catalogue: Catalogue = options.opened.catalogue
        self._priced = {one.key: one.priced for one in (*options.options, *options.unpriced)}

    def mean_load(self) -> Bounded:
        """The share of its capacity that a service uses on the mean."""
        return assumed(self._catalogue, MEAN_LOAD)

    def of(self, kind: str, subject: str) -> Spread | None:
        """`None` for a kind of coefficient that has no bounds of its own."""
        if kind == "porting_musd":
            return _spread(("porting", ""), porting_fee_musd(self._catalogue, subject.rpartition("@")[2]))
        if kind not in BY_SYSTEM and kind not in BY_SITE:
            return None
        site, system, *rest = subject.split("/")
        unit = self._priced[f"{site}/{system}"]
        amount = unit.rent_musd[rest[0]] if kind == "rent_musd" else AMOUNTS[kind](unit)  # type: ignore[index]
        cause = (BY_SYSTEM[kind], system) if kind in BY_SYSTEM else (BY_SITE[kind], site)
        return _spread(cause, amount)


def _spread(cause: Cause, amount: Bounded) -> Spread:
    """The bounds as multiples of the value; all quarters share them, so the first speaks for all."""
    value, low, high = (float(np.ravel(end)[0]) for end in (amount.value, amount.low, amount.high))
    if value == 0.0:
        return Spread(cause, 1.0, 1.0)
    return Spread(cause, low / value, high / value)
