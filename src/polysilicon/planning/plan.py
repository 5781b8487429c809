"""The plan: what `polysilicon plan` decides, as plain frozen records that become `plan.json`.

Every amount states its unit in its name. `docs/plan-schema.md` describes each field; a change that a reader of
old files would misread raises `SCHEMA_VERSION`.
"""

from pathlib import Path
from typing import Any, Literal

import msgspec

from polysilicon.records import files
from polysilicon.records.document import MOST_BYTES, read_text
from polysilicon.records.errors import InputError, Place

SCHEMA_VERSION = 1

Contract = Literal["own", "reserve", "on_demand"]
Reason = Literal[
    "unlawful",
    "law_undetermined",
    "price_unknown",
    "does_not_fit",
    "not_trusted",
    "no_supply",
    "not_available",
    "unvalidated",
    "dominated",
]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every record of a plan: frozen, fields by name, nothing extra."""


class Purchase(Part, frozen=True, kw_only=True):
    """Units ordered in one quarter, for one site, under one contract.

    `cost_musd` is cash: the price of what is owned (paid when ordered), or the whole rent of the contract.
    `verdict` is the id of a row of the legality table.
    """

    quarter: str
    delivered: str
    until: str | None
    site: str
    region: str
    entity: str
    system: str
    system_name: str
    vendor: str
    contract: Contract
    units: int
    chips: int
    unit_price_usd: float
    price_basis: str
    price_confidence: str
    cost_musd: float
    verdict: str
    assumed_law: bool
    figure: str


class FleetRow(Part, frozen=True, kw_only=True):
    """Units standing at a site in one quarter, whoever owns them."""

    quarter: str
    site: str
    system: str
    contract: Contract
    units: float
    chips: float
    power_kw: float


class Assignment(Part, frozen=True, kw_only=True):
    """What part of a workload runs where. `share` is of that workload's demand in that quarter.

    `throughput` is the capacity given to it, in `unit`; `units` the systems it takes.
    """

    workload: str
    quarter: str
    site: str
    system: str
    units: float
    throughput: float
    share: float
    unit: str


class Demand(Part, frozen=True, kw_only=True):
    """What a workload asks for in one quarter, and what of it the plan meets. Training demand is work done then."""

    workload: str
    quarter: str
    demand: float
    met: float
    unit: str


class QuarterTotals(Part, frozen=True, kw_only=True):
    """One quarter of the whole plan.

    `cost_musd` is the economic cost (owned hardware as an annuity over its life); `cash_musd` is what is paid.
    """

    quarter: str
    cost_musd: float
    hardware_musd: float
    rent_musd: float
    running_musd: float
    porting_musd: float
    cash_musd: float
    power_kw: float
    energy_mwh: float
    carbon_t: float
    carbon_operational_t: float
    carbon_embodied_t: float
    water_m3: float


class Totals(Part, frozen=True, kw_only=True):
    """The whole horizon. `objective_musd` is the discounted cost that was minimised."""

    objective_musd: float
    cost_musd: float
    cash_musd: float
    energy_mwh: float
    carbon_t: float
    water_m3: float
    peak_power_kw: float
    chips: int
    demand_met: float


class LegalityRow(Part, frozen=True, kw_only=True):
    """One verdict: a system to a place for an entity on a day.

    `permission` is what the plan acted on; `accepted` whether the scenario counts it as lawful. `until` is the
    last quarter of the horizon for which the verdict reads the same.
    """

    id: str
    system: str
    chip: str
    site: str
    exported_from: str
    country: str
    entity: str
    on: str
    quarter: str
    until: str
    permission: str
    accepted: bool
    outcome: str
    item_class: str
    citation: str
    margin: str
    assumed: bool
    note: str = ""


class RequirementRow(Part, frozen=True, kw_only=True):
    """What the law asks of a site, a flow of data or a trained model, over the quarters that read the same.

    `accepted` is what the plan acted on: a site runs unless it is certainly outside a limit, data go only where
    that is accepted. `missing` is what the scenario would have to say for a certain answer, `could_be` the answers.
    """

    subject: str
    kind: str
    place: str
    act: str
    quarter: str
    until: str
    permission: str
    accepted: bool
    item_class: str
    outcome: str
    duties: list[str]
    missing: list[str]
    could_be: list[str]
    citation: str
    assumed: bool


class Survival(Part, frozen=True, kw_only=True):
    """The fraction of one workload's demand met from the shock on."""

    workload: str
    at_once: float
    after_buying: float


class ShockResult(Part, frozen=True, kw_only=True):
    """The plan solved again from the quarter of the shock, with everything ordered before it kept.

    `survives_at_once` uses only what stands or was validly ordered; `survives` allows buying again.
    `cost_change_musd` is against the plan without the shock, over the whole horizon, unmet demand not priced.
    """

    name: str
    kind: str
    description: str
    quarter: str
    survives_at_once: float
    survives: float
    by_workload: list[Survival]
    cost_musd: float
    cost_change_musd: float
    carbon_t: float
    bought_again: list[Purchase]
    lost: list[str]
    status: str
    gap: float
    seconds: float


