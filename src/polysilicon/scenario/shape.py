"""What a scenario file may say. Field names state units; every field has a range; nothing extra is read."""

import datetime as dt
from typing import Annotated, Any, Literal

import msgspec

from polysilicon.facts.law import Permission
from polysilicon.records.dates import Quarter
from polysilicon.scenario.amount import (
    Amount,
    ByQuarter,
    Confidence,
    Count,
    Country,
    Fraction,
    Identifier,
    JobChips,
    Latency,
    Name,
    Positive,
    QuarterName,
    Share,
    Units,
)

Contract = Literal["own", "reserve", "on_demand"]
Demand = Literal[
    "secure_boot",
    "attestation",
    "confidential_computing",
    "interconnect_protection",
    "isolation",
    "memory_encryption",
    "fips_140_3",
    "common_criteria",
    "mlps",
    "commercial_cryptography",
]
CONTRACTS: tuple[Contract, ...] = ("own", "reserve", "on_demand")


class Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything a user says."""


class Entity(Said, frozen=True, kw_only=True):
    """A legal person that buys and operates. The law asks for its headquarters and its ultimate parent's.

    `ai_company` says that it is an AI company, which some rules treat apart.
    """

    name: Name
    headquarters: Country
    ultimate_parent: Country
    ai_company: bool = False


class Building(Said, frozen=True, kw_only=True):
    """What limits on data centres ask about a hall; what is not said stays open.

    `subdivision` is that of the place, in ISO 3166-2 (CN-BJ); `large` and `hub` are the Chinese plan's words.
    """

    subdivision: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}-[A-Z0-9]{1,3}$")] | None = None
    operation_start: dt.date | None = None
    new_build: bool | None = None
    large: bool | None = None
    hub: bool | None = None
    bids_for_capacity: bool | None = None
    green_power_pct: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None
    reused_heat_pct: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None


class Site(Said, frozen=True, kw_only=True):
    """A hall in a region of the catalogue, run by one entity.

    `power_cap_kw` holds for everything that runs there, whoever owns it, at the meter of the site (PUE included).
    """

    region: str
    entity: Identifier
    power_cap_kw: ByQuarter | None = None
    opens: QuarterName | None = None
    pue: Annotated[float, msgspec.Meta(ge=1, le=3)] | None = None
    contracts: Annotated[tuple[Contract, ...], msgspec.Meta(min_length=1)] = CONTRACTS
    building: Building | None = None


class Flow(Said, frozen=True, kw_only=True):
    """Data that a workload needs where it runs: where they are held, and what rules on their leaving ask.

    `persons` counts those without sensitive data, `sensitive_persons` those with, from 1 January of the year.
    """

    held_in: Country
    personal_data: bool | None = None
    persons: Annotated[float, msgspec.Meta(ge=0)] | None = None
    sensitive_persons: Annotated[float, msgspec.Meta(ge=0)] | None = None
    important_data: bool | None = None
    critical_infrastructure: bool | None = None
    exempt_flow: bool | None = None


class Run(Said, frozen=True, kw_only=True):
    """A training run: so many tokens (or samples) from the first day of `start` to the last of `finish`."""

    start: QuarterName
    finish: QuarterName
    tokens_bn: Positive | None = None
    samples_bn: Positive | None = None


class Placed(Said, frozen=True, kw_only=True):
    """What every workload says: what it is, whose it is, and where it may run.

    `residency` lists the countries its data may be processed in; empty means any. `stacks` are the software
    stacks its code runs on today: any other must be ported to once. A model runs in the format its weights are
    published in (training: bf16) unless `precisions` lists others: listing one accepts what quality it costs.
    `trust` is what its chips must be documented to have; `data` are those it needs where it runs.
    """

    model: str
    entity: Identifier
    residency: tuple[Country, ...] = ()
    stacks: tuple[Name, ...] = ()
    precisions: tuple[str, ...] = ()
    trust: tuple[Demand, ...] = ()
    data: Flow | None = None
    note: str = ""


class Train(Placed, frozen=True, kw_only=True, tag_field="kind", tag="train"):
    """Training runs of a model. Throughput is estimated for a job of `job_chips` chips and taken per chip.

    `markets` are the countries in which the model is placed on the market: their duties are listed.
    """

    runs: Annotated[tuple[Run, ...], msgspec.Meta(min_length=1)]
    job_chips: JobChips
    sequence_tokens: Count = 4096
    global_batch: Count | None = None
    markets: tuple[Country, ...] = ()


class Serve(Placed, frozen=True, kw_only=True, tag_field="kind", tag="serve"):
    """Serving a model: the rate that must be met at the busiest time of the quarter.

    `users` are regions of the catalogue the requests come from: their round trip is taken off `ttft_ms`.
    """

    requests_per_s: ByQuarter | None = None
    samples_per_s: ByQuarter | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    ttft_ms: Annotated[float, msgspec.Meta(gt=0, le=600_000)] | None = None
    tpot_ms: Annotated[float, msgspec.Meta(gt=0, le=60_000)] | None = None
    users: tuple[str, ...] = ()


Workload = Train | Serve


class Owned(Said, frozen=True, kw_only=True):
    """Units that stand already."""

    site: Identifier
    system: str
    units: Units
    until: QuarterName | None = None


class Limits(Said, frozen=True, kw_only=True):
    """What the plan must keep to. Absent means without limit."""

    budget_musd: Positive | None = None
    budget_musd_per_quarter: ByQuarter | None = None
    carbon_t_per_year: Positive | None = None
    water_m3_per_year: Positive | None = None
    vendor_share_max: Share | None = None
    country_share_max: Share | None = None


class Quote(Said, frozen=True, kw_only=True):
    """The user's own price, with what it rests on. `price_usd` is a unit's; `rent_usd_per_chip_h` a chip-hour's."""

    system: str
    contract: Contract
    basis: Annotated[str, msgspec.Meta(min_length=3)]
    price_usd: Positive | None = None
    rent_usd_per_chip_h: Positive | None = None
    low: Positive | None = None
    high: Positive | None = None
    sites: tuple[Identifier, ...] = ()


