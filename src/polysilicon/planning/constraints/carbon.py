"""Carbon and water, by plan year; carbon over the horizon for the front of cost and carbon."""

from typing import Any

import numpy as np

from polysilicon.planning.labelled import labelled
from polysilicon.planning.limit import Limit

TOTAL = Limit("carbon", "total")
FAR = 1e9


def add(programme: Any) -> None:
    """`operational and embodied carbon of a year <= ceiling` (kt), and the same for water (thousand m3)."""
    instance = programme.instance
    caps = instance.caps
    emitted = labelled((instance.carbon_t + instance.embodied_t) / 1e3, "place", "quarter")
    drunk = labelled(instance.water_m3 / 1e3, "place", "quarter")
    for subject, amount, ceilings in (("carbon", emitted, caps.carbon_t), ("water", drunk, caps.water_m3)):
        if not np.isfinite(ceilings).any():
            continue
        by_quarter = (programme.stands * amount).sum("place")
        for year, quarters in enumerate(instance.years()):
            if np.isfinite(ceilings[year]):
                total = by_quarter.sel(quarter=quarters).sum()
                programme.limit(Limit(subject, "year"), total <= ceilings[year] / 1e3)
    # Always there, far away, so that the front of cost and carbon can move it without building anew.
    programme.limit(TOTAL, (programme.stands * emitted).sum() <= FAR)
