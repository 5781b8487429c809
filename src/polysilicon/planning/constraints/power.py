"""The power cap of a site holds for everything that stands there, whoever owns it."""

from typing import Any

import numpy as np

from polysilicon.planning.labelled import labelled
from polysilicon.planning.limit import Limit


def add(programme: Any) -> None:
    """`sum of provisioned power <= cap`, in MW to keep coefficients near one.

    After a shock units may be switched off: then only what is used draws.
    """
    instance = programme.instance
    running = programme.use.sum("task") if instance.may_switch_off else 1.0 * programme.stands
    for at, site in enumerate(instance.sites):
        cap = instance.caps.power_kw[at]
        quarters = np.flatnonzero(np.isfinite(cap))
        here = np.flatnonzero(instance.site_of == at)
        if not quarters.size or not here.size:
            continue
        drawn = (running.sel(place=here) * labelled(instance.power_kw / 1e3, "place").sel(place=here)).sum("place")
        most = labelled(cap / 1e3, "quarter").sel(quarter=quarters)
        programme.limit(Limit("power", site), drawn.sel(quarter=quarters) <= most)
