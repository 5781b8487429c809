"""The layouts that a pool may take, whatever share of a job it gets."""

from dataclasses import replace

import numpy as np

from polysilicon.performance.grid import COLUMNS, table_of
from polysilicon.performance.layouts import Layouts
from polysilicon.performance.pools import Seat
from polysilicon.performance.search import sizes
from polysilicon.performance.space import depths, divisors, layouts
from polysilicon.records.errors import InputError
from polysilicon.workloads.model import Transformer

# The micro-batches that are tried; the other choices of a layout are the common ones of a search.
MICRO_BATCHES = (1, 2, 4, 8)


def of_the_model(seat: Seat) -> Layouts:
    """Layouts of the whole model on all chips of the pool, and on fewer, but no less than half, where those divide.

    Replicas may be as many as there is room for, whatever of the batch they divide: its share is what gives.

    Raises:
        InputError: there are none with the degrees that are fixed.
    """
    budget, space = seat.pool.chips, seat.pool.space
    replicas = {
        tp * pp * cp
        for tp in divisors(seat.model.heads)
        for pp in depths(seat.model.layers, space)
        for cp in space.cp
        if tp * pp * cp <= budget
    }
    even = {*sizes(seat.model, seat.task, budget, space), *(budget // one * one for one in replicas)}
    return _found(seat, [_on(seat, seat.model, chips) for chips in _most(even, budget)])


def of_a_stretch(seat: Seat) -> Layouts:
    """Layouts of a stretch of a pipeline, whatever the number of its layers, on as many chips as come out even.

    Raises:
        InputError: there are none with the degrees that are fixed.
    """
    budget, domain = seat.pool.chips, int(np.max(seat.pool.cluster.scaleup_domain))
    ranks = {tp * dp for tp in divisors(seat.model.heads) if tp <= domain for dp in divisors(seat.task.global_batch)}
    deepest = {one * min(budget // one, seat.model.layers) for one in ranks if one <= budget}
    plain = replace(seat, pool=replace(seat.pool, space=replace(seat.pool.space, interleave=(1,), zero_stages=(0, 1))))
    # A stretch may have any number of layers, so its stages need to divide the chips, not the layers of the model.
    return _found(seat, [_on(plain, replace(seat.model, layers=chips), chips) for chips in _most(deepest, budget)])


def _most(numbers: set[int], budget: int) -> list[int]:
    """All chips of a pool, and those numbers of them that leave no more than half idle."""
    return sorted({one for one in numbers if 2 * one >= budget} | {budget})


def _on(seat: Seat, model: Transformer, chips: int) -> Layouts:
    """Every layout on exactly so many chips, whatever share of a batch its replicas and micro-batches divide."""
    space = replace(seat.pool.space, micro_batch=seat.pool.space.micro_batch or MICRO_BATCHES)
    any_share = replace(seat.task, global_batch=int(np.lcm.reduce(space.micro_batch)) * chips)
    return layouts(model, any_share, chips, int(np.max(seat.pool.cluster.scaleup_domain)), space)


def _found(seat: Seat, tables: list[Layouts]) -> Layouts:
    found = [
        np.stack([np.broadcast_to(getattr(one, name), len(one)) for name in COLUMNS], axis=1)
        for one in tables
        if len(one)
    ]
    if found:
        return table_of(np.concatenate(found))
    space = seat.pool.space
    fixed = [f"{name} {getattr(space, name)[0]}" for name in ("tp", "pp", "cp", "ep") if getattr(space, name)]
    raise InputError(
        f"{seat.pool.name}: no layout of {seat.model.name} on {seat.pool.chips:,} chips divides",
        found=", ".join(fixed),
        allowed=f"tp that divides {seat.model.heads} heads, tp x pp x cp that divides the chips",
    )
