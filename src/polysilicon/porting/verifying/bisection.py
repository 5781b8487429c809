"""From a wrong answer to the first operator that is wrong.

Every node is run by itself from the values that all agree on, all in one graph, so that the search costs one
compilation. Where each node by itself is right, the fault lies in what the runtime makes of several together:
then the shortest stretch of the graph that is still wrong is searched by halves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from polysilicon.porting.verifying import probes
from polysilicon.porting.verifying.case import Case
from polysilicon.porting.verifying.graph import Graph, Node, Values
from polysilicon.porting.verifying.metrics import FAILS
from polysilicon.porting.verifying.runtimes import Runtime
from polysilicon.porting.verifying.trial import Bench, Compared, attempt


@dataclass(frozen=True)
class Blame:
    """The first part of a graph that a runtime gets wrong: one operator by itself, or several only together.

    `nodes` and `operators` are in order; `scope` is the module that they came from, `aten` PyTorch's name of the
    first. `ratio` is the distance in units of the floor, infinite where what must be exact is not.
    """

    runtime: str
    case: str
    nodes: tuple[str, ...]
    operators: tuple[str, ...]
    aten: str
    scope: str
    probe: str
    ratio: float
    relative: float
    why: str = ""


def first_bad(bench: Bench, runtime: Runtime, case: Case, graph: Graph, values: Values) -> Blame | None:
    """The first operator that a runtime gets wrong, or the smallest part found that it gets wrong together."""
    numeric = [one for one in graph.nodes if one.inputs]
    alone = _wrong(bench, runtime, case, graph, [[one] for one in numeric], values)
    if alone:
        return alone[0]
    return _narrowed(bench, runtime, case, graph, numeric, values)


def refused(
    bench: Bench, runtime: Runtime, case: Case, graph: Graph, nodes: Sequence[Node], values: Values
) -> Blame | None:
    """The first of some operators that a runtime can't run at all, by halves."""
    left = list(nodes)
    why = _why_not(bench, runtime, case, graph, left, values)
    if not why:
        return None
    while len(left) > 1:
        half = left[: len(left) // 2]
        told = _why_not(bench, runtime, case, graph, half, values)
        left, why = (half, told) if told else (left[len(half) :], why)
    why = _why_not(bench, runtime, case, graph, left, values) or why
    return _blame(runtime, case, left, probes.AS_RUN, float("inf"), float("inf"), why)


def _why_not(bench: Bench, runtime: Runtime, case: Case, graph: Graph, nodes: Sequence[Node], values: Values) -> str:
    part = graph.cut([[one] for one in nodes], values)
    answered = attempt(bench, [runtime], case, part, probes.as_run(part, values), probes.AS_RUN)
    return answered.failed[0].why if answered.failed else ""


def _wrong(
    bench: Bench, runtime: Runtime, case: Case, graph: Graph, groups: Sequence[Sequence[Node]], values: Values
) -> list[Blame]:
    """The groups that a runtime gets wrong, in order."""
    part = graph.cut(groups, values)
    judges = [one for one in bench.runtimes if one.consensus and one.kind == runtime.kind and one.name != runtime.name]
    bad: dict[str, Compared] = {}
    for name, make in probes.BLOCK_PROBES.items():
        answered = attempt(bench, [*judges, runtime], case, part, make(part, values), name)
        for one in answered.of(runtime.name):
            if one.verdict == FAILS:
                bad.setdefault(one.value, one)
    found = []
    for group in groups:
        mine = [bad[value] for node in group for value in node.outputs if value in bad]
        if mine:
            most = max(mine, key=lambda one: one.ratio)
            found.append(_blame(runtime, case, group, most.probe, most.ratio, most.distance.relative))
    return found


def _narrowed(
    bench: Bench, runtime: Runtime, case: Case, graph: Graph, nodes: Sequence[Node], values: Values
) -> Blame | None:
    """The shortest stretch of nodes found that is wrong: its end by halves from the front, then its start."""

    def wrong(start: int, end: int) -> list[Blame]:
        return _wrong(bench, runtime, case, graph, [nodes[start:end]], values)

    found = wrong(0, len(nodes))
    if not found:
        return None
    right, end = 0, len(nodes)
    while end - right > 1:
        middle = (right + end) // 2
        if told := wrong(0, middle):
            found, end = told, middle
        else:
            right = middle
    start, late = 0, end
    while late - start > 1:
        middle = (start + late) // 2
        if told := wrong(middle, end):
            found, start = told, middle
        else:
            late = middle
    return found[0]


def _blame(
    runtime: Runtime, case: Case, group: Sequence[Node], probe: str, ratio: float, relative: float, why: str = ""
) -> Blame:
    first = group[0]
    scope = first.scope[-1] if first.scope else ""
    names, operators = tuple(one.name for one in group), tuple(one.op for one in group)
    return Blame(runtime.name, case.name, names, operators, first.aten, scope, probe, ratio, relative, why)
