"""Cash: what is owned is paid when ordered; rent and running as they fall due; porting in the first quarter."""

from typing import Any

import numpy as np

from polysilicon.planning import money
from polysilicon.planning.labelled import labelled
from polysilicon.planning.limit import Limit


def add(programme: Any) -> None:
    """`cash of a quarter <= its budget`, `cash of all <= the budget`."""
    instance = programme.instance
    caps = instance.caps
    if not np.isfinite(caps.budget_musd) and not np.isfinite(caps.cash_musd).any():
        return
    paid = labelled(money.cash_musd(instance), "contract", "place", "start", "quarter")
    cash = (programme.units * paid).sum(["contract", "place", "start"])
    fixed = (instance.standing * instance.running_musd).sum(axis=0)
    fees = None
    if programme.stacks:
        fees = (programme.ported * labelled([instance.porting_musd[code] for code in programme.stacks], "code")).sum()
    if np.isfinite(caps.budget_musd):
        total = cash.sum() if fees is None else cash.sum() + fees
        programme.limit(Limit("budget", "total"), total <= caps.budget_musd - fixed.sum())
    for at in np.flatnonzero(np.isfinite(caps.cash_musd)):
        spent = cash.sel(quarter=at)
        spent = spent if fees is None or at else spent + fees
        programme.limit(Limit("budget", "quarter"), spent <= caps.cash_musd[at] - fixed[at])
