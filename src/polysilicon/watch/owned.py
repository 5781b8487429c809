"""A fleet file as holdings: every name in it resolved, and a complaint says the line on which a name stands."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip, System
from polysilicon.facts.places import Region
from polysilicon.facts.software import Component
from polysilicon.policy.law import law_of
from polysilicon.records.document import Document, Key, convert
from polysilicon.records.errors import InputError, UnknownName
from polysilicon.records.names import nearest, plain
from polysilicon.watch.fleet import Fleet, Installed, Order, Software
from polysilicon.watch.holding import Holding, Holdings, Kind, Owner, Versions, digest_of, of_a_hall, stated


def from_fleet(document: Document, catalogue: Catalogue) -> Holdings:
    """The holdings of a fleet.

    Raises:
        InputError: a field that is missing, misspelt or names nothing known.
    """
    _refuse_numbers(document, document.data, ())
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
        digest=digest_of(catalogue, document.data),
    )


def _refuse_numbers(document: Document, part: Any, key: Key) -> None:
    """A version without quotes may be a number, and 1.20 is then 1.2: it must be text."""
    if isinstance(part, dict):
        for name, inner in part.items():
            if len(key) == 3 and key[-1] == "software" and isinstance(inner, int | float):
                raise InputError(
                    "is a number, not a version",
                    place=document.place((*key, name)),
                    found=inner,
                    remedy='put versions in quotes: "1.20" would be 1.2 without them',
                )
            _refuse_numbers(document, inner, (*key, name))


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
            said=of_a_hall(one.pue, one.it_kw, one.building),
            subdivision=one.building.subdivision if one.building else None,
        )

    def _installed(self, name: str, one: Installed) -> Holding:
        key: Key = ("assets", name)
        software = self._software(one.software, key)
        return replace(self._standing("asset", key, one), software=software, platform=one.platform)

    def _order(self, name: str, one: Order) -> Holding:
        suppliers = (one.supplier,) if one.supplier else ()
        return replace(self._standing("purchase", ("purchases", name), one), on=one.on, counterparties=suppliers)

    def _standing(self, kind: Kind, key: Key, one: Installed | Order) -> Holding:
        """Hardware that stands at a site, or will."""
        site = self._at(one.site, (*key, "site"))
        chip, system = self._hardware(one.chip, one.system, key)
        name = str(key[-1])
        return Holding(
            kind=kind,
            id=name,
            line=".".join(map(str, key)),
            title=f"{one.units:,} x {system.name if system else chip.name if chip else name}",
            owner=site.owner,
            country=site.country,
            site=one.site,
            chip=chip,
            system=system,
            units=one.units,
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
                said=stated(train_flop=one.training_flop),
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
