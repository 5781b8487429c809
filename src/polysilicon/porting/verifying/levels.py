"""The levels of a verification, each a question with a verdict for every runtime.

L0 did it run where it should, in the format it should? L1 is every operator right, also on inputs that hide nothing?
L2 every block? L3 the forward pass? L4 one training step? L5 (in `curve`) a short run of training?
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from polysilicon.porting.verifying import bisection, empties, metrics, probes
from polysilicon.porting.verifying.bisection import Blame
from polysilicon.porting.verifying.case import Case
from polysilicon.porting.verifying.graph import Graph, Node, Values
from polysilicon.porting.verifying.interpreter import evaluate
from polysilicon.porting.verifying.metrics import ABSENT, FAILS, LOOKS, PASSES, SIGNIFICAND
from polysilicon.porting.verifying.runtimes import GRAPH, Placed, Runtime
from polysilicon.porting.verifying.trial import Answered, Bench, Compared, Failed, attempt, told

TITLES = {
    "L0": "placement",
    "L1": "operators",
    "L2": "blocks",
    "L3": "forward",
    "L4": "training step",
    "L5": "loss curve",
}
MOST_REFUSED = 8
MOST_BLOCKS = 16
NOTHING = "there is nothing to compare at this level"


@dataclass(frozen=True)
class Result:
    """What a level says of a runtime: the verdict, what was compared, and in words what else a reviewer must know."""

    level: str
    runtime: str
    verdict: str
    compared: tuple[Compared, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def worst(self) -> Compared | None:
        """The value with the gravest verdict, and of those the largest ratio."""
        return max(self.compared, key=lambda one: (metrics.ORDER.index(one.verdict), one.ratio), default=None)


def placement(bench: Bench, case: Case, runtime: Runtime) -> tuple[Result, tuple[Placed, ...]]:
    """L0: every node that ran, where and in which format, by the runtime's own account."""
    try:
        made = runtime.prepare(case, case.graph)
        made.run(case.feeds)
        placed = tuple(made.placement(case.feeds))
    except Exception as cause:  # noqa: BLE001 - whatever a runtime raises is its answer
        return Result("L0", runtime.name, ABSENT, notes=(told(cause),)), ()
    bench.ready.setdefault((runtime.name, case.graph.sha256), made)
    away = [one for one in placed if one.numeric and one.device != runtime.device]
    aside = [one for one in placed if not one.numeric and one.device != runtime.device]
    narrow = [one for one in placed if one.numeric and _bits(one.dtype) < SIGNIFICAND[runtime.dtype]]
    notes = [f"{len(placed)} nodes ran"]
    notes += _listed(away, f"asked for {runtime.device}, ran on", lambda one: one.device)
    notes += _listed(narrow, f"asked for {runtime.dtype}, computed in", lambda one: one.dtype)
    notes += _listed(aside, f"of whole numbers only, not on {runtime.device} but on", lambda one: one.device)
    if not placed:
        notes.append("the runtime does not say where anything ran")
    verdict = FAILS if away or narrow or not placed else LOOKS if aside else PASSES
    return Result("L0", runtime.name, verdict, notes=tuple(notes)), placed


def _bits(dtype: str) -> int:
    return SIGNIFICAND.get(dtype, max(SIGNIFICAND.values()))


def _listed(placed: Sequence[Placed], words: str, where: Callable[[Placed], str]) -> list[str]:
    if not placed:
        return []
    names = ", ".join(dict.fromkeys(one.op for one in placed[:6]))
    return [f"{words} {where(placed[0])}: {len(placed)} nodes ({names})"]