class Supply(Said, frozen=True, kw_only=True):
    """How many units of a system can be had a quarter (over all sites named, or all), and on what ground."""

    system: str
    units_per_quarter: ByQuarter
    basis: Annotated[str, msgspec.Meta(min_length=3)]
    sites: tuple[Identifier, ...] = ()


class LeadTime(Said, frozen=True, kw_only=True):
    """Quarters from order to delivery of a system."""

    system: str
    quarters: Annotated[int, msgspec.Meta(ge=0, le=40)]
    basis: Annotated[str, msgspec.Meta(min_length=3)]


class Accepted(Said, frozen=True, kw_only=True):
    """What the user lets the plan rest on.

    That is permissions that count as lawful, prices that stand on memory alone, and features of hardware trust that
    no document shows (one that a document denies is never accepted).
    """

    permissions: Annotated[tuple[Permission, ...], msgspec.Meta(min_length=1)] = ("free", "exception")
    unverified: bool = False
    undocumented_trust: bool = False


class RuleShock(Said, frozen=True, kw_only=True, tag_field="kind", tag="rule"):
    """Law that does not exist: `facts` holds rules (and the groups or definitions they name) as the catalogue does."""

    start: QuarterName
    description: str = ""
    facts: dict[str, Any]


class VendorShock(Said, frozen=True, kw_only=True, tag_field="kind", tag="vendor_cutoff"):
    """No more deliveries and no more rent from a vendor."""

    start: QuarterName
    description: str = ""
    vendor: Name


class MemoryShock(Said, frozen=True, kw_only=True, tag_field="kind", tag="memory_price"):
    """The price of memory is multiplied; a system's price follows by the share of memory in it."""

    start: QuarterName
    description: str = ""
    factor: Positive


class PowerShock(Said, frozen=True, kw_only=True, tag_field="kind", tag="power_cap"):
    """The power cap of some sites is multiplied."""

    start: QuarterName
    description: str = ""
    sites: Annotated[tuple[Identifier, ...], msgspec.Meta(min_length=1)]
    factor: Fraction


Shock = RuleShock | VendorShock | MemoryShock | PowerShock


class Scenario(Said, frozen=True, kw_only=True):
    """One question to the planner. `docs/scenario.md` explains each field with an example."""

    name: Name
    as_of: dt.date
    start: QuarterName
    quarters: Annotated[int, msgspec.Meta(ge=1, le=40)]
    entities: Annotated[dict[Identifier, Entity], msgspec.Meta(min_length=1)]
    sites: Annotated[dict[Identifier, Site], msgspec.Meta(min_length=1)]
    workloads: Annotated[dict[Identifier, Workload], msgspec.Meta(min_length=1)]
    limits: Limits = Limits()
    fleet: tuple[Owned, ...] = ()
    systems: tuple[str, ...] = ()
    quotes: tuple[Quote, ...] = ()
    supply: tuple[Supply, ...] = ()
    lead_times: tuple[LeadTime, ...] = ()
    lead_time_quarters: Annotated[int, msgspec.Meta(ge=0, le=40)] | None = None
    accept: Accepted = Accepted()
    shocks: dict[Name, Shock] = {}
    confidence: Confidence = 0.8
    carbon_price_usd_per_t: Amount = 0.0
    discount_rate: Fraction | None = None
    pareto_points: Annotated[int, msgspec.Meta(ge=0, le=50)] = 5
    gap: Annotated[float, msgspec.Meta(gt=0, le=0.5)] = 0.01
    most_s: Latency = 60.0
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] = 1
    facts: dict[str, Any] = {}

    @property
    def periods(self) -> list[Quarter]:
        """Every quarter of the horizon, in order."""
        first = Quarter.parse(self.start)
        return [first + step for step in range(self.quarters)]
