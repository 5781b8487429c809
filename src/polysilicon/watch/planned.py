"""A scenario, or a plan that `polysilicon plan` wrote, as holdings."""

from typing import Any

import msgspec

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip, System
from polysilicon.facts.places import Region
from polysilicon.records.dates import Quarter
from polysilicon.records.document import Document
from polysilicon.records.errors import InputError, UnknownName
from polysilicon.scenario import Opened, Train, from_document
from polysilicon.watch.holding import Holding, Holdings, Owner, digest_of, of_a_hall


class _Purchase(msgspec.Struct):
    quarter: str
    delivered: str
    site: str
    system: str
    contract: str
    units: int


class _Plan(msgspec.Struct):
    name: str
    scenario: dict[str, Any]
    purchases: list[_Purchase] = []
    scenario_file: str = ""


def from_plan(data: dict[str, Any], file: str, catalogue: Catalogue) -> Holdings:
    """The plan's purchases, and what its scenario says of the fleet, the sites and whose they are."""
    try:
        plan = msgspec.convert(data, _Plan)
    except msgspec.ValidationError as cause:
        raise InputError(f"{file}: is no plan of this version: {cause}") from cause
    opened = from_document(Document(file, plan.scenario), catalogue)
    bought = tuple(_planned(opened, one, at) for at, one in enumerate(plan.purchases))
    owned = from_scenario(opened, file)
    return Holdings(
        name=plan.name,
        file=file,
        every=(*owned.every, *bought),
        accepted=owned.accepted,
        catalogue=opened.catalogue,
        digest=digest_of(opened.catalogue, [plan.scenario, [msgspec.to_builtins(one) for one in plan.purchases]]),
    )


def _planned(opened: Opened, one: _Purchase, at: int) -> Holding:
    if one.site not in opened.scenario.sites:
        raise UnknownName(f"{opened.file}: purchases[{at}] is for a site that its scenario does not have: {one.site!r}")
    place = _hall(opened, one.site)
    system, chip = _system(opened.catalogue, one.system)
    return Holding(
        kind="purchase",
        id=f"{at}:{one.quarter}/{one.site}/{one.system}/{one.contract}",
        line=f"purchases[{at}]",
        title=f"{one.units:,} x {system.name}, {one.contract}, ordered {one.quarter}, delivered {one.delivered}",
        owner=place.owner,
        country=place.country,
        site=one.site,
        chip=chip,
        system=system,
        units=one.units,
        on=Quarter.parse(one.delivered).first_day,
    )


def from_scenario(opened: Opened, file: str) -> Holdings:
    """What a scenario says stands already, its sites and whose they are."""
    scenario = opened.scenario
    sites = {name: _hall(opened, name) for name in scenario.sites}
    owned = []
    for at, one in enumerate(scenario.fleet):
        system, chip = _system(opened.catalogue, one.system)
        place = sites[one.site]
        owned.append(
            Holding(
                kind="asset",
                id=f"{at}:{one.site}/{one.system}",
                line=f"fleet[{at}]",
                title=f"{one.units:,} x {system.name}",
                owner=place.owner,
                country=place.country,
                site=one.site,
                chip=chip,
                system=system,
                units=one.units,
            )
        )
    models = [
        Holding(
            kind="model",
            id=name,
            line=f"workloads.{name}",
            title=name,
            owner=_owner(opened, load.entity),
            offered_in=load.markets,
        )
        for name, load in scenario.workloads.items()
        if isinstance(load, Train) and load.markets
    ]
    parties = [
        Holding(kind="party", id=name, line=f"entities.{name}", title=one.name, counterparties=(one.name,))
        for name, one in scenario.entities.items()
    ]
    return Holdings(
        name=scenario.name,
        file=file,
        every=(*sites.values(), *owned, *models, *parties),
        accepted=tuple(scenario.accept.permissions),
        catalogue=opened.catalogue,
        digest=digest_of(opened.catalogue, opened.data),
    )


def _hall(opened: Opened, name: str) -> Holding:
    site = opened.scenario.sites[name]
    return Holding(
        kind="site",
        id=name,
        line=f"sites.{name}",
        title=name,
        owner=_owner(opened, site.entity),
        country=opened.catalogue.get(Region, site.region).country,
        site=name,
        said=of_a_hall(site.pue, None, site.building),
        subdivision=site.building.subdivision if site.building else None,
    )


def _owner(opened: Opened, name: str) -> Owner:
    entity = opened.scenario.entities[name]
    return Owner(entity.name, entity.headquarters, entity.ultimate_parent)


def _system(catalogue: Catalogue, name: str) -> tuple[System, Chip | None]:
    system = catalogue.get(System, name)
    return system, catalogue.get(Chip, system.chip_id) if system.chip_id else None