def operators(bench: Bench, cases: Sequence[Case]) -> tuple[list[Result], list[Blame]]:
    """L1: one node of each kind in any case, by itself, fed with every probe; and each operator with nothing at all."""
    runtimes = [one for one in bench.runtimes if one.kind == GRAPH]
    compared: dict[str, list[Compared]] = {one.name: [] for one in runtimes}
    blames: list[Blame] = []
    failed: list[Failed] = []
    seen: set[object] = set()
    for case in cases:
        values = evaluate(case.graph, case.feeds, "fp32")
        kinds = probes.distinct(case.graph, values)
        kept = [case.graph.nodes[at] for key, at in kinds.items() if key not in seen and case.graph.nodes[at].inputs]
        seen |= kinds.keys()
        if not kept:
            continue
        refusals = [(one, _refusals(bench, one, case, kept, values)) for one in runtimes]
        blames += [blame for _, several in refusals for blame in several]
        lacking = {one.name: {name for blame in several for name in blame.nodes} for one, several in refusals}
        for answered in _probed(bench, runtimes, case, kept, values, lacking):
            for one in answered.compared:
                compared[one.runtime].append(one)
            failed += answered.failed
    for one in _empty(bench, runtimes, cases):
        compared[one.runtime].append(one)
    results = [_operators(one, tuple(compared[one.name]), blames, failed) for one in runtimes]
    return results, blames


def _operators(
    runtime: Runtime, compared: tuple[Compared, ...], blames: Sequence[Blame], failed: Sequence[Failed]
) -> Result:
    refused = [one for one in blames if one.runtime == runtime.name]
    stopped = dict.fromkeys(one.why for one in failed if one.runtime == runtime.name)
    at_edges = [one for one in compared if one.verdict != PASSES and one.probe in probes.AT_THE_EDGE]
    verdicts = [*(one.verdict for one in compared), *(ABSENT for _ in refused), *(ABSENT for _ in stopped)]
    notes = [f"can't run {one.operators[0]}: {one.why}" for one in refused]
    notes += [f"stopped: {one}" for one in stopped]
    notes += dict.fromkeys(f"{one.node or one.value} differs on {one.probe}" for one in at_edges)
    notes += [] if verdicts else [NOTHING]
    return Result("L1", runtime.name, metrics.worst(verdicts), compared, tuple(notes))


def _refusals(bench: Bench, runtime: Runtime, case: Case, kept: Sequence[Node], values: Values) -> list[Blame]:
    """The kinds of node that a runtime can't run at all, found one after another."""
    found: list[Blame] = []
    left = list(kept)
    while left and len(found) < MOST_REFUSED:
        blame = bisection.refused(bench, runtime, case, case.graph, left, values)
        if blame is None:
            break
        found.append(blame)
        left = [one for one in left if one.name not in blame.nodes]
    return found


def _probed(
    bench: Bench, runtimes: Sequence[Runtime], case: Case, kept: Sequence[Node], values: Values,
    lacking: Mapping[str, set[str]],
) -> list[Answered]:  # fmt: skip
    """Every probe on every runtime; one that lacks an operator gets a graph of its own without it."""
    answers = []
    whole = [one for one in runtimes if not lacking[one.name]]
    groups = [(whole, kept)]
    for one in runtimes:
        if lacking[one.name]:
            judges = [other for other in whole if other.consensus]
            groups.append(([*judges, one], [node for node in kept if node.name not in lacking[one.name]]))
    for at, (several, nodes) in enumerate(groups):
        part = case.graph.cut([[node] for node in nodes], values)
        for name, feeds in _feeds(part, values):
            answered = attempt(bench, several, case, part, feeds, name)
            only = answered if at == 0 else replace(answered, compared=answered.of(several[-1].name))
            answers.append(_at_the_edge(only, part) if name in probes.AT_THE_EDGE else only)
    return answers


def _feeds(part: Graph, values: Values) -> list[tuple[str, Values]]:
    """The probes of a graph, those left out that change nothing in it."""
    fed = {name: make(part, values) for name, make in probes.PROBES.items()}
    plain = fed[probes.AS_RUN]
    return [
        (name, feeds)
        for name, feeds in fed.items()
        if name == probes.AS_RUN or any(feeds[one] is not plain[one] for one in plain)
    ]


