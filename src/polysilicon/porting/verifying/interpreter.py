"""The reference: the graph interpreted in NumPy, node by node, in 64-bit floating point or any narrower format.

One function an operator, in three tables. The standard's own text says what each computes:
https://onnx.ai/onnx/operators/ (read 2026-11-28).
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from polysilicon.porting.verifying.elementwise import ELEMENTWISE
from polysilicon.porting.verifying.graph import Array, Graph, Node, Values, floating
from polysilicon.porting.verifying.movement import MOVEMENT
from polysilicon.porting.verifying.reductions import REDUCTIONS
from polysilicon.records.errors import Unsupported

OPERATORS: dict[str, Callable[..., Any]] = {**ELEMENTWISE, **MOVEMENT, **REDUCTIONS}
FORMATS = {"fp64": np.float64, "fp32": np.float32}


def evaluate(graph: Graph, feeds: Values, dtype: str = "fp64") -> dict[str, Array]:
    """Every value of the graph, by name, computed in one format; `dtype` is fp64, fp32, bf16 or fp16.

    Formats of 16 bits are those of a machine that computes each operator in 32 bits and rounds what it gives.

    Raises:
        Unsupported: the graph holds an operator that is not interpreted.
    """
    known = {name: as_format(value, dtype) for name, value in {**graph.constants, **feeds}.items()}
    for node in graph.nodes:
        known.update(zip(node.outputs, apply(node, [known.get(one) for one in node.inputs], dtype), strict=False))
    return known


def apply(node: Node, read: Iterable[Array | None], dtype: str = "fp64") -> list[Array]:
    """What one node gives for the values that it reads.

    Raises:
        Unsupported: this operator is not interpreted.
    """
    if node.op not in OPERATORS:
        raise Unsupported(f"the operator {node.op} of {node.name} is not interpreted")
    with np.errstate(all="ignore"):
        given = OPERATORS[node.op](node.attributes, *read)
    several = given if isinstance(given, tuple | list) else [given]
    if any(node.outputs[len(several) :]):
        raise Unsupported(f"not all that {node.op} of {node.name} gives is interpreted")
    return [as_format(np.asarray(one), dtype) for one in several]


def as_format(value: Array, dtype: str) -> Array:
    """A value of real numbers in a format; one of other kinds as it is."""
    if not floating(value):
        return value
    with np.errstate(over="ignore", invalid="ignore"):
        if dtype in FORMATS:
            return value.astype(FORMATS[dtype], copy=False)
        return value.astype(_narrow(dtype)).astype(np.float32)


def _narrow(dtype: str) -> Any:
    if dtype == "fp16":
        return np.float16
    import ml_dtypes  # comes with onnx

    return ml_dtypes.bfloat16
