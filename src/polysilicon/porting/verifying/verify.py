"""The verb: verify a subject on the runtimes of this machine, level by level."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from polysilicon.porting.verifying import bisection, curve, eager_operators, evidence, export, levels, metrics
from polysilicon.porting.verifying.bisection import Blame
from polysilicon.porting.verifying.case import Case
from polysilicon.porting.verifying.curve import Course
from polysilicon.porting.verifying.evidence import Evidence
from polysilicon.porting.verifying.interpreter import evaluate
from polysilicon.porting.verifying.levels import Result
from polysilicon.porting.verifying.metrics import ABSENT, FAILS
from polysilicon.porting.verifying.runtimes import EAGER, GRAPH, Placed, Runtime, known
from polysilicon.porting.verifying.subject import RETURNS, Subject
from polysilicon.porting.verifying.trial import Bench
from polysilicon.records.errors import InputError, Place, Unsupported

Said = Callable[[str, float], None]
# What each level costs beside the others, roughly, for a bar of progress.
SHARES = {"L0": 0.05, "L1": 0.35, "L2": 0.1, "L3": 0.05, "L4": 0.1, "L5": 0.2}
ALL = tuple(levels.TITLES)
TRAINING = frozenset({"L4", "L5"})


@dataclass(frozen=True)
class Request:
    """What is asked: the levels, and how long and often the loss curve is run."""

    levels: Collection[str] = ALL
    steps: int = curve.STEPS
    seeds: int = curve.SEEDS


def verify(subject: Subject, runtimes: Sequence[Runtime], request: Request, said: Said = lambda *_: None) -> Evidence:
    """Verify a subject on those of the runtimes that are there.

    Raises:
        InputError: fewer than two runtimes of this CPU are there, and there is no floor then; or only levels of
            training are asked for, and there is no loss.
        Unsupported: PyTorch can't export the module, or nothing that is asked for could be compared.
    """
    there = [one for one in runtimes if not one.missing()]
    if sum(map(_judges, there)) < 2:
        raise InputError(
            "fewer than two runtimes that compute in 32 bits on this CPU are chosen, and the floor is the spread "
            "between them", place=Place(field="--runtime"), found=[one.name for one in there],
            allowed=f"any, with two or more of {', '.join(one.name for one in known() if _judges(one))}",
        )  # fmt: skip
    if subject.loss is None and TRAINING.issuperset(request.levels):
        asked = " or ".join(sorted(set(request.levels)))
        raise InputError(
            f"returns no loss, and without one there is no {asked}", place=Place(subject.name), allowed=RETURNS
        )
    said("exporting the forward pass", 0.0)
    cases, notes = _cases(subject, request)
    bench = Bench(there)
    run = _Run(bench, cases, request, said)
    run.all()
    results = tuple(run.results)
    _answered(subject, results)
    blames = (*run.blames, *_blamed(bench, cases, results, said))
    verdicts = evidence.overall(results)
    told = tuple(evidence.described(one) for one in runtimes)
    deny = evidence.denied(blames, {one.name: one.version for one in told})
    return evidence.sealed(
        Evidence(
            subject.name, metrics.worst(list(verdicts.values())), verdicts, tuple(map(evidence.compiled, cases)), told,
            results, run.placements, blames, deny, run.courses, tuple(notes), evidence.machine(),
        )
    )  # fmt: skip


def _judges(runtime: Runtime) -> bool:
    """Whether a runtime is there and its distance from the reference is part of the floor."""
    return runtime.consensus and runtime.dtype == "fp32" and not runtime.missing()


def _answered(subject: Subject, results: Sequence[Result]) -> None:
    """A verification that compared nothing is no answer, whatever the reason.

    Raises:
        Unsupported: no runtime answered any level; says the first reason.
    """
    if any(one.verdict != ABSENT for one in results):
        return
    reasons = [f"{one.runtime} at {one.level}: {why}" for one in results for why in one.notes]
    raise Unsupported(": ".join([f"{subject.name}: nothing could be compared", *reasons[:1]]))


def _cases(subject: Subject, request: Request) -> tuple[list[Case], list[str]]:
    """The computations to compare, and in words what is left out.

    Raises:
        Unsupported: PyTorch can't export the forward pass, or the training step where nothing else is asked for.
    """
    cases, notes = [export.forward(subject)], []
    if TRAINING.intersection(request.levels):
        try:
            cases.append(export.step(subject))
        except Unsupported as why:
            if TRAINING.issuperset(request.levels):
                raise
            notes.append(f"no training step: {why}")
    return cases, notes


@dataclass
class _Run:
    """The levels of one verification as they are worked through."""

    bench: Bench
    cases: Sequence[Case]
    request: Request
    said: Said

    def __post_init__(self) -> None:
        self.results: list[Result] = []
        self.blames: list[Blame] = []
        self.placements: dict[str, tuple[Placed, ...]] = {}
        self.courses: tuple[Course, ...] = ()

    def all(self) -> None:
        """Every level that is asked for and can be answered."""
        done = 0.1
        steps = {"L0": self._placement, "L1": self._operators, "L2": self._blocks, "L3": self._forward}
        if len(self.cases) > 1:
            steps |= {"L4": self._step, "L5": self._curve}
        for level, work in steps.items():
            if level in self.request.levels:
                self.said(f"{level} {levels.TITLES[level]}", done)
                work()
            done += SHARES[level]

    def _placement(self) -> None:
        for one in self.bench.runtimes:
            result, placed = levels.placement(self.bench, self.cases[0], one)
            self.results.append(result)
            self.placements[one.name] = placed

    def _operators(self) -> None:
        results, blames = levels.operators(self.bench, self.cases)
        self.results += results
        self.blames += blames
        for one in self.bench.runtimes:
            # Of the CPU in 32 and 64 bits the same operators are the floor itself.
            if one.kind == EAGER and not one.consensus:
                result, blames = eager_operators.operators(one, self.cases)
                self.results.append(result)
                self.blames += blames

    def _blocks(self) -> None:
        self.results += levels.blocks(self.bench, self.cases[0])

    def _forward(self) -> None:
        self.results += levels.whole(self.bench, "L3", self.cases[0])

    def _step(self) -> None:
        self.results += levels.whole(self.bench, "L4", self.cases[1])

    def _curve(self) -> None:
        results, self.courses = curve.curves(self.bench, self.cases[1], self.request.steps, self.request.seeds)
        self.results += results


def _blamed(bench: Bench, cases: Sequence[Case], results: Sequence[Result], said: Said) -> list[Blame]:
    """For each runtime that failed in numbers: the first operator of the first case where that can be seen."""
    failed = {one.runtime for one in results if one.verdict == FAILS and one.level != "L0"}
    found = []
    for name in sorted(failed):
        runtime = bench.named(name)
        if runtime.kind != GRAPH:
            continue
        said(f"looking for the first wrong operator of {name}", 0.95)
        for case in cases:
            blame = bisection.first_bad(bench, runtime, case, case.graph, evaluate(case.graph, case.feeds, "fp32"))
            if blame is not None:
                found.append(blame)
                break
    return found
