"""One trial: a graph and what it is fed, run on every runtime, each answer held against the reference."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from polysilicon.porting.verifying import metrics
from polysilicon.porting.verifying.case import Case
from polysilicon.porting.verifying.graph import Array, Graph, Values, floating
from polysilicon.porting.verifying.interpreter import evaluate
from polysilicon.porting.verifying.metrics import Distance
from polysilicon.porting.verifying.runtimes import Prepared, Runtime


@dataclass(frozen=True)
class Compared:
    """One value of one runtime beside the reference: its distance, the floor, their ratio and what it comes to.

    `probe` says what was fed. `node` names the operator that gives the value, where it is one's own.
    """

    runtime: str
    value: str
    probe: str
    distance: Distance
    floor: float
    ratio: float
    verdict: str
    node: str = ""


class Apart(Exception):
    """What a runtime in a process of its own came to; the message is whole."""


@dataclass(frozen=True)
class Failed:
    """A runtime that could not run a graph, and why."""

    runtime: str
    why: str


@dataclass(frozen=True)
class Answered:
    """What came of one trial: every value of every runtime that ran it, and those that could not.

    `hollow` are the outputs of the whole computation that hold no finite number: nothing of them is compared.
    """

    compared: tuple[Compared, ...]
    failed: tuple[Failed, ...]
    hollow: tuple[str, ...] = ()

    def of(self, runtime: str) -> tuple[Compared, ...]:
        """The values of one runtime."""
        return tuple(one for one in self.compared if one.runtime == runtime)


@dataclass
class Bench:
    """Runtimes with the graphs that they have made ready, so that none is compiled twice.

    `ready` holds a prepared graph, or why it can't be, by runtime and the graph's hash; `ran` tells which ran once.
    """

    runtimes: Sequence[Runtime]
    ready: dict[tuple[str, str], Prepared | Failed] = field(default_factory=dict)
    ran: set[tuple[str, str]] = field(default_factory=set)

    def named(self, name: str) -> Runtime:
        """The runtime of a name."""
        return next(one for one in self.runtimes if one.name == name)

    def run(self, runtime: Runtime, case: Case, graph: Graph, feeds: Values) -> Mapping[str, Array] | Failed:
        """The outputs of a graph on a runtime, or why there are none."""
        key = (runtime.name, graph.sha256)
        if key not in self.ready:
            runtime.precision()
            self.ready[key] = runtime.prepare(case, graph)
        made = self.ready[key]
        if isinstance(made, Failed):
            return made
        try:
            given = made.run(feeds)
        except Exception as cause:  # noqa: BLE001 - whatever a runtime raises is its answer
            failed = Failed(runtime.name, told(cause))
            if key not in self.ran:
                self.ready[key] = failed
            return failed
        self.ran.add(key)
        return given


def told(cause: BaseException) -> str:
    """What a runtime said when it failed, in one line."""
    lines = [one.strip() for one in str(cause).splitlines() if one.strip()]
    wrong = [one for one in lines if "error:" in one.lower()] or lines
    said = " ".join(wrong)[:400]
    # What comes from a worker names the error already.
    return said if isinstance(cause, Apart) else f"{type(cause).__name__}: {said}"


def attempt(bench: Bench, runtimes: Sequence[Runtime], case: Case, graph: Graph, feeds: Values, probe: str) -> Answered:
    """Run a graph on every given runtime and compare.

    The reference is our interpreter in 64 bits on the same, already rounded, feeds.
    """
    wanted = evaluate(graph, feeds)
    makers = {value: node.name for node in graph.nodes for value in node.outputs}
    origin = {one: feeds.get(name) for one, name in case.changed.items()}
    answers = {one.name: bench.run(one, case, graph, feeds) for one in runtimes}
    failed = tuple(one for one in answers.values() if isinstance(one, Failed))
    ran = [one for one in runtimes if not isinstance(answers[one.name], Failed)]
    compared: list[Compared] = []
    for value in graph.outputs:
        far = {
            one.name: metrics.distance(answers[one.name][value], wanted[value], _format(one), origin.get(value))  # type: ignore[index]
            for one in ran
        }
        size, node = wanted[value].size, makers.get(value, "")
        compared += [_compared(one, ran, far, value, probe, node, size) for one in ran]
    hollow = tuple(one for one in graph.outputs if one in case.graph.outputs and _hollow(wanted[one]))
    return Answered(tuple(compared), failed, hollow)


def _hollow(value: Array) -> bool:
    return bool(value.size) and floating(value) and not np.isfinite(value).any()


def _compared(
    runtime: Runtime,
    ran: Sequence[Runtime],
    far: Mapping[str, Distance],
    value: str,
    probe: str,
    node: str,
    elements: int,
) -> Compared:
    dtype = _format(runtime)
    others = [
        far[one.name].relative for one in ran if one.consensus and one.dtype == dtype and one.name != runtime.name
    ]
    floor = metrics.floor(others, dtype, elements)
    ratio = far[runtime.name].relative / floor
    ratio = ratio if not math.isnan(ratio) else math.inf
    return Compared(runtime.name, value, probe, far[runtime.name], floor, ratio, metrics.verdict(ratio), node)


def _format(runtime: Runtime) -> str:
    """The format whose floor a runtime is held to: 64 bits are held to that of 32, as graphs hold constants of 32."""
    return "fp32" if runtime.dtype == "fp64" else runtime.dtype
