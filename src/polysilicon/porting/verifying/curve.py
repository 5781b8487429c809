"""L5: a short run of training on every runtime, from the same weights over the same batches, for several seeds.

Two questions. Does each loss stay as near the reference as the CPUs' own runtimes stay, step by step? And does the
mean curve over seeds stay within the band that seeds alone give: two standard errors around the reference's mean?
The second is what still means something where a narrow format makes curves part.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from polysilicon.porting.verifying import metrics
from polysilicon.porting.verifying.case import Case
from polysilicon.porting.verifying.graph import Array, Values
from polysilicon.porting.verifying.interpreter import evaluate
from polysilicon.porting.verifying.levels import Result
from polysilicon.porting.verifying.metrics import ABSENT, FAILS, LOOKS
from polysilicon.porting.verifying.runtimes import Runtime
from polysilicon.porting.verifying.trial import Bench, Compared, Failed

STEPS, SEEDS = 12, 3
BAND = 2.0


@dataclass(frozen=True)
class Course:
    """The losses of one runtime: one row a seed, one column a step."""

    runtime: str
    losses: Array


def curves(bench: Bench, case: Case, steps: int = STEPS, seeds: int = SEEDS) -> tuple[list[Result], tuple[Course, ...]]:
    """Train on every runtime and compare the curves."""
    wanted = _course(lambda feeds: evaluate(case.graph, feeds), case, steps, seeds)
    found: dict[str, Array | Failed] = {}
    for one in bench.runtimes:
        found[one.name] = _of(bench, one, case, steps, seeds)
    ran = {name: losses for name, losses in found.items() if not isinstance(losses, Failed)}
    far = {name: _relative(losses, wanted) for name, losses in ran.items()}
    results = []
    for one in bench.runtimes:
        losses = found[one.name]
        if isinstance(losses, Failed):
            results.append(Result("L5", one.name, ABSENT, notes=(losses.why,)))
        elif not np.isfinite(wanted).all():
            results.append(_hollow(one, wanted))
        else:
            results.append(_judged(one, bench.runtimes, far, losses, wanted))
    courses = (Course("reference", wanted), *(Course(name, losses) for name, losses in ran.items()))
    return results, courses


class _Stopped(Exception):
    """A runtime failed in the middle of a curve."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.why)
        self.failed = failed


def _of(bench: Bench, runtime: Runtime, case: Case, steps: int, seeds: int) -> Array | Failed:
    def run(feeds: Values) -> Mapping[str, Array]:
        given = bench.run(runtime, case, case.graph, feeds)
        if isinstance(given, Failed):
            raise _Stopped(given)
        return given

    try:
        return _course(run, case, steps, seeds)
    except _Stopped as stopped:
        return stopped.failed


def _course(run: Callable[[Values], Mapping[str, Array]], case: Case, steps: int, seeds: int) -> Array:
    """(seed, step): the loss before each step."""
    losses = np.zeros((seeds, steps))
    weights = dict(case.changed)
    for seed in range(seeds):
        feeds = dict(case.feeds)
        for at in range(steps):
            feeds.update(batch(case, seed, at))
            given = run(feeds)
            losses[seed, at] = float(given[case.graph.outputs[0]])
            feeds.update({name: given[new] for new, name in weights.items()})
    return losses


def batch(case: Case, seed: int, step: int) -> dict[str, Array]:
    """Inputs of another step: each input's own samples drawn anew, together with what is wanted of them."""
    weights = set(case.changed.values())
    made = {}
    for name, value in case.feeds.items():
        if name not in weights and value.size:
            draws = np.random.default_rng([seed, step, zlib.crc32(name.encode())])
            made[name] = draws.permutation(value.ravel()).reshape(value.shape)
    return made


def _relative(losses: Array, wanted: Array) -> Array:
    """By step: the root mean square over seeds of how far a loss is off, relative to the reference's."""
    size = np.sqrt(np.mean(np.square(wanted), 0))
    return np.asarray(np.sqrt(np.mean(np.square(losses - wanted), 0)) / np.where(size > 0, size, 1.0))


def _hollow(runtime: Runtime, wanted: Array) -> Result:
    """Where the reference's own loss leaves the numbers, no curve can be held against it."""
    step = int(np.argmin(np.isfinite(wanted).all(0))) + 1
    note = f"the reference's own loss is not finite at step {step}, so the curves are not compared"
    return Result("L5", runtime.name, LOOKS, notes=(note,))


def _judged(
    runtime: Runtime, runtimes: Sequence[Runtime], far: Mapping[str, Array], losses: Array, wanted: Array
) -> Result:
    dtype = "fp32" if runtime.dtype == "fp64" else runtime.dtype
    others = [
        far[one.name]
        for one in runtimes
        if one.consensus and one.dtype == dtype and one.name != runtime.name and one.name in far
    ]
    compared = []
    for at, off in enumerate(far[runtime.name].tolist()):
        floor = metrics.floor([float(one[at]) for one in others], dtype, len(wanted))
        ratio = off / floor if np.isfinite(off) else float("inf")
        distance = metrics.Distance(off, float(np.abs(losses - wanted)[:, at].max()), 0.0, (), None)
        compared.append(
            Compared(runtime.name, f"loss of step {at + 1}", "training", distance, floor, ratio, metrics.verdict(ratio))
        )
    inside = _inside(losses, wanted)
    verdicts = [*(one.verdict for one in compared), *([] if inside else [FAILS])]
    notes = ("the mean curve stays within the band of the seeds" if inside else "the mean curve leaves the band",)
    return Result("L5", runtime.name, metrics.worst(verdicts), tuple(compared), notes)


def _inside(losses: Array, wanted: Array) -> bool:
    """Whether the mean over seeds stays within two standard errors of the reference's, at every step."""
    seeds = len(wanted)
    if seeds < 2:
        return bool(np.isfinite(losses).all())
    error = wanted.std(0, ddof=1) / np.sqrt(seeds)
    return bool((np.abs(losses.mean(0) - wanted.mean(0)) <= BAND * error + 1e-6 * np.abs(wanted.mean(0))).all())
