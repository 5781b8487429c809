"""What is watched over: everything owned, contracted, planned or dealt with, from a fleet, a plan or a scenario."""

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip, System
from polysilicon.facts.places import Region
from polysilicon.facts.software import Component
from polysilicon.policy.law import law_of
from polysilicon.records.dates import Quarter
from polysilicon.records.document import MOST_BYTES, Document, Key, convert, parse_yaml, read_text
from polysilicon.records.errors import InputError, UnknownName
from polysilicon.records.names import nearest, plain
from polysilicon.scenario import Opened, from_document
from polysilicon.watch.fleet import Fleet, Installed, Order, Software

Kind = Literal["asset", "site", "contract", "purchase", "model", "party"]
Versions = Mapping[str, str | None]


@dataclass(frozen=True)
class Owner:
    """Whose it is: a name, and the countries that the law asks for."""

    name: str
    headquarters: str
    ultimate_parent: str


@dataclass(frozen=True)
class Holding:
    """One thing that is watched over. `line` is where it stands in the user's file, in words: `purchases.spring`.

    `software` maps ids of components, and `ecosystem/name` of packages, to versions; `None` is a version not stated.
    `on` is the day of a delivery; `counterparties` are the names to screen. Of a site or a model, `said` holds the
    figures that rules ask for, as `judge --with` takes them, and `offered_in` where a model is on the market.
    """

    kind: Kind
    id: str
    line: str
    title: str
    owner: Owner | None = None
    country: str | None = None
    site: str = ""
    chip: Chip | None = None
    system: System | None = None
    units: int = 1
    software: Versions = field(default_factory=dict)
    platform: str | None = None
    on: dt.date | None = None
    counterparties: tuple[str, ...] = ()
    said: tuple[tuple[str, str], ...] = ()
    offered_in: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Its name among all."""
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True)
class Holdings:
    """All of it, with the catalogue (the user's own facts over it) by which it is judged.

    `accepted` are the permissions that count as lawful; `digest` changes whenever anything here does.
    """

    name: str
    file: str
    every: tuple[Holding, ...]
    accepted: tuple[str, ...]
    catalogue: Catalogue
    digest: str


def read(path: Path, catalogue: Catalogue) -> Holdings:
    """A fleet, a scenario, or a plan that `polysilicon plan` wrote, told apart by what stands in it.

    Raises:
        InputError: unreadable, none of the three, or a field that is missing, misspelt or names nothing known.
    """
    text = read_text(path, MOST_BYTES)
    if path.suffix == ".json":
        data = _json(text, path)
        if "purchases" in data and "scenario" in data:
            return _from_plan(data, str(path), catalogue)
        document = Document(str(path), data)
    else:
        document = parse_yaml(text, str(path))
    if isinstance(document.data, dict) and "workloads" in document.data:
        return _from_scenario(from_document(document, catalogue), str(path))
    return _from_fleet(document, catalogue)


def _json(text: str, path: Path) -> dict[str, Any]:
    try:
        data = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as cause:
        raise InputError(f"{path}: broken JSON: {cause}") from cause
    if not isinstance(data, dict):
        raise InputError(f"{path}: must be a table of fields", allowed="a fleet, a scenario, or a plan.json")
    return data


def _digest(catalogue: Catalogue, data: object) -> str:
    said = msgspec.json.encode(data, order="sorted", enc_hook=str)
    return hashlib.sha256(catalogue.hash.encode() + said).hexdigest()[:32]


# -- a fleet ----------------------------------------------------------------------------------------------------------


def _from_fleet(document: Document, catalogue: Catalogue) -> Holdings:
    fleet = convert(document, Fleet)
    if fleet.facts:
        catalogue = catalogue.overlaid(document, ("facts",))
    reader = _Reader(document, fleet, catalogue)
    return Holdings(
        name=fleet.name,
        file=document.file,
        every=tuple(reader.every()),
        accepted=fleet.accept,
        catalogue=catalogue,
        digest=_digest(catalogue, document.data),
    )


@dataclass(frozen=True)
class _Reader:
    """Resolves the names of a fleet; a complaint says the line on which a name stands."""

    document: Document
    fleet: Fleet
    catalogue: Catalogue

    def every(self) -> Iterator[Holding]:
        codes = law_of(self.catalogue, dt.date(2025, 1, 1), "text").codes
        for name, one in self.fleet.entities.items():
            for field_name in ("headquarters", "ultimate_parent"):
                self._country(("entities", name, field_name), getattr(one, field_name), codes)
        for name in self.fleet.sites:
            self._country(("sites", name, "country"), self.fleet.sites[name].country, codes)
            yield self._site(name)
        for name, asset in self.fleet.assets.items():
            yield self._installed(name, asset)
        for name, order in self.fleet.purchases.items():
            yield self._order(name, order)
        yield from self._contracts()
        yield from self._models()
        for at, party in enumerate(self.fleet.parties):
            yield Holding(kind="party", id=party, line=f"parties[{at}]", title=party, counterparties=(party,))
        for name, one in self.fleet.entities.items():
            yield Holding(kind="party", id=name, line=f"entities.{name}", title=one.name, counterparties=(one.name,))

    def _country(self, key: Key, code: str | None, codes: frozenset[str]) -> None:
        if code is not None and code not in codes:
            raise UnknownName(
                f"no rule knows the country {code!r}",
                place=self.document.place(key),
                allowed="ISO 3166-1 alpha-2 codes such as CN, US, AE",
            )

    def _site(self, name: str) -> Holding:
        one = self.fleet.sites[name]
        key: Key = ("sites", name)
        if (one.region is None) == (one.country is None):
            raise InputError("needs a region or a country, one of them", place=self.document.place(key))
        country = one.country
        if one.region is not None:
            region = self._record(Region, one.region, (*key, "region"))
            country = region.country
        return Holding(
            kind="site",
            id=name,
            line=f"sites.{name}",
            title=name,
            owner=self._owner(one.entity, (*key, "entity")),
            country=country,
            site=name,
            said=_said(it_kw=one.it_kw, pue=one.pue, operation_start=one.opens),
        )

    def _installed(self, name: str, one: Installed) -> Holding:
        key: Key = ("assets", name)
        site = self._at(one.site, (*key, "site"))
        chip, system = self._hardware(one.chip, one.system, key)
        return Holding(
            kind="asset",
            id=name,
            line=f"assets.{name}",
            title=f"{one.units:,} x {system.name if system else chip.name if chip else name}",
            owner=site.owner,
            country=site.country,
            site=one.site,
            chip=chip,
            system=system,
            units=one.units,
            software=self._software(one.software, key),
            platform=one.platform,
        )

    def _order(self, name: str, one: Order) -> Holding:
        key: Key = ("purchases", name)
        site = self._at(one.site, (*key, "site"))
        chip, system = self._hardware(one.chip, one.system, key)
        return Holding(
            kind="purchase",
            id=name,
            line=f"purchases.{name}",
            title=f"{one.units:,} x {system.name if system else chip.name if chip else name}",
            owner=site.owner,
            country=site.country,
            site=one.site,
            chip=chip,
            system=system,
            units=one.units,
            on=one.on,
            counterparties=(one.supplier,) if one.supplier else (),
        )

    def _contracts(self) -> Iterator[Holding]:
        for name, one in self.fleet.contracts.items():
            key: Key = ("contracts", name)
            chip, system = self._hardware(one.chip, one.system, key, needed=False)
            yield Holding(
                kind="contract",
                id=name,
                line=f"contracts.{name}",
                title=f"{one.counterparty}{f' ({system.name})' if system else ''}",
                owner=self._owner(one.entity, (*key, "entity")),
                country=one.country,
                chip=chip,
                system=system,
                software=self._software(one.software, key),
                counterparties=(one.counterparty,),
            )

    def _models(self) -> Iterator[Holding]:
        for name, one in self.fleet.models.items():
            key: Key = ("models", name)
            yield Holding(
                kind="model",
                id=name,
                line=f"models.{name}",
                title=name,
                owner=self._owner(one.entity, (*key, "entity")),
                software=self._software(one.software, key),
                said=_said(train_flop=one.training_flop),
                offered_in=one.offered_in,
            )

    def _at(self, site: str, key: Key) -> Holding:
        if site not in self.fleet.sites:
            raise UnknownName(
                f"no site is called {site!r}",
                place=self.document.place(key),
                allowed=list(self.fleet.sites),
                nearest=nearest(site, self.fleet.sites, 1),
            )
        return self._site(site)

    def _owner(self, entity: str, key: Key) -> Owner:
        if entity not in self.fleet.entities:
            raise UnknownName(
                f"no entity is called {entity!r}",
                place=self.document.place(key),
                allowed=list(self.fleet.entities),
                nearest=nearest(entity, self.fleet.entities, 1),
            )
        one = self.fleet.entities[entity]
        return Owner(one.name, one.headquarters, one.ultimate_parent or one.headquarters)

    def _hardware(
        self, chip: str | None, system: str | None, key: Key, *, needed: bool = True
    ) -> tuple[Chip | None, System | None]:
        if chip is not None and system is not None:
            raise InputError("names a chip and a system", place=self.document.place(key), remedy="name one of them")
        if needed and chip is None and system is None:
            raise InputError("names neither a chip nor a system", place=self.document.place(key))
        found = self._record(System, system, (*key, "system")) if system else None
        inner = found.chip_id if found else None
        if chip is not None:
            return self._record(Chip, chip, (*key, "chip")), None
        return (self.catalogue.get(Chip, inner) if inner else None), found

    def _software(self, software: Software, key: Key) -> Versions:
        return {self._component(name, (*key, "software", name)): version for name, version in software.items()}

    def _component(self, name: str, key: Key) -> str:
        """The id of a component; a package (`pypi/name`) that no component is called by stays what it is."""
        known = self.catalogue.every(Component)
        by_name = {plain(each): one.id for one in known for each in (one.id, one.name, *one.called, *one.packages)}
        if plain(name) in by_name:
            return by_name[plain(name)]
        if "/" in name:
            return name.casefold()
        raise UnknownName(
            f"no software is called {name!r}",
            place=self.document.place(key),
            nearest=nearest(name, [one.id for one in known]),
            remedy="write a package of a registry as ecosystem/name, such as pypi/vllm",
        )

    def _record(self, kind: type[Any], name: str, key: Key) -> Any:
        try:
            return self.catalogue.get(kind, name)
        except InputError as complaint:
            raise complaint.at(self.document.place(key)) from complaint


# -- a plan or a scenario ---------------------------------------------------------------------------------------------


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


def _from_plan(data: dict[str, Any], file: str, catalogue: Catalogue) -> Holdings:
    """The plan's purchases, and what its scenario says of the fleet, the sites and whose they are."""
    try:
        plan = msgspec.convert(data, _Plan)
    except msgspec.ValidationError as cause:
        raise InputError(f"{file}: is no plan of this version: {cause}") from cause
    opened = from_document(Document(file, plan.scenario), catalogue)
    bought = tuple(_planned(opened, one, at) for at, one in enumerate(plan.purchases))
    owned = _from_scenario(opened, file)
    return Holdings(
        name=plan.name,
        file=file,
        every=(*owned.every, *bought),
        accepted=owned.accepted,
        catalogue=opened.catalogue,
        digest=_digest(opened.catalogue, [plan.scenario, [msgspec.to_builtins(one) for one in plan.purchases]]),
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


def _from_scenario(opened: Opened, file: str) -> Holdings:
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
    parties = [
        Holding(kind="party", id=name, line=f"entities.{name}", title=one.name, counterparties=(one.name,))
        for name, one in scenario.entities.items()
    ]
    return Holdings(
        name=scenario.name,
        file=file,
        every=(*sites.values(), *owned, *parties),
        accepted=tuple(scenario.accept.permissions),
        catalogue=opened.catalogue,
        digest=_digest(opened.catalogue, opened.data),
    )


def _hall(opened: Opened, name: str) -> Holding:
    site = opened.scenario.sites[name]
    entity = opened.scenario.entities[site.entity]
    return Holding(
        kind="site",
        id=name,
        line=f"sites.{name}",
        title=name,
        owner=Owner(entity.name, entity.headquarters, entity.ultimate_parent),
        country=opened.catalogue.get(Region, site.region).country,
        site=name,
        said=_said(pue=site.pue),
    )


def _said(**figures: object) -> tuple[tuple[str, str], ...]:
    """Figures that are stated, in words."""
    return tuple((name, str(value)) for name, value in figures.items() if value is not None)


def _system(catalogue: Catalogue, name: str) -> tuple[System, Chip | None]:
    system = catalogue.get(System, name)
    return system, catalogue.get(Chip, system.chip_id) if system.chip_id else None
