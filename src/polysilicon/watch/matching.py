"""Which software and parts of a holding a product in a notice means, by the names that the catalogue knows them by."""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip, System
from polysilicon.facts.software import Component
from polysilicon.watch.holding import Holding
from polysilicon.watch.notice import Affected, Notice
from polysilicon.watch.versions import Standing, standing

# Operating systems that notices tell apart; other words for a platform (an architecture) exclude nothing.
SYSTEMS = ("linux", "windows", "macos")


@dataclass(frozen=True)
class Target:
    """One thing of the user's that a notice may name: the phrases it is known by, its vendor, its version.

    `implied` software comes with a part; the user said nothing of it.
    """

    id: str
    title: str
    vendor: str
    phrases: tuple[str, ...]
    packages: tuple[str, ...] = ()
    version: str | None = None
    implied: bool = False
    hardware: bool = False
    platform: str | None = None


@dataclass(frozen=True)
class Match:
    """One notice names one target: how it stands, and what the notice says of it."""

    target: Target
    notice: Notice
    affected: Affected | None
    standing: Standing


def targets(holding: Holding, catalogue: Catalogue) -> tuple[Target, ...]:
    """Everything of one holding that an advisory may name. What is stated comes before what is implied."""
    found = [_stated(name, version, catalogue) for name, version in holding.software.items()]
    chip = holding.chip
    if chip is not None and chip.segment == "datacenter" and holding.kind != "purchase":
        found += [
            _component(one, None, implied=True)
            for one in catalogue.every(Component)
            if one.comes_with == chip.vendor and one.id not in holding.software
        ]
    if chip is not None or holding.system is not None:
        found.append(_hardware(chip, holding.system))
    return tuple(replace(one, platform=holding.platform) for one in found)


def _stated(name: str, version: str | None, catalogue: Catalogue) -> Target:
    if name in catalogue.ids(Component):
        return _component(catalogue.get(Component, name), version, implied=False)
    bare = name.split("/", 1)[1]
    return Target(id=name, title=name, vendor="", phrases=(words(bare),), packages=(name,), version=version)


def _component(one: Component, version: str | None, *, implied: bool) -> Target:
    phrases = tuple(dict.fromkeys(words(name) for name in (one.name, *one.called)))
    return Target(
        id=one.id,
        title=one.name,
        vendor=one.vendor,
        phrases=phrases,
        packages=tuple(name.casefold() for name in one.packages),
        version=version,
        implied=implied,
    )


def _hardware(chip: Chip | None, system: System | None) -> Target:
    """A part and the system it comes in are one target: an advisory names either."""
    phrases = [phrase for one in (chip,) if one for name in (one.name, *one.aliases) for phrase in _model_names(name)]
    names = [part for one in (system,) if one for name in (one.name, *one.aliases) for part in name.split("/")]
    phrases += [phrase for name in names for phrase in _model_names(name, alone=False)]
    whole = system or chip
    return Target(
        id=whole.id if whole else "",
        title=whole.name if whole else "",
        vendor=whole.vendor if whole else "",
        phrases=tuple(dict.fromkeys(phrases)),
        hardware=True,
    )


def _model_names(name: str, *, alone: bool = True) -> Iterator[str]:
    """A part's name up to its model number (`instinct mi300x`), and the number alone where it has letters (`mi300x`).

    `v4` alone is no name, and `H100` of a system is its chip's.
    """
    leading: list[str] = []
    for word in words(name).split():
        leading.append(word)
        if any(letter.isdigit() for letter in word):
            yield " ".join(leading)
            if alone and any(letter.isalpha() for letter in word) and not re.fullmatch(r"v\d+\w?", word):
                yield word
            return


@functools.lru_cache(maxsize=65_536)
def words(text: str) -> str:
    """Text as whole words: no case, marks or punctuation."""
    return " ".join(re.findall(r"[^\W_]+", re.sub(r"[™®©]|\((?:r|tm)\)", "", text.casefold())))


def names(target: Target, said: Affected) -> bool:
    """Whether a product in a notice is the target, on its platform."""
    if _elsewhere(target, said):
        return False
    if said.package and said.package in target.packages:
        return True
    product = words(said.product)
    if not product or said.package:
        return False
    return any(_within(phrase, product) for phrase in target.phrases) and _same_vendor(target, said, product)


def _elsewhere(target: Target, said: Affected) -> bool:
    """Whether a notice speaks only of operating systems that the target does not run on."""
    meant = {system for one in said.platforms for system in SYSTEMS if system in words(one).split()}
    return target.platform is not None and bool(meant) and target.platform not in meant


def _same_vendor(target: Target, said: Affected, product: str) -> bool:
    """The vendors share a word, or the vendor's name is the product's own; a vendor that is not named can be any."""
    vendor = words(said.vendor)
    if not vendor or not target.vendor:
        return True
    own = set(words(target.vendor).split())
    return (
        bool(own & set(vendor.split()))
        or bool(own & set(product.split()))
        or any(_within(phrase, vendor) for phrase in target.phrases)
    )


def in_text(target: Target, notice: Notice) -> bool:
    """Whether a notice that names no product speaks of the target in its text, with its vendor."""
    text = words(f"{notice.title} {notice.summary}")
    own = words(target.vendor).split()
    return any(_within(phrase, text) for phrase in target.phrases) and any(_within(one, text) for one in own)


def _within(phrase: str, text: str) -> bool:
    return bool(phrase) and f" {phrase} " in f" {text} "


def matches(notice: Notice, target: Target) -> Iterator[Match]:
    """Everything that one notice says of one target."""
    nameless = not notice.affected
    for said in notice.affected:
        if names(target, said):
            yield Match(target, notice, said, standing(said, target.version))
        elif not said.product and not said.package:
            nameless = True
    if nameless and in_text(target, notice):
        yield Match(target, notice, None, "possible")
