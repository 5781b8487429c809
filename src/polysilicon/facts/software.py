"""Software and firmware beside the chips, and the lists of parties that governments publish: what a lookout names."""

from typing import Literal

from polysilicon.facts.record import Count, Record

Layer = Literal["firmware", "bmc", "driver", "fabric", "container", "runtime", "framework"]


class Component(Record, frozen=True, kw_only=True):
    """A piece of software or firmware that advisories name.

    `called` holds the names that advisories give it beside `name`. `packages` are its names in registries, written
    ecosystem/name (`pypi/vllm`). `comes_with` is the vendor of the chips without which it is not run: every system of
    that vendor's data-centre chips has it, in a version that only its owner knows.
    """

    name: str
    vendor: str
    layer: Layer
    called: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    comes_with: str | None = None


class PartyList(Record, frozen=True, kw_only=True):
    """One of the lists that a consolidated screening list is made of.

    `mark` is the short form that stands in brackets in the name of the source of each entry. `least_entries` is
    what a whole copy holds at the very least, and `known_names` stand on it: a copy without them was cut short.
    """

    name: str
    mark: str
    agency: str
    means: str
    least_entries: Count | None = None
    known_names: tuple[str, ...] = ()
