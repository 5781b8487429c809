"""The candidate table: every system at every site for every workload, with its rate, cost, footprint and law.

This is the one place that asks the other rooms what is possible; what comes out is plain numbers and reasons.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip, SoftwareStack, System
from polysilicon.facts.places import Region
from polysilicon.facts.reading import assumed
from polysilicon.performance.round_trip import ROUTE, round_trip_ms
from polysilicon.planning.costing import Priced, priced
from polysilicon.planning.legality import Ruling, rulings, undetermined
from polysilicon.planning.plan import Excluded
from polysilicon.planning.requirements import data_may_go, sites_open
from polysilicon.planning.throughput import Rate, rate
from polysilicon.policy import verdict
from polysilicon.policy.trust import refused
from polysilicon.records.dates import Quarter
from polysilicon.records.errors import InputError, NothingFits, Unsupported
from polysilicon.records.interval import Bools, Floats
from polysilicon.scenario import Opened, Scenario, Serve, Workload

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Option:
    """A system at a site: what it costs, whether it is lawful, and what it does for each workload that may run there.

    `offered` are the contracts with a known price; none is an option whose entry price the plan works out.
    """

    site: str
    system: System
    chip: Chip
    chips: float
    stack: str
    priced: Priced
    ruling: Ruling
    rates: dict[str, Rate]
    offered: tuple[str, ...]
    available: dt.date | None

    @property
    def key(self) -> str:
        """How a reference names it."""
        return f"{self.site}/{self.system.id}"


@dataclass(frozen=True)
class Options:
    """The options that the programme chooses from, those that only lack a price, and those left out."""

    opened: Opened
    quarters: list[Quarter]
    options: list[Option]
    unpriced: list[Option]
    excluded: list[Excluded]
    rulings: Mapping[str, Mapping[str, Ruling]]
    why_not: dict[str, list[str]] = field(default_factory=dict)


def gather(opened: Opened, progress: Progress = lambda text: None) -> Options:
    """Ask every room about every candidate."""
    scenario, catalogue = opened.scenario, opened.catalogue
    quarters = scenario.periods
    excluded: list[Excluded] = []
    systems = list(_systems(catalogue, scenario, excluded))
    progress(f"judging {len(systems)} systems at {len(scenario.sites)} sites in {len(quarters)} quarters")
    law = site_rulings(catalogue, scenario, [chip for _, chip in systems])
    progress(f"estimating {len(scenario.workloads)} workloads on {len(systems)} systems")
    rates, why_not = _rates(opened, systems, law, excluded)
    progress("pricing what is lawful and fits")
    standing = {(owned.site, owned.system) for owned in scenario.fleet}
    options, unpriced = [], []
    hours = np.asarray([quarter.hours for quarter in quarters])
    runs = sites_open(catalogue, scenario)
    for site in scenario.sites:
        if not runs[site].any():
            detail = "the site is outside a limit for data centres; the plan's requirements say which"
            excluded.append(Excluded(system="any", site=site, reason="unlawful", detail=detail))
            continue
        for system, chip in systems:
            ruling = law[site][chip.id]
            if not ruling.accepted.any() and (site, system.id) not in standing:
                excluded.append(_unlawful(opened, site, system, chip, ruling))
                continue
            option = _option(opened, site, system, chip, ruling, rates, hours)
            if not option.rates:
                continue
            if option.offered or (site, system.id) in standing:
                options.append(option)
            else:
                unpriced.append(option)
    return Options(opened, quarters, _undominated(options, scenario, excluded), unpriced, excluded, law, why_not)


def site_rulings(catalogue: Catalogue, scenario: Scenario, chips: list[Chip]) -> dict[str, dict[str, Ruling]]:
    """The law for every chip at every site; sites in one country under one entity share it."""
    found: dict[tuple[str, str], dict[str, Ruling]] = {}
    by_site: dict[str, dict[str, Ruling]] = {}
    unique = list({chip.id: chip for chip in chips}.values())
    for name, site in scenario.sites.items():
        place = (catalogue.get(Region, site.region).country, site.entity)
        if place not in found:
            entity, accepted = scenario.entities[site.entity], scenario.accept.permissions
            found[place] = rulings(catalogue, unique, place[0], entity, scenario.periods, accepted)
        by_site[name] = found[place]
    runs = sites_open(catalogue, scenario)
    return {name: _where_it_runs(law, runs[name]) for name, law in by_site.items()}


def _where_it_runs(law: dict[str, Ruling], runs: Bools) -> dict[str, Ruling]:
    """The law of a site with the quarters taken out in which the site itself may not run."""
    if runs.all():
        return law
    return {chip: replace(ruling, accepted=ruling.accepted & runs) for chip, ruling in law.items()}


def _systems(catalogue: Catalogue, scenario: Scenario, excluded: list[Excluded]) -> Iterator[tuple[System, Chip]]:
    wanted = scenario.systems or tuple(catalogue.ids(System))
    standing = {owned.system for owned in scenario.fleet}
    last = scenario.periods[-1].first_day.isoformat()
    for name in dict.fromkeys((*wanted, *standing)):
        system = catalogue.get(System, name)
        reason = ""
        if system.chip_id is None or not system.chips:
            reason = "no source says which chip, or how many, are in it"
        elif system.status in ("rumoured", "cancelled"):
            reason = f"it is {system.status}"
        elif system.status == "announced" and system.available is None:
            reason = "announced, and no source says when it can be had"
        elif (system.available or "") > last:
            reason = f"available from {system.available}, after the horizon"
        if reason:
            excluded.append(Excluded(system=system.id, site="any", reason="not_available", detail=reason))
        else:
            yield system, catalogue.get(Chip, str(system.chip_id))


def may_run(opened: Opened, load: Workload, site: str) -> bool:
    """Whether a workload may run at a site: the site is its entity's, in a country its data may be in, or sent to."""
    where = opened.scenario.sites[site]
    country = opened.catalogue.get(Region, where.region).country
    if where.entity != load.entity or (load.residency and country not in load.residency):
        return False
    return load.data is None or data_may_go(opened, load.data, country)


