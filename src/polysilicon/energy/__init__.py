"""Power, water and carbon of a site, operational and embodied.

Architecture in one paragraph: `power` goes from the chip through the node and its network to the facility, in two
figures: *provisioned* (what the site must be able to supply) and *drawn* (what it uses at a utilisation); `cooling`
gives PUE, on-site water and what a hall can hold; `carbon` turns energy into location-based emissions and never mixes
two bases; `embodied` counts what was emitted to make chips, servers and buildings; `footprint` puts them together for
so many systems in one region over some hours. Every formula works on floats, arrays and `records.bounded.Bounded`
alike; figures read from records come bounded, with their origin.
"""

from polysilicon.energy.carbon import Basis, Intensity, intensity, operational_kg
from polysilicon.energy.cooling import pue, pue_allowed
from polysilicon.energy.embodied import chip_embodied_kg
from polysilicon.energy.footprint import Footprint, footprint, total
from polysilicon.energy.power import Node, facility_power_kw, node, node_drawn_kw, site_power_kw

__all__ = [
    "Basis",
    "Footprint",
    "Intensity",
    "Node",
    "chip_embodied_kg",
    "facility_power_kw",
    "footprint",
    "intensity",
    "node",
    "node_drawn_kw",
    "operational_kg",
    "pue",
    "pue_allowed",
    "site_power_kw",
    "total",
]
