"""A job over unequal pools as a performance engineer reads it: does mixing pay, where the time goes, each alone."""

from typing import Any

import numpy as np
from rich.console import Group, RenderableType

from polysilicon.performance.mixing import Mixing
from polysilicon.performance.pool_splits import Part, Split
from polysilicon.performance.training import TrainingEstimate
from polysilicon.records.table import Table
from polysilicon.records.units import GIB
from polysilicon.report.estimate import doubts
from polysilicon.report.search import DEGREES, choices
from polysilicon.report.terminal import pairs, table, text
from polysilicon.report.words import interval, number

SHARED = {"data": "sequences", "layers": "layers"}
# A cause is named where it takes so much of a step.
NAMED_SHARE = 0.05


def mixing(made: Mixing) -> RenderableType:
    """The verdict, the best split of each kind, fewer pools where that is better, and each pool alone."""
    every = f", reduced every {made.link.every} steps" if made.link.every > 1 else ""
    task = f"{made.task.global_batch:,} sequences of {made.task.sequence_length:,} tokens a step"
    parts: list[RenderableType] = [
        text(f"training {made.model} on {' and '.join(str(one) for one in made.pools)}", "bold"),
        text(f"{task}; link of {number(made.link.gbs)} GB/s and {number(made.link.ms)} ms{every}", "dim"),
        "",
        pairs(_verdict(made)),
    ]
    for split in made.splits:
        parts += ["", table(_split(split))]
    if made.fewer is not None and made.fewer.step_s == made.step_s:
        parts += ["", text("faster with a pool idle:"), table(_split(made.fewer))]
    alone = [one for one in made.alone if one.best is not None]
    if alone:
        parts += ["", table(_alone(made))]
    parts += [text(f"{one.pool} can't train alone: {one.why}", "dim") for one in made.alone if one.best is None]
    parts += ["", *(text(note, "dim") for note in made.notes)]
    doubted = dict.fromkeys(str(one) for split in made.splits for one in split.doubts)
    return Group(*parts, *doubts(doubted))


def _verdict(made: Mixing) -> list[tuple[str, object]]:
    if not made.splits:
        return [("mixing", "impossible: no split over all pools fits into their memory")]
    best = made.splits[0]
    said: list[tuple[str, object]] = [
        ("best", f"by {best.by}: {number(best.step_s)} s a step ({interval(best.low_s, best.high_s)})"),
        ("throughput", f"{number(best.tokens_per_s)} tokens/s"),
    ]
    if made.gain is None or made.of_the_sum is None:
        return [*said, ("mixing", "the only way: the model fits on no pool alone")]
    word = "gains" if made.gain >= 0 else "loses"
    cause = "" if made.gain >= 0 else f": {_cause(best)}"
    against = f"over {made.best_alone.pool} alone"
    of_all = f"{100 * made.of_the_sum:.0f} % of what {'both' if len(made.pools) == 2 else 'all'} train apart"
    said.append(("mixing", f"{word} {number(abs(100 * made.gain), 3)} % {against}{cause}; {of_all}"))
    return [*said, ("it pays", _break_even(made))]


def _cause(split: Split) -> str:
    """What a step spends besides work: on the link, or waiting for the slower pools."""
    link, waiting = (max(getattr(one, name) for one in split.parts) for name in ("link_s", "waiting_s"))
    spent = [("the link takes", link), ("pools wait for one another", waiting)]
    name, most = max(spent, key=lambda one: one[1])
    if most < NAMED_SHARE * split.step_s:
        return "shares that come out whole fit worse"
    return f"{name} {number(most, 3)} s of {number(split.step_s, 3)} s"


def _break_even(made: Mixing) -> str:
    even = made.break_even_gbs
    if even is None or not np.isfinite(even):
        return f"at no bandwidth, with {number(made.link.ms)} ms"
    return f"from {number(even, 3)} GB/s on" if even > 0 else "at any bandwidth"


def _split(split: Split) -> Table:
    rows = split.parts
    columns: dict[str, Any] = {
        "pool": [one.pool.name for one in rows],
        SHARED[split.by]: [one.share for one in rows],
        "compute_s": [one.compute_s for one in rows],
        "inside_s": [one.inside_s for one in rows],
        "link_s": [one.link_s for one in rows],
        "waiting_s": [one.waiting_s for one in rows],
        "memory_gib": [one.memory_bytes / GIB for one in rows],
    }
    title = f"by {split.by}: {number(split.step_s)} s a step ({interval(split.low_s, split.high_s)})"
    return Table(title, columns, notes=tuple(_note(one) for one in rows))


def _note(part: Part) -> str:
    said = part.layouts.said(0)
    degrees = ", ".join(f"{name} {said[name]}" for name in DEGREES if said[name] != 1 or name in ("tp", "pp", "dp"))
    room = float(np.max(part.pool.cluster.memory_bytes))
    tight = f"; MAY NOT FIT: up to {number(part.memory_high_bytes / GIB, 3)} of {number(room / GIB, 3)} GiB"
    return f"{part.pool.name}: {degrees}; {choices(said)}{tight if part.memory_high_bytes > room else ''}"


def _ends(best: TrainingEstimate) -> str:
    return interval(float(np.ravel(best.low_s)[0]), float(np.ravel(best.high_s)[0])).removeprefix("90 %: ")


def _alone(made: Mixing) -> Table:
    rows = [(one, one.best) for one in made.alone if one.best is not None]
    tokens = made.task.global_batch * made.task.sequence_length
    columns: dict[str, Any] = {
        "pool": [one.pool.name for one, _ in rows],
        "step_s": [one.step_s for one, _ in rows],
        "90 %": [_ends(best) for _, best in rows],
        "throughput": [tokens / one.step_s for one, _ in rows],
        "memory_gib": [float(np.ravel(best.memory.memory_bytes)[0]) / GIB for _, best in rows],
    }
    return Table("each alone, by its best layout", columns, units={"throughput": "tokens/s"})
