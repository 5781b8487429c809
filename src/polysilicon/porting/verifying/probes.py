"""What operators and blocks are fed: the values of the run itself, and others that lay bare what those hide.

Small inputs tell one epsilon from another; a first and a last row tell an index that is off by one; whole numbers above
2^31 tell one that was narrowed; infinities, not-a-numbers and zeros tell what is done at the edges.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from polysilicon.porting.verifying.graph import GIVEN, Array, Graph, Values, floating

SMALL = 1e-3
WIDE = 2**31 + 3
EDGES = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 1e-40, 1e18, -65520.0], np.float32)
AS_RUN, RANDOM, SMALL_INPUTS, ENDS, WIDE_INDICES, EDGE_VALUES, EMPTY = (
    "values of the run",
    "random",
    "small",
    "first and last row",
    "above 2^31",
    "edges",
    "nothing",
)
# Where each operator takes indices into its first input.
INDEXED = {"Gather": 1, "GatherElements": 1, "GatherND": 1, "ScatterElements": 1, "ScatterND": 1}
BY_AXIS = ("Gather", "GatherElements")
COUNTED = frozenset({"Add", "Sub", "Mul", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal", "Where", "Neg"})
# Operators whose answer at an edge the standard leaves open.
OPEN = frozenset({"Cast", "TopK", "ArgMax", "ArgMin"})


def as_run(graph: Graph, values: Values) -> dict[str, Array]:
    """The values of the run at each place."""
    return {one: values[one.removesuffix(GIVEN)] for one in graph.inputs}


def rand(graph: Graph, values: Values) -> dict[str, Array]:
    """Normal numbers, positive where the run's all are; indices and masks as in the run."""
    return _changed(graph, values, _drawn)


def small(graph: Graph, values: Values) -> dict[str, Array]:
    """A thousandth of the run's numbers."""
    return _changed(graph, values, lambda _, value: np.asarray(value * SMALL, value.dtype))


def edges(graph: Graph, values: Values) -> dict[str, Array]:
    """Infinities, not-a-numbers, zeros, a denormal and large numbers strewn among the run's."""
    return _changed(graph, values, strewn)


def ends(graph: Graph, values: Values) -> dict[str, Array]:
    """Indices of the first and the last row, by turns."""
    fed = as_run(graph, values)
    for name, rows in _rows(graph, fed).items():
        fed[name] = np.where(np.arange(fed[name].size).reshape(fed[name].shape) % 2, rows - 1, 0).astype(np.int64)
    return fed


def wide(graph: Graph, values: Values) -> dict[str, Array]:
    """Whole numbers above 2^31 where they are only counted with, and index nothing."""
    fed, only = as_run(graph, values), _only_counted(graph)
    return {
        one: np.asarray(value + WIDE) if one in only and value.dtype == np.int64 else value
        for one, value in fed.items()
    }


PROBES: Mapping[str, Callable[[Graph, Values], dict[str, Array]]] = {
    AS_RUN: as_run,
    RANDOM: rand,
    SMALL_INPUTS: small,
    ENDS: ends,
    WIDE_INDICES: wide,
    EDGE_VALUES: edges,
}
# At these runtimes may differ lawfully: a difference is to be looked at.
AT_THE_EDGE = frozenset({EDGE_VALUES, WIDE_INDICES, EMPTY})
BLOCK_PROBES: Mapping[str, Callable[[Graph, Values], dict[str, Array]]] = {
    one: PROBES[one] for one in (AS_RUN, RANDOM, SMALL_INPUTS)
}


def _changed(graph: Graph, values: Values, change: Callable[[str, Array], Array]) -> dict[str, Array]:
    return {one: change(one, value) if floating(value) else value for one, value in as_run(graph, values).items()}


def _drawn(name: str, value: Array) -> Array:
    drawn = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(value.shape)
    return np.asarray(np.abs(drawn) if value.size and value.min() >= 0 else drawn, value.dtype)


def strewn(name: str, value: Array) -> Array:
    """Edge values at a few places of an array that has room for them."""
    flat = value.copy().ravel()
    if flat.size >= 2 * EDGES.size:
        places = np.random.default_rng(zlib.crc32(name.encode())).permutation(flat.size)[: EDGES.size]
        flat[places] = EDGES.astype(value.dtype)
    return flat.reshape(value.shape)


def _rows(graph: Graph, fed: Values) -> dict[str, int]:
    """The fewest rows that a given index has to stay within."""
    rows: dict[str, int] = {}
    for node in graph.nodes:
        if node.op in BY_AXIS and node.inputs[1] in fed:
            table = fed.get(node.inputs[0], graph.constants.get(node.inputs[0]))
            if table is not None:
                size = table.shape[node.attributes.get("axis", 0)]
                rows[node.inputs[1]] = min(size, rows.get(node.inputs[1], size))
    return {one: size for one, size in rows.items() if one not in _indices(graph, frozenset(INDEXED) - set(BY_AXIS))}


def _indices(graph: Graph, operators: frozenset[str]) -> set[str]:
    return {node.inputs[INDEXED[node.op]] for node in graph.nodes if node.op in operators}


def _only_counted(graph: Graph) -> set[str]:
    readers: dict[str, set[str]] = {}
    for node in graph.nodes:
        for one in node.inputs:
            readers.setdefault(one, set()).add(node.op)
    return {one for one, ops in readers.items() if ops <= COUNTED}


def distinct(graph: Graph, values: Values) -> dict[object, int]:
    """One node of each kind, by its place: the same operator, attributes, shapes and formats count as one."""
    seen: dict[object, int] = {}
    for at, node in enumerate(graph.nodes):
        read = tuple(_signature(graph, one, values) for one in node.inputs)
        seen.setdefault((node.op, repr(sorted(node.attributes.items(), key=lambda one: one[0])), read), at)
    return seen


def _signature(graph: Graph, name: str, values: Values) -> Sequence[object]:
    if not name:
        return ()
    value = values[name]
    told = (value.shape, value.dtype.str, name in graph.constants)
    # A shape, an axis or a scalar that is part of the model decides what the operator does.
    return (*told, value.tobytes()) if name in graph.constants and value.size <= 16 else told
