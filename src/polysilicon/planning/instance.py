"""The programme's numbers: what `options` found out, as arrays by place, quarter and workload.

A *place* is a system at a site. Axes: W workloads' tasks, P places, T quarters, S sites. A *task* is one serving
demand or one training run.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polysilicon.planning.limit import Limit
from polysilicon.planning.plan import Contract
from polysilicon.records.dates import Quarter
from polysilicon.records.interval import Bools, Floats

Counts = NDArray[np.int64]
CONTRACTS: tuple[Contract, ...] = ("own", "reserve", "on_demand")


@dataclass(frozen=True)
class Place:
    """A system at a site: `chips` in one unit, the vendor (and its country) that shares count, and the stack."""

    site: str
    system: str
    chips: float
    vendor: str
    country: str
    stack: str

    @property
    def key(self) -> str:
        """How a reference names it."""
        return f"{self.site}/{self.system}"


@dataclass(frozen=True)
class Task:
    """A serving demand by quarter, or a training run with `work` to do between quarters `first` and `last`.

    `demand` is in `unit` (a rate) by quarter; a run's is 0 and its `work` is in that unit times seconds.
    `porting` groups tasks that share code: porting it once serves them all.
    """

    id: str
    workload: str
    unit: str
    porting: str
    demand: Floats
    work: float = 0.0
    first: int = 0
    last: int = 0

    @property
    def is_run(self) -> bool:
        """Whether it is work to be finished rather than a rate to be met."""
        return self.work > 0


@dataclass(frozen=True)
class Caps:
    """The limits, `inf` where there is none. Rates are by quarter; `carbon_t` and `water_m3` by plan year."""

    power_kw: Floats
    budget_musd: float
    cash_musd: Floats
    carbon_t: Floats
    water_m3: Floats
    vendor_share: float
    country_share: float


@dataclass(frozen=True)
class SupplyRow:
    """At most `units` by quarter of the order, over these places."""

    name: str
    places: Bools
    units: Floats


@dataclass(frozen=True)
class Past:
    """What has happened when a shock comes: the use (W, P, quarters) of the first quarters, and the code ported."""

    quarters: int
    use: Floats
    ported: Floats


@dataclass(frozen=True)
class Instance:
    """Everything the programme needs.

    `low` and `most` bound the units contracted, (contract, P, T), T being the quarter they start to work: delivery
    for what is owned. `masks` say which of them each limit (law, lead time, ...) lets through. `standing` (P, T) are
    units that stand already. `lead` and `life` are in quarters. `price_musd` (P,) is paid once for an owned unit, when
    ordered; `price_factor` (P, T) multiplies it and its annuity by the quarter it starts. All other amounts are by
    standing unit and quarter, (P, T): `hardware_musd` the annuity of an owned one, `running_musd` what running an owned
    one costs, `reserve_musd` and `on_demand_musd` all-in rents, energy, carbon and water at the meter. `throughput`
    (W, P) is a unit's, in the task's unit. `unmet_musd` prices a whole quarter's unmet demand of a task; `None`
    forbids any.
    """

    quarters: list[Quarter]
    sites: list[str]
    places: list[Place]
    tasks: list[Task]
    throughput: Floats
    standing: Floats
    lead: Counts
    life: Counts
    reserve_quarters: int
    price_musd: Floats
    hardware_musd: Floats
    running_musd: Floats
    reserve_musd: Floats
    on_demand_musd: Floats
    power_kw: Floats
    energy_mwh: Floats
    carbon_t: Floats
    embodied_t: Floats
    water_m3: Floats
    porting_musd: dict[tuple[str, str], float]
    discount: Floats
    carbon_musd_per_t: float
    price_factor: Floats
    low: Floats
    most: Floats
    masks: dict[Limit, Bools]
    caps: Caps
    supply: list[SupplyRow] = field(default_factory=list)
    unmet_musd: float | None = None
    may_switch_off: bool = False
    past: Past | None = None

    @property
    def high(self) -> Floats:
        """Most units that may be contracted: `most` where every mask lets through."""
        return self.high_without()

    def high_without(self, *dropped: Limit) -> Floats:
        """As `high`, without some of the masks."""
        allowed = np.ones(self.most.shape, dtype=bool)
        for limit, mask in self.masks.items():
            if limit not in dropped:
                allowed = allowed & mask
        return np.maximum(np.where(allowed, self.most, 0.0), self.low)

    @property
    def site_of(self) -> Counts:
        """The index of each place's site."""
        return np.asarray([self.sites.index(place.site) for place in self.places], dtype=np.int64)

    @property
    def hours(self) -> Floats:
        """Length of each quarter [h]."""
        return np.asarray([quarter.hours for quarter in self.quarters])

    def years(self) -> list[Counts]:
        """The quarters of each plan year: four from the start, and so on; the last may be shorter."""
        return [np.arange(at, min(at + 4, len(self.quarters))) for at in range(0, len(self.quarters), 4)]
