"""Figures of a table of serving candidates; one candidate is a table of length one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from polysilicon.performance import serving_engine as engine
from polysilicon.performance import serving_passes as passes
from polysilicon.performance.efficiency import Efficiency
from polysilicon.performance.serving_candidates import Asked, Candidates, Layout
from polysilicon.performance.values import Values
from polysilicon.records.errors import InputError
from polysilicon.records.interval import Bools

Way = Literal["steady", "burst", "offline", "prefill"]

__all__ = ["Candidates", "Figures", "Way", "bound", "evaluate", "sequences_that_fit", "unqueued"]


@dataclass(frozen=True)
class Figures:
    """What comes out, one entry a candidate. Where `fits` is false the other figures mean nothing.

    `room` is how many sequences of full length fit in memory. Throughput is in output tokens, but in prompt tokens
    where nothing else is done.
    """

    ttft_ms: Values
    tpot_ms: Values
    tokens_per_s_per_chip: Values
    running: Values
    room: Values
    memory_bytes: Values
    fits: Bools


def evaluate(table: Candidates, way: Way = "steady") -> Figures:
    """Every candidate's figures under the way of asking described in `serving_engine`."""
    share, of_engine, pp, attn_dp = table.share, table.engine, table.pp, table.attn_dp
    weights, one = passes.memory_bytes(table)
    room = sequences_that_fit(table)
    fed = engine.fed_batch(table.output_tokens, table.input_tokens, of_engine["chunk_tokens"], attn_dp * pp)
    most = share["engine_batch"] * attn_dp
    asked = np.full_like(table.concurrency, np.inf) if way == "offline" else table.concurrency
    running = engine.running_batch(asked, room, fed, most)
    decoding = passes.decode_s(table, running)
    work, overhead = passes.prefill_parts_s(table)
    alone = engine.prompt_s(work, overhead, table.input_tokens, of_engine["chunk_tokens"])
    busy = engine.prompt_among_others_s(
        work, overhead, table.input_tokens, of_engine["chunk_tokens"], running / attn_dp
    )
    # When more wait than run, starts are spread out and none are in step.
    step = engine.in_step(of_engine["together"], share["fade"], table.output_tokens) if way == "steady" else 0.0 * work
    added = engine.interference_s(work, running, table.output_tokens, attn_dp, pp, step, share["interference"])
    tpot = engine.tpot_ms(decoding, added)
    rate = engine.completions_per_s(running, table.output_tokens, tpot)
    chips = table.tp * pp * attn_dp
    if way == "steady":
        wait = engine.steady_wait_s(busy, running, asked, rate, attn_dp, pp, step)
    else:
        wait = engine.burst_wait_s(busy, running, asked, rate, attn_dp, pp)
    ttft = engine.ttft_ms(of_engine["first_us"], alone, wait, decoding)
    if way == "offline":
        through = engine.saturated_tokens_per_s_per_chip(running, tpot, chips)
    elif way == "prefill":
        through = engine.prompt_tokens_per_s_per_chip(table.input_tokens, busy, attn_dp, pp, chips)
    elif way == "burst":
        through = engine.burst_tokens_per_s_per_chip(asked, table.output_tokens, ttft, tpot, chips)
    else:
        through = engine.tokens_per_s_per_chip(asked, table.output_tokens, ttft, tpot, chips)
    used = weights + one * np.ceil(running / attn_dp)
    return Figures(ttft, tpot, through, running, room, used, np.asarray(room >= 1.0))


def sequences_that_fit(table: Candidates) -> Values:
    """Sequences of full length whose cache fits beside the weights, for every candidate."""
    weights, one = passes.memory_bytes(table)
    room: Values = engine.memory_batch(
        table.cluster.memory_bytes, table.share["memory_share"], weights, one, table.attn_dp
    )
    return room


def unqueued(every: Sequence[Asked]) -> list[Asked]:
    """The questions, each with no more in flight than run at once and each once.

    A longer queue is no other deployment: it only waits longer for the first token.
    """
    table = Candidates.of(every)
    running = np.broadcast_to(evaluate(table).running, len(every))
    kept: dict[tuple[int, Layout, float], Asked] = {}
    for one, most in zip(every, running, strict=True):
        ranks = one.layout.attn_dp
        load = min(one.concurrency, max(float(most) // ranks, 1.0) * ranks)
        kept.setdefault((id(one.cluster), one.layout, load), replace(one, concurrency=load))
    return list(kept.values())


def bound(efficiency: Efficiency, quantity: str, way: Way) -> tuple[float, float]:
    """Lower and upper end of the 90 % interval, as ratios of what would be measured to what is predicted.

    `quantity` is `tpot`, `ttft` or `tps`; a way of asking without measured cases has the bounds of `steady`.
    """
    for one in (way, "steady", "burst"):
        if f"{quantity}_low_{one}" in efficiency.parameters:
            low, high = efficiency[f"{quantity}_low_{one}"], efficiency[f"{quantity}_high_{one}"]
            return float(low), float(high)
    raise InputError(f"the catalogue states no interval for {quantity}", remedy="run scripts/calibrate_serving.py")
