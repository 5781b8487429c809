"""Electrical power: chip, node, network, facility; provisioned and drawn."""

from dataclasses import dataclass

import numpy as np

from polysilicon.energy.cooling import pue
from polysilicon.facts.catalogue import Catalogue
from polysilicon.facts.hardware import Chip, System
from polysilicon.facts.places import Cooling, Region
from polysilicon.facts.reading import assumed, read
from polysilicon.performance.power import chips_power_kw, load_power_kw
from polysilicon.records.bounded import Amount, Bounded, along, exactly, leaves, unknown
from polysilicon.records.recorder import Leaf, formula


@dataclass(frozen=True)
class Node:
    """A system's electrical figures, and the records they rest on.

    `chips_kw` and `overhead_kw` are unknown where only the whole is published. Where neither the whole nor the chips'
    TDP is, all three are as wide as accelerators are.
    """

    chips: Amount
    provisioned_kw: Bounded
    chips_kw: Bounded
    overhead_kw: Bounded
    rests_on: tuple[Leaf, ...]


@formula
def node_provisioned_kw(chips_kw: Amount, node_over_chips: Amount) -> Amount:
    """Power to provision for a node whose own maximum is unpublished, from its accelerators'.

    Source: Fan, Weber & Barroso, "Power Provisioning for a Warehouse-sized Computer", ISCA 2007 (components' maxima).
    """
    return chips_kw * node_over_chips


@formula
def node_overhead_kw(node_kw: Amount, chips_kw: Amount) -> Amount:
    """What hosts, links and fans of a node may draw beside its accelerators; never below zero.

    Source: Fan, Weber & Barroso, "Power Provisioning for a Warehouse-sized Computer", ISCA 2007 (components' maxima).
    """
    return along(_rest, rising=(node_kw,), falling=(chips_kw,))


@formula
def drawn_power_kw(
    chips_drawn_kw: Amount, overhead_kw: Amount, overhead_drawn_share: Amount, node_kw: Amount
) -> Amount:
    """Mean power of a node: its accelerators at their load, its overhead at the share drawn; at most its maximum.

    Source: Fan, Weber & Barroso, "Power Provisioning for a Warehouse-sized Computer", ISCA 2007.
    """
    return along(_at_most, rising=(chips_drawn_kw + overhead_kw * overhead_drawn_share, node_kw))


@formula
def it_power_kw(nodes_kw: Amount, count: Amount, network_share: Amount) -> Amount:
    """Power of so many nodes with their switches and storage: the IT load of a site.

    Source: ISO/IEC 30134-2:2016, clause 5 (what counts as IT equipment energy).
    """
    return nodes_kw * count * (1.0 + network_share)


@formula
def facility_power_kw(it_kw: Amount, pue: Amount) -> Amount:
    """Power of the whole facility for an IT load.

    Source: ISO/IEC 30134-2:2016, Power usage effectiveness.
    """
    return it_kw * pue


@formula
def energy_kwh(power_kw: Amount, hours: Amount) -> Amount:
    """Energy of a mean power over some hours.

    Source: definition of the kilowatt-hour.
    """
    return power_kw * hours


@formula
def token_energy_j_per_token(power_w: Amount, tokens_per_s: Amount) -> Amount:
    """Energy of one token at a power and a throughput.

    Source: definition: joules are watts times seconds.
    """
    return power_w / tokens_per_s


def node(catalogue: Catalogue, item: System | Chip) -> Node:
    """The electrical figures of a system; of a lone chip as one share of a node of unknown make."""
    chip, chips, published = _parts(catalogue, item)
    tdp_w = read(catalogue, chip, "tdp_w") if chip else unknown()
    chips_kw = chips_power_kw(chips, tdp_w)
    if published is not None and published.known:
        overhead_kw = node_overhead_kw(published, chips_kw) if chips_kw.known else unknown()
        return Node(chips, published, chips_kw, overhead_kw, leaves(published, tdp_w))
    if not tdp_w.known:
        tdp_w = assumed(catalogue, "chip-power-where-unknown")
        chips_kw = chips_power_kw(chips, tdp_w)
    ratio = assumed(catalogue, "node-power-per-chip-power")
    # Not the difference of the two, whose ends would count the chips' uncertainty twice.
    overhead_kw = node_provisioned_kw(chips_kw, ratio - 1.0)
    return Node(chips, node_provisioned_kw(chips_kw, ratio), chips_kw, overhead_kw, leaves(tdp_w, ratio))


def node_drawn_kw(catalogue: Catalogue, node: Node, utilisation: Amount) -> Bounded:
    """Mean power of a node whose accelerators are busy for `utilisation` (0 to 1) of the time [kW]."""
    idle, busy = assumed(catalogue, "chip-idle-power-share"), assumed(catalogue, "chip-busy-power-share")
    if not node.chips_kw.known:
        return exactly(load_power_kw(node.provisioned_kw, utilisation, idle, busy))
    chips_drawn_kw = load_power_kw(node.chips_kw, utilisation, idle, busy)
    share = assumed(catalogue, "node-overhead-drawn-share")
    return exactly(drawn_power_kw(chips_drawn_kw, node.overhead_kw, share, node.provisioned_kw))


def site_power_kw(
    catalogue: Catalogue, region: Region, item: System | Chip, count: Amount = 1.0, cooling: Cooling | None = None
) -> Bounded:
    """What the site must be able to supply for `count` systems, network and cooling included [kW]."""
    network = assumed(catalogue, "network-power-share")
    it_kw = it_power_kw(node(catalogue, item).provisioned_kw, count, network)
    return exactly(facility_power_kw(it_kw, pue(catalogue, region, cooling)))


def _parts(catalogue: Catalogue, item: System | Chip) -> tuple[Chip | None, Amount, Bounded | None]:
    if isinstance(item, Chip):
        return item, 1.0, None
    chip = catalogue.get(Chip, item.chip_id) if item.chip_id else None
    return chip, item.chips or unknown(), read(catalogue, item, "power_kw")


def _rest(whole: Amount, part: Amount) -> Amount:
    return np.maximum(whole - part, 0.0)


def _at_most(amount: Amount, most: Amount) -> Amount:
    return np.minimum(amount, most)