def _rates(
    opened: Opened,
    systems: list[tuple[System, Chip]],
    law: Mapping[str, Mapping[str, Ruling]],
    excluded: list[Excluded],
) -> tuple[dict[tuple[str, str], Rate], dict[str, list[str]]]:
    """The rate of each workload on each system that is lawful somewhere the workload may run."""
    found: dict[tuple[str, str], Rate] = {}
    why_not: dict[str, list[str]] = {}
    for name, load in opened.scenario.workloads.items():
        homes = [site for site in opened.scenario.sites if may_run(opened, load, site)]
        ttft_ms = first_token_budget_ms(opened, load)
        for system, chip in systems:
            stands = any(owned.system == system.id and owned.site in homes for owned in opened.scenario.fleet)
            if not stands and not any(law[site][chip.id].accepted.any() for site in homes):
                why_not.setdefault(name, []).append(f"{system.id}: not lawful where it may run")
                continue
            barred = _distrusted(opened, name, load, system, chip)
            if barred is not None:
                why_not.setdefault(name, []).append(f"{system.id}: not trusted as demanded: {barred.detail}")
                excluded.append(barred)
                continue
            try:
                found[name, system.id] = rate(opened.catalogue, opened.scenario, load, system, ttft_ms)
            except (NothingFits, Unsupported, InputError) as cause:
                why_not.setdefault(name, []).append(f"{system.id}: {cause}")
                excluded.append(
                    Excluded(system=system.id, site="any", reason="does_not_fit", detail=f"{name}: {cause}")
                )
    return found, why_not


def _distrusted(opened: Opened, name: str, load: Workload, system: System, chip: Chip) -> Excluded | None:
    """A system whose chip does not meet the trust that a workload demands."""
    lenient = opened.scenario.accept.undocumented_trust
    why = refused(opened.catalogue, chip, load.trust, undocumented=lenient)
    return Excluded(system=system.id, site="any", reason="not_trusted", detail=f"{name}: {why}") if why else None


def first_token_budget_ms(opened: Opened, load: Workload) -> float | None:
    """The time to the first token that is left after the longest round trip between users and the sites allowed.

    Raises:
        InputError: nothing is left.
    """
    if not isinstance(load, Serve) or load.ttft_ms is None:
        return None
    catalogue = opened.catalogue
    factor = assumed(catalogue, ROUTE).value
    homes = [site for name, site in opened.scenario.sites.items() if may_run(opened, load, name)]
    ends = [catalogue.get(Region, site.region) for site in homes]
    trips = [
        float(round_trip_ms(user.lat, user.lon, end.lat, end.lon, factor))
        for user in (catalogue.get(Region, name) for name in load.users)
        for end in ends
    ]
    left = load.ttft_ms - max(trips, default=0.0)
    if left <= 0:
        raise InputError(
            "the round trip to the farthest users alone takes longer than `ttft_ms`",
            found=load.ttft_ms,
            allowed=f"more than {max(trips):.0f} ms",
        )
    return left


