"""Embodied carbon: what was emitted to make chips, memory, servers and buildings, written off over their lives."""

import datetime as dt
import functools
import re

from polysilicon.facts.catalogue import Catalogue
from polysilicon.facts.hardware import Chip, NodeFact
from polysilicon.facts.money import Assumption, EmbodiedFactor
from polysilicon.facts.reading import assumed, read
from polysilicon.facts.record import CONFIDENCES
from polysilicon.records.bounded import Amount, Bounded, between, exactly, hull, unknown
from polysilicon.records.recorder import formula
from polysilicon.records.units import H_PER_YEAR, KILO

MM2_PER_CM2 = 100.0
G_PER_KG = 1000.0


@formula
def carbon_per_area_kg_per_cm2(
    fab_g_per_kwh: Amount,
    fab_kwh_per_cm2: Amount,
    gas_kg_per_cm2: Amount,
    materials_kg_per_cm2: Amount,
    yield_share: Amount,
) -> Amount:
    """Carbon of a square centimetre of good silicon: the fab's electricity, process gases and materials.

    Source: Gupta et al., "ACT: Designing Sustainable Computer Systems with an Architectural Carbon Modeling Tool",
    ISCA 2022, equation 5.
    """
    return (fab_g_per_kwh / KILO * fab_kwh_per_cm2 + gas_kg_per_cm2 + materials_kg_per_cm2) / yield_share


@formula
def silicon_area_mm2(dies: Amount, die_area_mm2: Amount) -> Amount:
    """Silicon of a package whose area nobody gives, from the number of its dies.

    Source: parameter: the area of one die of other accelerators.
    """
    return dies * die_area_mm2


@formula
def die_embodied_kg(die_area_mm2: Amount, carbon_kg_per_cm2: Amount) -> Amount:
    """Carbon of making a chip's silicon.

    Source: Gupta et al., ACT, ISCA 2022, equation 4.
    """
    return die_area_mm2 / MM2_PER_CM2 * carbon_kg_per_cm2


@formula
def memory_embodied_kg(memory_gb: Amount, memory_kg_per_gb: Amount) -> Amount:
    """Carbon of making a chip's memory.

    Source: Gupta et al., ACT, ISCA 2022, equation 6.
    """
    return memory_gb * memory_kg_per_gb


@formula
def module_embodied_kg(
    die_kg: Amount, memory_kg: Amount, packages: Amount, package_kg: Amount, board_kg: Amount
) -> Amount:
    """Carbon of making one accelerator module: silicon, memory, packages, board.

    Source: Gupta et al., ACT, ISCA 2022, equation 3; board as in Boavizta's server methodology, 2021.
    """
    return die_kg + memory_kg + packages * package_kg + board_kg


@formula
def server_embodied_kg(chips: Amount, chip_kg: Amount, rest_per_chip_kg: Amount) -> Amount:
    """Carbon of making a server: its accelerators and, for each of them, a share of the rest.

    Source: Chien et al., "Reducing the Carbon Impact of Generative AI Inference", HotCarbon 2023.
    """
    return chips * (chip_kg + rest_per_chip_kg)


@formula
def written_off_kg(embodied_kg: Amount, hours: Amount, life_years: Amount) -> Amount:
    """The share of an embodied footprint that falls to some hours of a life.

    Source: Gupta et al., ACT, ISCA 2022, equation 1 (time over lifetime).
    """
    return embodied_kg * hours / (life_years * H_PER_YEAR)


@formula
def building_embodied_kg(it_kw: Amount, building_kg_per_kw: Amount) -> Amount:
    """Carbon of building the data centre for an IT load.

    Source: no standard gives one; taken in proportion to IT capacity, with the factor as a parameter.
    """
    return it_kw * building_kg_per_kw


def chip_embodied_kg(catalogue: Catalogue, chip: Chip, as_of: dt.date) -> Bounded:
    """Carbon of making one accelerator [kg]: as published, else from its silicon and memory.

    Several publications of one chip bound it; the most trusted gives the value. A die area that nobody gives is
    taken as wide as accelerators' are. Unknown where the memory is.
    """
    published = [read(catalogue, one, "value") for one in _published(catalogue).get(chip.id, ())]
    if published:
        return hull(published, published[0])
    dies = read(catalogue, chip, "dies") if chip.dies else assumed(catalogue, "dies-per-accelerator")
    area_mm2 = read(catalogue, chip, "die_area_mm2")
    if not area_mm2.known:
        area_mm2 = exactly(silicon_area_mm2(dies, assumed(catalogue, "die-area-per-die")))
    die_kg = die_embodied_kg(area_mm2, carbon_per_area(catalogue, chip, as_of))
    memory_kg = memory_embodied_kg(_memory_gb(catalogue, chip), _memory_factor(catalogue, chip))
    package_kg, board_kg = assumed(catalogue, "package-embodied"), assumed(catalogue, "module-embodied")
    return exactly(module_embodied_kg(die_kg, memory_kg, dies, package_kg, board_kg))


