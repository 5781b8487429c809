"""One subject a file. Each adds its rows to the programme, under the name of the limit they state."""

from collections.abc import Callable
from typing import Any

from polysilicon.planning.constraints import budget, capacity, carbon, demand, porting, power, shares, supply

BUILDERS: tuple[Callable[[Any], None], ...] = (
    capacity.add,
    demand.add,
    porting.add,
    power.add,
    budget.add,
    carbon.add,
    shares.add,
    supply.add,
)

__all__ = ["BUILDERS"]
