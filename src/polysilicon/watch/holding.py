"""What is watched over: one record for everything owned, contracted, planned or dealt with."""

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip, System
from polysilicon.scenario import Building

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
    figures that rules ask for, as `judge --with` takes them, `subdivision` is that of a site's place (ISO 3166-2), and
    `offered_in` are the countries in which a model is on the market.
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
    subdivision: str | None = None
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


def digest_of(catalogue: Catalogue, data: object) -> str:
    """A hash of what is said and of the catalogue it is read by."""
    said = msgspec.json.encode(data, order="sorted", enc_hook=str)
    return hashlib.sha256(catalogue.hash.encode() + said).hexdigest()[:32]


def stated(**figures: object) -> tuple[tuple[str, str], ...]:
    """Figures that are said, in the words in which the law is asked."""
    return tuple((name, _word(value)) for name, value in figures.items() if value is not None)


def of_a_hall(pue: float | None, it_kw: float | None, building: Building | None) -> tuple[tuple[str, str], ...]:
    """What is said of a hall, but for where it stands."""
    plain = {} if building is None else msgspec.to_builtins(building)
    return stated(pue=pue, it_kw=it_kw, **{name: one for name, one in plain.items() if name != "subdivision"})


def _word(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