def carbon_per_area(catalogue: Catalogue, chip: Chip, as_of: dt.date) -> Bounded:
    """Carbon of good silicon on the chip's node [kg/cm²]; the range of all nodes where its node is unknown."""
    nodes = nodes_of(catalogue, chip)
    each = [_node_carbon(catalogue, one, as_of) for one in nodes or _specified(catalogue)]
    if not each:
        return unknown()
    low, high = min(one.low for one in each), max(one.high for one in each)
    return each[0] if len(each) == 1 else between(low, high) if not nodes else Bounded(each[0].value, low, high)


def nodes_of(catalogue: Catalogue, chip: Chip) -> list[NodeFact]:
    """The process nodes that the words of a chip's `process_node` name, in their order; two for mixed packages."""
    words = chip.process_node or ""
    found = {}
    for node in _specified(catalogue):
        for name in (*node.node.replace("/", " ").split(), *node.aliases):
            spot = re.search(rf"(?<![0-9A-Za-z]){re.escape(name)}(?![0-9A-Za-z])", words)
            if spot and node.id not in found:
                found[node.id] = (spot.start(), node)
    return [node for _, node in sorted(found.values(), key=lambda pair: pair[0])]


def _node_carbon(catalogue: Catalogue, node: NodeFact, as_of: dt.date) -> Bounded:
    gas_high, gas_low = node.gas_95pct_abated_g_per_cm2, node.gas_99pct_abated_g_per_cm2
    gas = (
        between(gas_low / G_PER_KG, gas_high / G_PER_KG) if gas_low is not None and gas_high is not None else unknown()
    )
    materials = read(catalogue, node, "materials_g_per_cm2") / G_PER_KG
    energy = read(catalogue, node, "fab_energy_kwh_per_cm2")
    good = _yield(catalogue, node, as_of)
    return exactly(carbon_per_area_kg_per_cm2(_fab_g_per_kwh(catalogue, node.foundry), energy, gas, materials, good))


@functools.lru_cache(maxsize=32)
def _fab_g_per_kwh(catalogue: Catalogue, foundry: str) -> Bounded:
    """Carbon of the electricity of a foundry's fabs; the widest range for one we cannot place."""
    own = f"fab-carbon-{foundry.casefold()}"
    return assumed(catalogue, own if own in catalogue.ids(Assumption) else "fab-carbon-other")


def _yield(catalogue: Catalogue, node: NodeFact, as_of: dt.date) -> Bounded:
    """The latest reported yield of the node as of the day, within all reported so far; else the assumed one."""
    reported = [
        one
        for one in _facts(catalogue, "yield")
        if (one.foundry, one.node) == (node.foundry, node.node) and (one.date or "") <= as_of.isoformat()
    ]
    if not reported:
        return assumed(catalogue, "fab-yield")
    each = [(one.yield_pct or 0.0) / 100.0 for one in reported]
    return hull([exactly(one) for one in each], read(catalogue, reported[-1], "yield_pct") / 100.0)


def _memory_gb(catalogue: Catalogue, chip: Chip) -> Bounded | float:
    return 0.0 if (chip.memory_type or "").startswith("SRAM") else read(catalogue, chip, "memory_gb")


def _memory_factor(catalogue: Catalogue, chip: Chip) -> Bounded:
    kind = chip.memory_type or ""
    stacked, plain = assumed(catalogue, "hbm-embodied"), assumed(catalogue, "dram-embodied")
    if "HBM" in kind or kind.startswith(("HiBL", "HiZQ")):
        return stacked
    return plain if "DDR" in kind else between(plain.low, stacked.high)


@functools.lru_cache(maxsize=8)
def _published(catalogue: Catalogue) -> dict[str, list[EmbodiedFactor]]:
    """Published footprints of whole chips, by chip, the most trusted first."""
    by_chip: dict[str, list[EmbodiedFactor]] = {}
    for one in catalogue.every(EmbodiedFactor):
        if one.concerns and one.metric == "embodied":
            by_chip.setdefault(one.concerns, []).append(one)
    for several in by_chip.values():
        several.sort(key=lambda one: CONFIDENCES.index(one.confidence))
    return by_chip


@functools.lru_cache(maxsize=32)
def _facts(catalogue: Catalogue, row_type: str) -> list[NodeFact]:
    rows = [one for one in catalogue.every(NodeFact) if one.row_type == row_type]
    return sorted(rows, key=lambda one: (one.date or "", one.id))


def _specified(catalogue: Catalogue) -> list[NodeFact]:
    return [one for one in _facts(catalogue, "spec") if one.fab_energy_kwh_per_cm2 is not None]
