"""One computation to compare, in every form that a runtime may want it in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from polysilicon.porting.verifying.graph import Array, Graph


@dataclass(frozen=True)
class Case:
    """One computation in every form: the graph, the module as PyTorch runs it eagerly, and what is fed.

    `eager` takes a device and a PyTorch format, and gives the function of tensors that PyTorch runs there. `changed`
    names, for an output that is an updated parameter, the input that it was before: the update is compared, not the
    parameter. `program` records the ATen operators that eager PyTorch runs, with the values that it is given.
    """

    name: str
    graph: Graph
    feeds: dict[str, Array]
    eager: Callable[[str, Any], Callable[..., Any]]
    program: Callable[[], tuple[Any, tuple[Any, ...]]]
    changed: Mapping[str, str] = field(default_factory=dict)
