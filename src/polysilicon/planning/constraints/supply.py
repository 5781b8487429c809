"""No more of a system can be delivered in a quarter than its makers deliver."""

from typing import Any

import numpy as np

from polysilicon.planning.labelled import labelled
from polysilicon.planning.limit import Limit
from polysilicon.planning.money import OWN


def add(programme: Any) -> None:
    """`owned units that start in a quarter <= supply of that quarter`."""
    for row in programme.instance.supply:
        counted = labelled(np.asarray(row.places, dtype=np.float64), "place")
        started = (programme.units.sel(contract=OWN) * counted).sum("place")
        programme.limit(Limit("supply", row.name), started <= labelled(row.units, "start"))
