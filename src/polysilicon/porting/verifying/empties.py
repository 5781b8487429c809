"""Operators given nothing: tensors whose first axis has no elements, as a batch has when nothing came."""

from collections.abc import Collection
from typing import Any

import numpy as np
from onnx import helper, numpy_helper

from polysilicon.porting.verifying.graph import Array, Graph, typed, with_graph

ROWS = np.zeros((0, 4), np.float32)
NO_PLACES = np.zeros(0, np.int64)
SQUARE = np.eye(4, dtype=np.float32)
LAST = np.array([-1], np.int64)

# By operator: what is fed, what is part of the model, and attributes.
FORMS: dict[str, tuple[tuple[Array, ...], tuple[Array, ...], dict[str, Any]]] = {
    **{one: ((ROWS,), (), {}) for one in ("Exp", "Relu", "Sigmoid", "Sqrt", "Neg", "Tanh", "Erf", "Softmax", "Cos")},
    **{one: ((ROWS, ROWS), (), {}) for one in ("Add", "Mul", "Sub", "Div")},
    **{one: ((ROWS,), (LAST,), {"keepdims": 1}) for one in ("ReduceMean", "ReduceSum")},
    "Concat": ((ROWS, ROWS), (), {"axis": 0}),
    "Gather": ((SQUARE, NO_PLACES), (), {}),
    "MatMul": ((ROWS,), (SQUARE,), {}),
    "Transpose": ((ROWS,), (), {"perm": [1, 0]}),
}
SHAPES = {"Concat": (0, 4), "Gather": (0, 4), "Transpose": (4, 0), "ReduceMean": (0, 1), "ReduceSum": (0, 1)}


def graphs(used: Collection[str], model: Any) -> list[tuple[Graph, dict[str, Array]]]:
    """A graph of one node for each operator used that can be given nothing, and what it is fed."""
    return [_graph(one, model) for one in FORMS if one in used]


def _graph(op: str, model: Any) -> tuple[Graph, dict[str, Array]]:
    fed, held, attributes = FORMS[op]
    feeds = {f"x{at}": one for at, one in enumerate(fed)}
    weights = {f"w{at}": one for at, one in enumerate(held)}
    node = helper.make_node(op, [*feeds, *weights], ["y"], name=op, **attributes)
    given = np.zeros(SHAPES.get(op, (0, 4)), np.float32)
    inner = helper.make_graph(
        [node],
        "empty",
        [typed(name, value) for name, value in feeds.items()],
        [typed("y", given)],
        initializer=[numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return Graph(with_graph(model, inner)), feeds
