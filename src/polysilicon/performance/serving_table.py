"""Figures of a table of serving candidates; one candidate is a table of length one."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from polysilicon.performance import serving_engine as engine
from polysilicon.performance import serving_passes as passes
from polysilicon.performance.efficiency import Efficiency
from polysilicon.performance.serving_candidates import Candidates
from polysilicon.performance.values import Values
from polysilicon.records.errors import InputError
from polysilicon.records.interval import Bools

Way = Literal["steady", "burst", "offline"]

__all__ = ["Candidates", "Figures", "Way", "bound", "evaluate"]


@dataclass(frozen=True)
class Figures:
    """What comes out, one entry a candidate. Where `fits` is false the other figures mean nothing."""

    ttft_ms: Values
    tpot_ms: Values
    tokens_per_s_per_chip: Values
    running: Values
    memory_bytes: Values
    fits: Bools


def evaluate(table: Candidates, way: Way = "steady") -> Figures:
    """Every candidate's figures under the way of asking described in `serving_engine`."""
    share, of_engine, pp, attn_dp = table.share, table.engine, table.pp, table.attn_dp
    weights, one = passes.memory_bytes(table)
    room = engine.memory_batch(table.cluster.memory_bytes, share["memory_share"], weights, one, attn_dp)
    fed = engine.fed_batch(table.output_tokens, table.input_tokens, of_engine["chunk_tokens"], attn_dp * pp)
    most = share["engine_batch"] * attn_dp
    asked = np.full_like(table.concurrency, np.inf) if way == "offline" else table.concurrency
    running = np.maximum(engine.running_batch(asked, room, fed, most), 1.0)
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
    elif way == "burst":
        through = engine.burst_tokens_per_s_per_chip(asked, table.output_tokens, ttft, tpot, chips)
    else:
        through = engine.tokens_per_s_per_chip(asked, table.output_tokens, ttft, tpot, chips)
    used = weights + one * np.ceil(running / attn_dp)
    return Figures(ttft, tpot, through, running, used, np.asarray(room >= 1.0))


def bound(efficiency: Efficiency, quantity: str, way: Way) -> tuple[float, float]:
    """Lower and upper end of the 90 % interval, as ratios of what would be measured to what is predicted.

    `quantity` is `tpot`, `ttft` or `tps`; a way of asking without measured cases has the bounds of `steady`.
    """
    for one in (way, "steady", "burst"):
        if f"{quantity}_low_{one}" in efficiency.parameters:
            low, high = efficiency[f"{quantity}_low_{one}"], efficiency[f"{quantity}_high_{one}"]
            return float(low), float(high)
    raise InputError(f"the catalogue states no interval for {quantity}", remedy="run scripts/calibrate_serving.py")