def _option(
    opened: Opened,
    site: str,
    system: System,
    chip: Chip,
    ruling: Ruling,
    rates: Mapping[tuple[str, str], Rate],
    hours: Floats,
) -> Option:
    scenario = opened.scenario
    mine = {
        name: rates[name, system.id]
        for name, load in scenario.workloads.items()
        if (name, system.id) in rates and may_run(opened, load, site)
    }
    unit = priced(opened.catalogue, scenario, site, system, hours)
    offered = tuple(
        contract
        for contract in scenario.sites[site].contracts
        if unit.quotes[contract].known
        and np.isfinite(unit.power_kw.value)
        and (not scenario.systems or system.id in scenario.systems)
    )
    return Option(
        site=site,
        system=system,
        chip=chip,
        chips=float(system.chips or 0.0),
        stack=stack_of(opened.catalogue, chip),
        priced=unit,
        ruling=ruling,
        rates=mine,
        offered=offered,
        available=_day(system.available),
    )


def stack_of(catalogue: Catalogue, chip: Chip) -> str:
    """The id of the software stack that runs on a chip; its vendor's name where no source says."""
    if chip.software_stack is None:
        return f"{chip.vendor} (unnamed)"
    try:
        return catalogue.get(SoftwareStack, chip.software_stack).id
    except InputError:
        return chip.software_stack


def _unlawful(opened: Opened, site: str, system: System, chip: Chip, ruling: Ruling) -> Excluded:
    if (ruling.permission == "undetermined").all():
        found = verdict(opened.catalogue, chip, ruling.act[0], opened.scenario.periods[0].first_day)
        return Excluded(system=system.id, site=site, reason="law_undetermined", detail=undetermined(found))
    outcomes = ", ".join(dict.fromkeys("undetermined" if one == "unknown" else str(one) for one in ruling.outcome))
    return Excluded(system=system.id, site=site, reason="unlawful", detail=outcomes)


def _day(text: str | None) -> dt.date | None:
    if text is None:
        return None
    year, month, day = [*(int(part) for part in text.split("-")), 1, 1][:3]
    return dt.date(year, month, day)


def _undominated(options: list[Option], scenario: Scenario, excluded: list[Excluded]) -> list[Option]:
    """Without options that another of the same site, vendor and stack beats in every respect.

    A linear plan never uses such an option. Systems named in supply limits, lead times or the fleet stay.
    """
    named = {row.system for row in scenario.supply} | {row.system for row in scenario.lead_times}
    named |= {owned.system for owned in scenario.fleet}
    kept: list[Option] = []
    for option in options:
        rivals = [one for one in options if one is not option and _comparable(one, option)]
        better = next((one for one in rivals if one.system.id not in named and _beats(one, option)), None)
        if better is None or option.system.id in named:
            kept.append(option)
        else:
            detail = f"{better.system.id} does every workload here for less money, power, carbon and water"
            excluded.append(Excluded(system=option.system.id, site=option.site, reason="dominated", detail=detail))
    return kept


def _comparable(one: Option, other: Option) -> bool:
    return (
        (one.site, one.system.vendor, one.stack) == (other.site, other.system.vendor, other.stack)
        and set(one.offered) >= set(other.offered)
        and set(one.rates) >= set(other.rates)
        and bool((one.ruling.accepted | ~other.ruling.accepted).all())
        and (one.available or dt.date.min) <= (other.available or dt.date.min)
    )


def _beats(one: Option, other: Option) -> bool:
    """Whether `one` takes no more of anything for the same work, and less of something."""
    ours, theirs = _takes(one, other.offered), _takes(other, other.offered)
    ratios = [ours / one.rates[name].value / (theirs / other.rates[name].value) for name in other.rates]
    worst, best = max(float(np.max(row)) for row in ratios), min(float(np.min(row)) for row in ratios)
    return worst <= 1.0 and best < 1.0


def _takes(option: Option, contracts: tuple[str, ...]) -> Floats:
    """What a unit takes of everything that costs or is limited; embodied carbon counts with the operational."""
    unit = option.priced
    taken = [unit.power_kw.value, (unit.carbon_t + unit.embodied_t).value[0], unit.water_m3.value[0]]
    if "own" in contracts:
        taken += [unit.price_musd.value, unit.hardware_musd.value[0] + unit.running_musd.value[0]]
    taken += [unit.rent_musd[one].value[0] for one in ("reserve", "on_demand") if one in contracts]
    return np.nan_to_num(np.asarray(taken, dtype=np.float64), nan=1.0)
