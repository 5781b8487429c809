"""One table object for terminal, notebook, web, CSV and JSON: named columns, each with a unit."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from polysilicon.records.units import unit_of


@dataclass(frozen=True)
class Table:
    """Columns of one length. `units` overrides the unit that a column's name states; `notes` stand below it."""

    title: str
    columns: Mapping[str, Sequence[Any]]
    units: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lengths = {name: len(column) for name, column in self.columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns of unequal length: {lengths}")

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def unit(self, name: str) -> str:
        """The unit of a column; empty where it has none."""
        return self.units.get(name, unit_of(name))

    def rows(self) -> Iterator[dict[str, Any]]:
        """Each row as plain Python values; a missing number is `None`."""
        for at in range(len(self)):
            yield {name: scalar(column[at]) for name, column in self.columns.items()}

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "title": self.title,
            "units": {name: self.unit(name) for name in self.columns if self.unit(name)},
            "rows": list(self.rows()),
            "notes": list(self.notes),
        }


def scalar(value: Any) -> Any:
    """A value of a column as plain Python: NumPy scalars unwrapped, NaN as `None`."""
    if hasattr(value, "item"):  # asked by name: a command that computes nothing does not wait for NumPy
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
