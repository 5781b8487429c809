"""Our own interpreter as a runtime, in 64 and in 32 bits."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from polysilicon.porting.verifying.case import Case
from polysilicon.porting.verifying.graph import Array, Graph, Values, floating
from polysilicon.porting.verifying.interpreter import evaluate
from polysilicon.porting.verifying.runtimes import Placed, Runtime


@dataclass(frozen=True)
class Interpreted:
    """A graph that is walked node by node."""

    graph: Graph
    dtype: str

    def run(self, feeds: Values) -> dict[str, Array]:
        """Every output by name."""
        every = evaluate(self.graph, feeds, self.dtype)
        return {one: every[one] for one in self.graph.outputs}

    def placement(self, feeds: Values) -> Sequence[Placed]:
        """Every node, on this CPU."""
        every = evaluate(self.graph, feeds, self.dtype)
        return [
            Placed(one.name, one.op, "cpu", self.dtype, numeric=floating(every[one.outputs[0]]))
            for one in self.graph.nodes
        ]


def prepared(dtype: str, _: Case, graph: Graph) -> Interpreted:
    """A graph ready to be walked in a format."""
    return Interpreted(graph, dtype)


def runtimes() -> list[Runtime]:
    """The interpreter in 64 bits, which is the reference, and in 32."""
    return [runtime("fp64"), runtime("fp32")]


def runtime(dtype: str) -> Runtime:
    """The interpreter in a format."""
    return Runtime(
        f"numpy-{dtype}", "cpu", partial(prepared, dtype), lambda: "", lambda: {"arithmetic": dtype},
        lambda: f"{np.__version__} on Python {platform.python_version()}", dtype=dtype,
    )  # fmt: skip
