"""What a user may write of what they have and plan: `fleet.yaml`, read strictly."""

import datetime as dt
from typing import Annotated, Any, Literal

import msgspec

from polysilicon.facts.law import Permission
from polysilicon.scenario import Building
from polysilicon.scenario.amount import Country, Identifier, Name, Positive

Words = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
Work = Annotated[float, msgspec.Meta(gt=0, le=1e40)]
Software = dict[Words, Words | None]


class Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything a user says."""


class Owner(Said, frozen=True, kw_only=True):
    """A legal person. The law asks for its headquarters and its ultimate parent's."""

    name: Name
    headquarters: Country
    ultimate_parent: Country | None = None


class Place(Said, frozen=True, kw_only=True):
    """A hall: a region of the catalogue or only a country, and whose it is.

    `it_kw`, `pue` and `building` are what limits on data centres ask, as a scenario says them.
    """

    entity: Identifier
    region: str | None = None
    country: Country | None = None
    it_kw: Positive | None = None
    pue: Annotated[float, msgspec.Meta(ge=1, le=3)] | None = None
    building: Building | None = None


class Installed(Said, frozen=True, kw_only=True):
    """What stands at a site: so many units of a system or a chip, and the software on it with its versions.

    `software` names components of the catalogue or packages of a registry (`pypi/vllm`); a version that is `null` is
    not known, and every advisory on that software then asks for it. `platform` is the operating system: what an
    advisory says of others alone is then no concern.
    """

    site: Identifier
    system: str | None = None
    chip: str | None = None
    units: Annotated[int, msgspec.Meta(ge=1)] = 1
    software: Software = {}
    platform: Literal["linux", "windows"] | None = None
    note: str = ""


class Contract(Said, frozen=True, kw_only=True):
    """What somebody else runs for us, or supplies: the other side of the contract, where, and until when."""

    counterparty: Name
    entity: Identifier
    country: Country | None = None
    system: str | None = None
    chip: str | None = None
    until: dt.date | None = None
    software: Software = {}


class Order(Said, frozen=True, kw_only=True):
    """What is planned to be bought: for which site, from whom, and on which day it is delivered."""

    site: Identifier
    on: dt.date
    system: str | None = None
    chip: str | None = None
    units: Annotated[int, msgspec.Meta(ge=1)] = 1
    supplier: Name | None = None


class Trained(Said, frozen=True, kw_only=True):
    """A model that was trained or is being trained: by whom, how much work it took, and where it is offered."""

    entity: Identifier
    training_flop: Work | None = None
    offered_in: tuple[Country, ...] = ()
    software: Software = {}


class Fleet(Said, frozen=True, kw_only=True):
    """One fleet. `parties` are further names to screen: customers, resellers, carriers."""

    name: Name
    entities: Annotated[dict[Identifier, Owner], msgspec.Meta(min_length=1)]
    sites: dict[Identifier, Place] = {}
    assets: dict[Identifier, Installed] = {}
    contracts: dict[Identifier, Contract] = {}
    purchases: dict[Identifier, Order] = {}
    models: dict[Identifier, Trained] = {}
    parties: tuple[Name, ...] = ()
    accept: Annotated[tuple[Permission, ...], msgspec.Meta(min_length=1)] = ("free", "exception")
    facts: dict[str, Any] = {}
