"""Every kind of fact: its name on the command line, its record, its folder below `data/`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from polysilicon.facts.architectures import ModelCard
from polysilicon.facts.domains import Domain
from polysilicon.facts.efficiency import Fit
from polysilicon.facts.engines import ServingEngine
from polysilicon.facts.hardware import Advisory, Chip, ChipSecurity, MemoryFact, NodeFact, SoftwareStack, System, Trust
from polysilicon.facts.law import Consequence, Definition, Event, Group, Jurisdiction, Proposal, Regime, Rule
from polysilicon.facts.money import Assumption, EmbodiedFactor, Price
from polysilicon.facts.places import Cooling, Region
from polysilicon.facts.porting import PortRule, PortTarget
from polysilicon.facts.porting_names import PortingName
from polysilicon.facts.recipes import TrainingRecipe
from polysilicon.facts.record import Record
from polysilicon.facts.reliability import Reliability
from polysilicon.facts.software import Component, PartyList


@dataclass(frozen=True)
class Kind:
    """`nested` names the fields that hold tables of their own, not a value with its provenance."""

    name: str
    record: type[Record]
    folder: str
    nested: frozenset[str] = frozenset()

    def files(self, folder: Path) -> Iterator[Path]:
        """The reviewed files of this kind, in a fixed order."""
        yield from sorted(one for one in folder.glob("*") if one.suffix in (".yaml", ".csv"))


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("chip", Chip, "chips"),
        Kind("system", System, "systems"),
        Kind("memory", MemoryFact, "memory"),
        Kind("node", NodeFact, "nodes"),
        Kind("region", Region, "regions"),
        Kind("cooling", Cooling, "cooling"),
        Kind("price", Price, "prices"),
        Kind("embodied", EmbodiedFactor, "embodied"),
        Kind("assumption", Assumption, "assumptions"),
        Kind("model", ModelCard, "models", nested=frozenset({"config", "checkpoints"})),
        Kind("efficiency", Fit, "efficiency", nested=frozenset({"parameters"})),
        Kind("domain", Domain, "domains", nested=frozenset({"reach", "choices", "best_mfu_pct"})),
        Kind("reliability", Reliability, "reliability"),
        Kind("recipe", TrainingRecipe, "recipes"),
        Kind("engine", ServingEngine, "engines"),
        Kind("porting-name", PortingName, "porting_names"),
        Kind("stack", SoftwareStack, "stacks"),
        Kind("security", ChipSecurity, "security"),
        Kind("trust", Trust, "trust", nested=frozenset({"certificates"})),
        Kind("advisory", Advisory, "advisories"),
        Kind("component", Component, "components"),
        Kind("party_list", PartyList, "party_lists"),
        Kind("rule", Rule, "rules", nested=frozenset({"when", "then", "binds"})),
        Kind("proposal", Proposal, "proposals", nested=frozenset({"rules"})),
        Kind("definition", Definition, "definitions", nested=frozenset({"formula"})),
        Kind("group", Group, "groups", nested=frozenset({"members"})),
        Kind("event", Event, "events", nested=frozenset({"when", "then", "binds"})),
        Kind("jurisdiction", Jurisdiction, "jurisdictions"),
        Kind("regime", Regime, "regimes", nested=frozenset({"hears"})),
        Kind("consequence", Consequence, "consequences"),
        Kind("port-target", PortTarget, "porting/targets", nested=frozenset({"chips"})),
        Kind("port-rule", PortRule, "porting/rules", nested=frozenset({"python", "lines", "verdicts"})),
    )
}