def _at_the_edge(answered: Answered, part: Graph) -> Answered:
    """At an edge runtimes may differ lawfully: a difference is to be looked at, and some the standard leaves open."""
    kinds = {node.name: node.op for node in part.nodes}
    kept = [one for one in answered.compared if kinds.get(one.node, "") not in probes.OPEN]
    looked = tuple(replace(one, verdict=LOOKS) if one.verdict == FAILS else one for one in kept)
    return replace(answered, compared=looked)


def _empty(bench: Bench, runtimes: Sequence[Runtime], cases: Sequence[Case]) -> list[Compared]:
    """Every operator of the cases that can be given nothing, given nothing."""
    used = {node.op for case in cases for node in case.graph.nodes}
    found: list[Compared] = []
    for graph, feeds in empties.graphs(used, cases[0].graph.model):
        answered = attempt(bench, runtimes, cases[0], graph, feeds, probes.EMPTY)
        found += [replace(one, verdict=LOOKS) if one.verdict == FAILS else one for one in answered.compared]
        found += [_refused_empty(one, graph) for one in answered.failed]
    return found


def _refused_empty(failed: Failed, graph: Graph) -> Compared:
    node = graph.nodes[0]
    far = metrics.Distance(float("inf"), float("inf"), 0.0, (), None)
    return Compared(failed.runtime, node.outputs[0], probes.EMPTY, far, 0.0, float("inf"), LOOKS, node.op)


def blocks(bench: Bench, case: Case) -> list[Result]:
    """L2: each block of the module by itself, from the values that all agree on and from small and random ones."""
    runtimes = [one for one in bench.runtimes if one.kind == GRAPH]
    values = evaluate(case.graph, case.feeds, "fp32")
    part = case.graph.cut(groups(case.graph), values)
    answers = [
        attempt(bench, runtimes, case, part, make(part, values), name) for name, make in probes.BLOCK_PROBES.items()
    ]
    scopes = {node.name: _block(node) for node in case.graph.nodes}
    results = []
    for one in runtimes:
        mine = tuple(
            replace(each, node=scopes.get(each.node, each.node))
            for answered in answers
            for each in answered.of(one.name)
        )
        failed = [each for answered in answers for each in answered.failed]
        # The first probe is the values of the run: what others make of a block says nothing of the module's output.
        results.append(_result("L2", one, mine, failed, answers[0].hollow))
    return results


def groups(graph: Graph) -> list[list[Node]]:
    """Nodes of the same block of the module, as they follow one another."""
    found: list[list[Node]] = []
    for node in graph.nodes:
        if not node.inputs:
            continue
        if found and _block(found[-1][-1]) == _block(node):
            found[-1].append(node)
        else:
            found.append([node])
    while len(found) > MOST_BLOCKS:
        found = [[node for one in found[at : at + 2] for node in one] for at in range(0, len(found), 2)]
    return found


def _block(node: Node) -> str:
    return node.scope[0] if node.scope else "module"


def whole(bench: Bench, level: str, case: Case) -> list[Result]:
    """L3 and L4: the whole case on every runtime, eager PyTorch among them."""
    answered = attempt(bench, bench.runtimes, case, case.graph, case.feeds, probes.AS_RUN)
    return [_result(level, one, answered.of(one.name), answered.failed, answered.hollow) for one in bench.runtimes]


def _result(
    level: str, runtime: Runtime, compared: tuple[Compared, ...], failed: Sequence[Failed], hollow: Sequence[str]
) -> Result:
    """A level's answer from what was compared; an output without a finite number agrees with all and shows nothing."""
    why = list(dict.fromkeys(one.why for one in failed if one.runtime == runtime.name))
    verdicts = [*(one.verdict for one in compared), *(ABSENT for _ in why), *(LOOKS for _ in hollow)]
    notes = [*why, *(f"{one} holds no finite number in the reference, so nothing of it is compared" for one in hollow)]
    notes += [] if verdicts else [NOTHING]
    return Result(level, runtime.name, metrics.worst(verdicts), compared, tuple(notes))
