"""The best layout of a job on at most so many chips: every layout evaluated, memory first, nothing guessed."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.domain import refuse_unmodelled
from polysilicon.performance.efficiency import efficiency_of
from polysilicon.performance.feasible import check
from polysilicon.performance.grid import Floats, Grid, table_of
from polysilicon.performance.layouts import Layouts
from polysilicon.performance.leaders import Criterion
from polysilicon.performance.memory import needed_bytes
from polysilicon.performance.power import chip_power
from polysilicon.performance.recipe import Recipe
from polysilicon.performance.space import Space, Terms, depths, divisors, grids
from polysilicon.performance.tally import BLOCK, LEAST_CUTS, Question, Tally, evaluate
from polysilicon.performance.training import TrainingEstimate, estimate_training
from polysilicon.records.errors import InputError, NothingFits, Place, Unsupported
from polysilicon.records.units import GIB
from polysilicon.sweep import Ledger, OtherSweep, Progress, run
from polysilicon.workloads.counts import Shape
from polysilicon.workloads.model import Transformer, Workload
from polysilicon.workloads.task import Training

# A part takes a worker a second or so: handing it over costs nothing, and little is lost when it is killed.
PART = 1 << 22
# So many parts are worked off here: a pool of processes takes longer to start.
FEW = 16
# A budget that is too small is asked again with up to so many times the chips.
MORE = (2, 4, 8, 16, 32, 64)


@dataclass(frozen=True)
class Found:
    """What a search found: the best layouts first, and how many were looked at.

    `enumerated` layouts divide the job; of `timed` the time was worked out, as memory left their cut a chance;
    `feasible` of them fit. `front` are the layouts that no other equals or beats in time, memory and energy at once,
    where they were asked for. Energies are of a step, in joules: of the best, and of the front.
    """

    best: TrainingEstimate
    chips: int
    enumerated: int
    timed: int
    feasible: int
    best_energy_j: Floats
    front: TrainingEstimate | None = None
    front_energy_j: Floats | None = None

    def to_dict(self) -> dict[str, object]:
        """What `--json` prints."""
        counts = {name: getattr(self, name) for name in ("chips", "enumerated", "timed", "feasible")}
        answer = counts | self.best.to_dict() | {"energy_j": self.best_energy_j.tolist()}
        if self.front is not None and self.front_energy_j is not None:
            answer["front"] = self.front.to_table().to_dict() | {"energy_j": self.front_energy_j.tolist()}
        return answer


def search_training(
    catalogue: Catalogue,
    model: Workload,
    task: Training,
    cluster: Cluster,
    space: Space | None = None,
    recipe: Recipe | None = None,
    *,
    most: int = 10,
    by: Criterion = "time",
    with_front: bool = False,
    executor: Executor | None = None,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Found:
    """The `most` best layouts on at most `cluster.chips` chips, and the front of time, memory and energy.

    Best is what takes least time a step, or where `by` says so fewest chip-seconds (what rent counts) or least energy.

    Every number of chips that the batch and the heads can share evenly over some pipeline is tried, not only the whole
    budget: so a larger budget never gives a slower step. Neither the order of the candidates nor who evaluates them
    changes the answer. With a `folder`, what is done is kept there, and a search that was stopped goes on from it.

    Raises:
        Unsupported: the model is not a transformer, or one whose training is not modelled.
        NothingFits: no layout fits in memory; the message names the nearest miss, and how many chips would do.
        InputError: a degree that is asked for breaks a constraint; the message names the nearest layout that works.
            Or the chip states no dense matrix peak for a precision, the budget is below one chip, or the
            folder holds another search.
    """
    if not isinstance(model, Transformer):
        raise Unsupported(f"{model.name}: training layouts are searched for transformers only so far")
    space, recipe = space or Space(), recipe or Recipe()
    question, pieces = asked(catalogue, model, task, cluster, space, recipe, most, by, with_front=with_front)
    parts = list(packed(pieces))
    ledger = _ledger(folder, question, parts) if folder else None
    tally = Tally()
    crew = executor if len(parts) > FEW else None
    found = run(partial(evaluate, question), parts, weight=_weight, executor=crew, ledger=ledger, progress=progress)
    for one in found:
        tally.add(question, Tally.read(one))
    if not tally.feasible:
        raise NothingFits(_nearest_miss(question, model, space, tally))
    best = estimate_training(catalogue, model, task, cluster, table_of(tally.best.rows), recipe)
    edge = tally.front
    return Found(
        best,
        int(np.ravel(best.layouts.chips)[0]),
        tally.enumerated,
        tally.timed,
        tally.feasible,
        tally.best.figures[:, 2],
        estimate_training(catalogue, model, task, cluster, table_of(edge.rows), recipe) if with_front else None,
        edge.figures[:, 2] if with_front else None,
    )


def sizes(model: Transformer, task: Training, budget: int, space: Space) -> list[int]:
    """Numbers of chips up to the budget that some layout can use in full, the budget's own divisors or not.

    A number counts when it is a product of divisors of the batch and the heads, a pipeline depth and a context degree.
    """
    found = {1}
    contexts = list(space.cp) or divisors(task.sequence_length)
    for group in (divisors(model.heads), depths(model.layers, space), contexts, divisors(task.global_batch)):
        found = {one * degree for one in found for degree in group if one * degree <= budget}
    return [one for one in sorted(found) if not space.sizes or one in space.sizes]


def packed(pieces: Iterable[Grid]) -> Iterable[tuple[Grid, ...]]:
    """Grids gathered or divided into parts that keep a worker busy, the same ones whoever works."""
    gathered: list[Grid] = []
    for piece in (one for grid in pieces for one in grid.parts(PART, LEAST_CUTS)):
        gathered.append(piece)
        if _weight(gathered) >= PART:
            yield tuple(gathered)
            gathered = []
    if gathered:
        yield tuple(gathered)


def asked(
    catalogue: Catalogue,
    model: Transformer,
    task: Training,
    cluster: Cluster,
    space: Space,
    recipe: Recipe,
    most: int,
    by: Criterion = "time",
    *,
    with_front: bool = False,
) -> tuple[Question, list[Grid]]:
    """The question as the formulas take it, and its candidates.

    Raises:
        Unsupported: the training of this model is not modelled.
        NothingFits: no layout divides the job.
        InputError: the budget is below one chip.
    """
    refuse_unmodelled(model)
    budget = int(np.max(cluster.chips))
    if budget < 1:
        raise InputError("a search needs at least one chip", found=cluster.chips)
    power = chip_power(catalogue, cluster.chip)
    question = Question(
        catalogue,
        Shape.of(model),
        task,
        cluster,
        recipe,
        efficiency_of(catalogue, cluster.chip, "training"),
        (power.tdp_w.value, power.waiting_share.value, power.busy_share.value),
        most,
        by,
        with_front,
    )
    pieces = _candidates(question, model, space, budget)
    if not pieces:
        _refuse(question, model, space, budget)
    return question, pieces


def _candidates(question: Question, model: Transformer, space: Space, budget: int) -> list[Grid]:
    domain = int(np.max(question.cluster.scaleup_domain))
    recipe = question.recipe
    drops_more = bool(np.any(recipe.by_operator) or np.any(recipe.feed_forward_again))
    terms = Terms(model, question.task, bool(np.all(recipe.fused_attention)), drops_more)
    return grids(terms, sizes(model, question.task, budget, space), domain, space)


def _weight(part: Sequence[Grid]) -> int:
    return sum(len(grid) for grid in part)


def _ledger(folder: Path, question: Question, parts: Sequence[Sequence[Grid]]) -> Ledger:
    from polysilicon import __version__

    asked = replace(question, catalogue=None, cluster=replace(question.cluster, readings=()))  # type: ignore[arg-type]
    known = sha256(f"{__version__} {question.catalogue.hash} {asked} {BLOCK} {PART}".encode())
    for formulas in sorted(Path(__file__).parent.glob("*.py")):
        known.update(formulas.read_bytes())
    for part in parts:
        for grid in part:
            for column in (grid.cuts, *grid.choices):
                known.update(b"".join(values.tobytes() for values in column.values()))
    try:
        return Ledger(folder, known.hexdigest(), len(parts))
    except OtherSweep as other:
        raise InputError(str(other), place=Place(field="--folder"), remedy="name another folder") from other


def _refuse(question: Question, model: Transformer, space: Space, budget: int) -> NoReturn:
    """Say which constraint the degrees that were asked for break, and the nearest layout that breaks none.

    Raises:
        InputError: they break one.
        NothingFits: each is possible alone, but they share no split.
    """
    names = ("tp", "pp", "cp", "ep", "micro_batch", "interleave")
    degrees: dict[str, Any] = {name: max(min(getattr(space, name), default=1), 1) for name in names}
    degrees |= {"expert_tp": min(space.expert_tp), "shard": min(space.shards), "zero_stage": max(space.zero_stages)}
    replicas = max(budget // (degrees["tp"] * degrees["pp"] * degrees["cp"]), 1)
    shared = [one for one in divisors(question.task.global_batch) if one <= replicas]
    ways: dict[str, Any] = {"schedule": space.schedules[0], "context": space.contexts[0]}
    narrow = Layouts.one(**degrees, **ways, dp=shared[-1])
    check(model, question.task, question.cluster, narrow)
    domain = float(np.max(question.cluster.scaleup_domain))
    remedy = "; ".join(f"without {one}, some would" for one in _in_the_way(question, model, space, budget))
    raise NothingFits(
        f"no layout of {model.name} divides: {model.heads} heads, {model.layers} layers and a batch of "
        f"{question.task.global_batch} sequences share no split over at most {budget} chips, {domain:g} of them in a "
        f"scale-up domain, with what is asked for; {remedy or 'ask for less of it, or a batch with more divisors'}"
    )


def _in_the_way(question: Question, model: Transformer, space: Space, budget: int) -> Iterator[str]:
    """What is asked for, each by itself, without which some layout divides."""
    plain = Space()
    for name, asked in vars(space).items():
        usual = getattr(plain, name)
        if tuple(asked) != usual and _candidates(question, model, replace(space, **{name: usual}), budget):
            yield f"{name} {' or '.join(map(str, asked))}"


def _nearest_miss(question: Question, model: Transformer, space: Space, tally: Tally) -> str:
    cluster, nearest = question.cluster, table_of(tally.least)
    cut = ", ".join(f"{name} {word}" for name, word in nearest.said(0).items())
    enough = _enough(question, model, space)
    remedy = f"{enough:,} chips would do" if enough else "no number of chips that was tried would do"
    return (
        f"{model.name} fits on no layout of at most {np.max(cluster.chips):g} {cluster.chip}: the nearest needs "
        f"{tally.least_bytes / GIB:.1f} GiB of {float(np.max(cluster.memory_bytes)) / GIB:.1f} GiB a chip ({cut}); "
        f"{remedy}; or use a chip with more memory, or a smaller batch"
    )


def _enough(question: Question, model: Transformer, space: Space) -> int | None:
    """The least number of chips, of those that are tried, on which some layout fits: one with small micro-batches."""
    budget = int(np.max(question.cluster.chips))
    small = replace(space, sizes=(), micro_batch=(min(space.micro_batch, default=1),))
    for factor in MORE:
        blocks = (
            block
            for grid in _candidates(question, model, small, budget * factor)
            for block in grid.parts(BLOCK, LEAST_CUTS)
        )
        fitting = [least for block in blocks if (least := _least_chips(question, block)) is not None]
        if fitting:
            return min(fitting)
    return None


def _least_chips(question: Question, block: Grid) -> int | None:
    layouts = block.layouts()
    fits = question.fits(needed_bytes(question.job(layouts)))
    return int(np.min(np.where(fits, layouts.chips, np.inf))) if np.any(fits) else None
