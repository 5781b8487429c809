"""The values of low confidence that a plan's purchases rest on, the user's own among them."""

from collections.abc import Iterator

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip, System
from polysilicon.facts.money import Assumption
from polysilicon.facts.places import Region
from polysilicon.facts.record import LOW_CONFIDENCE, Record
from polysilicon.planning import money
from polysilicon.planning.instance import Instance
from polysilicon.planning.options import Option, Options
from polysilicon.planning.plan import WeakAssumption
from polysilicon.planning.solving import Answer


def weak(options: Options, instance: Instance, answer: Answer) -> list[WeakAssumption]:
    """Values of low confidence, and the user's own, that the plan's purchases rest on."""
    catalogue = options.opened.catalogue
    found: dict[tuple[str, str], WeakAssumption] = {}
    for at, row in enumerate(options.options):
        count = float(answer.units[:, at].sum())
        if count < 0.5:
            continue
        for one in _weak_of(catalogue, row, f"{count:g} x {row.system.id} at {row.site}"):
            found.setdefault((one.record, one.field), one)
    for name in _assumptions(options, instance, answer):
        one = _assumption(catalogue, name)
        found.setdefault((one.record, one.field), one)
    return [*found.values(), *_supplies(options, instance, answer)]


def _assumptions(options: Options, instance: Instance, answer: Answer) -> Iterator[str]:
    """The planner's own assumptions that this plan rests on."""
    scenario = options.opened.scenario
    yield "planned-utilisation"
    if scenario.lead_time_quarters is None and answer.units[money.OWN].any():
        yield "lead-time-quarters"
    if answer.ported.any():
        yield from ("porting-person-months", "person-month-usd")
    if any(getattr(load, "users", ()) for load in scenario.workloads.values()):
        yield "network-route-factor"


def _supplies(options: Options, instance: Instance, answer: Answer) -> Iterator[WeakAssumption]:
    """Systems of which as many can be had as the plan wants, because no one says otherwise."""
    stated = {row.system for row in options.opened.scenario.supply}
    bought: dict[str, float] = {}
    for at, place in enumerate(instance.places):
        bought[place.system] = bought.get(place.system, 0.0) + float(answer.units[money.OWN, at].sum())
    for system, units in bought.items():
        if units > 0 and system not in stated:
            yield WeakAssumption(
                record=f"system/{system}",
                field="units_per_quarter",
                confidence="unknown",
                value=None,
                low=None,
                high=None,
                unit="units a quarter",
                source="no source says how many can be had; taken as enough",
                used_for=f"{units:g} units over the horizon",
            )


def _weak_of(catalogue: Catalogue, row: Option, used_for: str) -> Iterator[WeakAssumption]:
    for contract in row.offered:
        quote = row.priced.quotes[contract]  # type: ignore[index]
        confidence = quote.origin.confidence if quote.origin else ""
        if confidence in LOW_CONFIDENCE or confidence == "user":
            yield WeakAssumption(
                record=f"system/{row.system.id}",
                field=f"{contract} price",
                confidence=confidence,
                value=float(quote.amount.value),
                low=float(quote.amount.low),
                high=float(quote.amount.high),
                unit=quote.unit,
                source=quote.basis,
                used_for=used_for,
            )
    region = row.priced.footprint.region
    yield from _weak_fields(catalogue.get(System, row.system.id), ("power_kw",), "system", used_for)
    yield from _weak_fields(
        catalogue.get(Chip, row.chip.id), ("tdp_w", "bf16_tflops", "memory_bw_gbs"), "chip", used_for
    )
    fields = ("carbon_intensity_g_per_kwh", "electricity_usd_per_kwh", "typical_pue")
    yield from _weak_fields(catalogue.get(Region, region), fields, "region", used_for)
    for rate in row.rates.values():
        for doubt in rate.doubts:
            yield WeakAssumption(
                record=f"chip/{doubt.record}",
                field=doubt.field,
                confidence=doubt.confidence,
                value=doubt.value,
                low=None,
                high=None,
                unit="",
                source=", ".join(doubt.sources),
                used_for=used_for,
            )


def _weak_fields(record: Record, fields: tuple[str, ...], kind: str, used_for: str) -> Iterator[WeakAssumption]:
    for field in fields:
        value, origin = getattr(record, field), record.origin(field)
        if value is not None and origin.confidence in LOW_CONFIDENCE:
            yield WeakAssumption(
                record=f"{kind}/{record.id}",
                field=field,
                confidence=str(origin.confidence),
                value=float(value),
                low=origin.low,
                high=origin.high,
                unit="",
                source=", ".join(origin.sources),
                used_for=used_for,
            )


def _assumption(catalogue: Catalogue, name: str) -> WeakAssumption:
    record = catalogue.get(Assumption, name)
    return WeakAssumption(
        record=f"assumption/{name}",
        field="value",
        confidence=record.confidence,
        value=record.value,
        low=record.low,
        high=record.high,
        unit=record.unit,
        source=", ".join(record.sources),
        used_for=record.what,
    )
