"""The user's question: one YAML file, read strictly.

Architecture in one paragraph: `amount` defines what a number may be and how it is spread over quarters; `shape`
is the file's schema as frozen structs with ranges; `sense` resolves every name against the catalogue and checks
every reference between the parts; `reading` opens the file, lays the user's own `facts:` over the catalogue (and
the law of each what-if shock over that) and returns an `Opened` scenario, or one message that names the line,
the field, what was found and what is allowed. Nothing here decides anything.
"""

from polysilicon.scenario.amount import ramp, steps
from polysilicon.scenario.reading import Opened, from_document, read
from polysilicon.scenario.shape import (
    Building,
    Entity,
    Flow,
    MemoryShock,
    PowerShock,
    Quote,
    RuleShock,
    Scenario,
    Serve,
    Shock,
    Site,
    Train,
    VendorShock,
    Workload,
)

__all__ = [
    "Building",
    "Entity",
    "Flow",
    "MemoryShock",
    "Opened",
    "PowerShock",
    "Quote",
    "RuleShock",
    "Scenario",
    "Serve",
    "Shock",
    "Site",
    "Train",
    "VendorShock",
    "Workload",
    "from_document",
    "ramp",
    "read",
    "steps",
]
