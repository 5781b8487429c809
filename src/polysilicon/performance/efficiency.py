"""The share of its peaks that a chip reaches: fitted to measured cases, inherited where there are none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.efficiency import Fit
from polysilicon.facts.hardware import Chip
from polysilicon.performance.values import Values
from polysilicon.records.errors import InputError

# A job reads the parameters of these rooms beside those of its own.
WITH = {"training": ("memory",)}


@dataclass(frozen=True)
class Efficiency:
    """Parameters of one room by name, each a scalar or a column; and the 90 % interval as ratios of time."""

    parameters: Mapping[str, Values]
    low_ratio: Values
    high_ratio: Values
    records: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Values:
        return self.parameters[name]

    @classmethod
    def stack(cls, many: Sequence["Efficiency"]) -> "Efficiency":
        """One column a parameter."""
        names = many[0].parameters
        return cls(
            {name: np.array([one.parameters[name] for one in many], float) for name in names},
            np.array([one.low_ratio for one in many], float),
            np.array([one.high_ratio for one in many], float),
        )


def efficiency_of(catalogue: Catalogue, chip_id: str, room: str) -> Efficiency:
    """The parameters of a `room` of the fits for a chip; those of training hold memory's too.

    They are merged from the fit over all chips, that of its class, its family, its silicon and the chip itself; the
    interval is that of the most specific level which states one.

    Raises:
        UnknownName: no chip is called so.
        InputError: the catalogue holds no fit for the room.
    """
    return _merged(catalogue, chip_id, room)


@lru_cache(maxsize=512)
def _merged(catalogue: Catalogue, chip_id: str, room: str) -> Efficiency:
    chip = catalogue.get(Chip, chip_id)
    groups = ("class", chip.device_class), ("family", chip.family), ("silicon", chip.silicon), ("chip", chip.id)
    wanted = (("all", "all"), *groups)
    fits: dict[tuple[str, str, str], Fit] = {(one.room, one.level, one.applies_to): one for one in catalogue.every(Fit)}
    found = [fits[own, *key] for own in (*WITH.get(room, ()), room) for key in wanted if (own, *key) in fits]
    if not found:
        raise InputError(f"the catalogue holds no efficiency fit for {room}", remedy="run scripts/calibrate.py")
    parameters: dict[str, float] = {}
    low, high = np.nan, np.nan
    for one in found:
        parameters |= one.parameters
        low = one.low_ratio if one.low_ratio is not None else low
        high = one.high_ratio if one.high_ratio is not None else high
    return Efficiency(parameters, low, high, tuple(one.id for one in found))