class ParetoPoint(Part, frozen=True, kw_only=True):
    """One point of the front of cost and carbon; `method` says how it was solved."""

    carbon_t: float
    cost_musd: float
    objective_musd: float
    limit_t: float | None
    gap: float | None
    method: str
    chosen: bool = False


class Solve(Part, frozen=True, kw_only=True):
    """How the optimum was proved: `gap` is (found - bound) / found."""

    status: str
    gap: float
    bound_musd: float
    seconds: float
    variables: int
    integers: int
    rows: int
    solver: str


class BindingLimit(Part, frozen=True, kw_only=True):
    """A limit of the scenario that the plan uses in full. `worth` is what easing it by one unit saves, if known."""

    limit: str
    quarter: str | None
    used: float
    allowed: float
    unit: str
    worth: float | None = None
    worth_unit: str = ""


class WeakAssumption(Part, frozen=True, kw_only=True):
    """A value of low confidence that the plan rests on."""

    record: str
    field: str
    confidence: str
    value: float | str | None
    low: float | None
    high: float | None
    unit: str
    source: str
    used_for: str


class Unknown(Part, frozen=True, kw_only=True):
    """Something not known well that could change what is bought, and the value at which it would."""

    what: str
    record: str
    field: str
    now: float | None
    switch: float | None
    low: float | None
    high: float | None
    unit: str
    effect: str
    method: str


class Excluded(Part, frozen=True, kw_only=True):
    """An option left out, and why. `enters_below_usd` is the price a unit at which it would enter the plan."""

    system: str
    site: str
    reason: Reason
    detail: str
    enters_below_usd: float | None = None


class Term(Part, frozen=True, kw_only=True):
    """`quantity` x `coefficient`. `reference` names what the coefficient is: see `planning/explanation.py`."""

    label: str
    quantity: float
    coefficient: float
    unit: str
    reference: str
    confidence: str = ""


class Figure(Part, frozen=True, kw_only=True):
    """A printed amount as a sum of linear terms, and the ends of its 90 % interval.

    `low` is `None` where the figure has no interval of its own, `high` also where no source bounds it from above.
    """

    id: str
    label: str
    value: float
    unit: str
    terms: list[Term]
    low: float | None = None
    high: float | None = None


class WorkloadNote(Part, frozen=True, kw_only=True):
    """A workload as the plan saw it. `unvalidated` where few measured cases stand behind its throughput."""

    id: str
    kind: str
    model: str
    entity: str
    unit: str
    unvalidated: bool
    note: str


class SiteNote(Part, frozen=True, kw_only=True):
    """A site as the plan saw it; `power_cap_kw` is by quarter, `None` without a cap."""

    id: str
    region: str
    name: str
    country: str
    entity: str
    lat: float
    lon: float
    power_cap_kw: list[float | None]


class Plan(Part, frozen=True, kw_only=True):
    """The answer to one scenario."""

    schema_version: int
    name: str
    as_of: str
    catalogue_hash: str
    quarters: list[str]
    confidence: float
    sites: list[SiteNote]
    workloads: list[WorkloadNote]
    purchases: list[Purchase]
    fleet: list[FleetRow]
    assignments: list[Assignment]
    demand: list[Demand]
    by_quarter: list[QuarterTotals]
    totals: Totals
    legality: list[LegalityRow]
    requirements: list[RequirementRow] = []
    shocks: list[ShockResult]
    pareto: list[ParetoPoint]
    solve: Solve
    seconds: float
    binding: list[BindingLimit]
    weak: list[WeakAssumption]
    unknowns: list[Unknown]
    assumed_law_share: float
    vendor_shares: dict[str, float]
    country_shares: dict[str, float]
    excluded: list[Excluded]
    notes: list[str]
    figures: dict[str, Figure]
    scenario_file: str
    scenario: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints and `plan.json` holds."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


def write(plan: Plan, path: Path) -> None:
    """Put the plan at `path` as JSON."""
    files.write(path, msgspec.json.format(msgspec.json.encode(plan), indent=1) + b"\n")


def read(path: Path) -> Plan:
    """A plan written earlier.

    Raises:
        InputError: not such a file, or one of another schema version.
    """
    text = read_text(path, 4 * MOST_BYTES)
    try:
        version = msgspec.json.decode(text, type=dict[str, Any]).get("schema_version")
        if version != SCHEMA_VERSION:
            raise InputError(
                "is not a plan this version reads",
                place=Place(str(path), None, "schema_version"),
                found=version,
                allowed=str(SCHEMA_VERSION),
                remedy="make it again with `polysilicon plan`",
            )
        return msgspec.json.decode(text, type=Plan)
    except msgspec.DecodeError as cause:
        raise InputError(f"is not a plan: {cause}", place=Place(str(path))) from cause
