"""No vendor, and no vendor's country, takes more than its share of what hardware and rent cost over the horizon."""

from typing import Any

import numpy as np

from polysilicon.planning import money
from polysilicon.planning.labelled import labelled
from polysilicon.planning.limit import Limit


def add(programme: Any) -> None:
    """`cost with a vendor - share x cost with all <= 0`."""
    instance = programme.instance
    cost = money.contract_musd(instance).sum(axis=-1)
    for kind, share in (("vendor", instance.caps.vendor_share), ("country", instance.caps.country_share)):
        if share >= 1.0:
            continue
        owners = np.asarray([getattr(place, kind) for place in instance.places])
        for owner in sorted(set(owners)):
            weight = np.where(owners == owner, 1.0 - share, -share)
            over = (programme.units * labelled(cost * weight[None, :, None], "contract", "place", "start")).sum()
            programme.limit(Limit("share", kind), over <= 0)
