"""Figures of a table of serving candidates; one candidate is a table of length one."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from polysilicon.performance import serving_engine as engine
from polysilicon.performance import serving_passes as passes
from polysilicon.performance import serving_room as room
from polysilicon.performance.efficiency import Efficiency
from polysilicon.performance.serving_candidates import Candidates
from polysilicon.performance.values import Values
from polysilicon.records.errors import InputError
from polysilicon.records.interval import Bools
from polysilicon.records.units import MS_PER_S

Way = Literal["steady", "burst", "batch", "offline", "prefill", "disaggregated"]
WAYS: tuple[Way, ...] = ("steady", "burst", "batch", "offline", "prefill", "disaggregated")
# Ways of asking in which all requests come at once, and no more.
AT_ONCE = ("burst", "batch")
# Ways whose errors are those of another: offline benchmarks are off alike, whether they say how much they send or not.
ERRORS_OF: dict[Way, Way] = {"batch": "offline"}

__all__ = ["Candidates", "Figures", "Way", "bound", "evaluate", "running", "sequences_that_fit"]


@dataclass(frozen=True)
class Figures:
    """What comes out, one entry a candidate. Where `fits` is false the other figures mean nothing.

    `room` is how many sequences fit in memory on average over time. Throughput is in output tokens, but in prompt
    tokens where nothing else is done.
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
    answer = table.output_tokens
    weights, one = passes.memory_bytes(table, table.room["answered"])
    held = sequences_that_fit(table)
    asked, busiest = table.concurrency, running(table, way)
    decoding = passes.token_s(table, busiest)
    alone = passes.prompt_alone_s(table)
    work, busy = passes.prompt_among_others_s(table, busiest / attn_dp)
    taken = engine.prompt_in_the_way_s(work, busy, of_engine["interference"], of_engine["separate"])
    if way in AT_ONCE:
        step = busiest / np.maximum(asked, busiest)
    else:
        # Where more wait than run, starts are spread out, unless all prompts are read first.
        together = of_engine["together"] if way == "steady" else 0.0 * work
        step = engine.in_step(table.varied, table.prompts_first, together, share["fade"], answer)
    tpot = engine.tpot_ms(decoding, engine.interference_s(taken, busiest, answer, attn_dp, pp, step))
    whole = engine.tpot_ms(decoding, engine.interference_s(taken, busiest, answer, attn_dp, pp, 0.0 * step))
    stay = engine.stay_s(busy, whole / MS_PER_S, answer, busiest, attn_dp, pp)
    rate = engine.completions_per_s(busiest, stay)
    chips = table.tp * pp * attn_dp
    if way == "steady":
        wait = engine.steady_wait_s(busy, busiest, asked, rate, attn_dp, pp, step, engine.answer_s(tpot, answer))
        wait += engine.unseen_s(table.look_passes, decoding, busy, rate, busiest, attn_dp, pp)
    else:
        wait, last = _waits_s(table, busy, busiest, rate, decoding)
    ttft = engine.ttft_ms(of_engine["first_us"], alone, wait, decoding)
    if way == "offline":
        through = engine.saturated_tokens_per_s_per_chip(rate, answer, chips)
    elif way == "prefill":
        through = engine.prompt_tokens_per_s_per_chip(table.input_tokens, busy, attn_dp, pp, chips)
    elif way in AT_ONCE:
        token = engine.tpot_ms(passes.token_s(table, engine.last_wave(asked, busiest)), 0.0)
        begun = engine.ttft_ms(of_engine["first_us"], alone, last, decoding)
        through = engine.burst_tokens_per_s_per_chip(asked, answer, begun, token, chips)
    else:
        through = engine.tokens_per_s_per_chip(asked, answer, ttft, tpot, chips)
    used = weights + one * engine.held_sequences(busiest, held, attn_dp)
    return Figures(ttft, tpot, through, busiest, held, used, fits_whole(table))


def _waits_s(table: Candidates, busy: Values, running: Values, rate: Values, decoding: Values) -> tuple[Values, Values]:
    """How long requests that come at once wait: their mean, and the last of them."""
    riding = engine.riding_s(decoding, table.input_tokens, table.chunk_tokens, table.prompts_first)
    wave = engine.wave_s(busy, running, rate, table.attn_dp, table.pp)
    placed = engine.placed_s(busy, riding, wave, running, table.attn_dp, table.pp)
    left = engine.last_wave(table.concurrency, running)
    return (
        engine.burst_wait_s(table.concurrency, running, wave, placed),
        engine.burst_last_s(table.concurrency, running, left, wave, placed),
    )


def running(table: Candidates, way: Way = "steady") -> Values:
    """Sequences that decode together in a replica of every candidate."""
    asked = np.full_like(table.concurrency, np.inf) if way == "offline" else table.concurrency
    ranks = table.attn_dp * table.pp
    fed = engine.fed_batch(table.output_tokens, table.input_tokens, table.chunk_tokens, table.prompts_first, ranks)
    together: Values = engine.running_batch(asked, sequences_that_fit(table), fed, table.engine_batch * table.attn_dp)
    return together


def sequences_that_fit(table: Candidates, *, whole: bool = False) -> Values:
    """Sequences whose cache fits beside the weights, for every candidate, as they are on average over time.

    `whole` asks how many of full length do.
    """
    weights, one = passes.memory_bytes(table, 1.0 if whole else table.room["answered"])
    held: Values = room.memory_batch(usable_bytes(table), weights, one, table.attn_dp)
    return held


def fits_whole(table: Candidates) -> Bools:
    """Whether a sequence of full length fits on every attention rank: what the others have left is no room for it."""
    return np.asarray(sequences_that_fit(table, whole=True) >= table.attn_dp)


def usable_bytes(table: Candidates) -> Values:
    """What weights and cache may fill of each candidate's chips."""
    weights, _ = passes.memory_bytes(table)
    own = table.room
    profiled = room.profiled_bytes(
        table.share["reserve_gib"],
        table.chunk_tokens,
        own["sampler_copies"],
        table.engine_batch,
        table.served.shape.vocab,
        own["profiles"],
    )
    usable: Values = room.usable_bytes(
        table.cluster.memory_bytes, own["memory_share"], profiled, own["kept_bytes"], own["share_of_rest"], weights
    )
    return usable


def bound(efficiency: Efficiency, quantity: str, way: Way) -> tuple[float, float]:
    """Lower and upper end of the 90 % interval, as ratios of what would be measured to what is predicted.

    `quantity` is `tpot`, `ttft` or `tps`; a way of asking without measured cases has the bounds of `steady`.
    """
    for one in (ERRORS_OF.get(way, way), "steady", "burst"):
        if f"{quantity}_low_{one}" in efficiency.parameters:
            low, high = efficiency[f"{quantity}_low_{one}"], efficiency[f"{quantity}_high_{one}"]
            return float(low), float(high)
    raise InputError(f"the catalogue states no interval for {quantity}", remedy="run scripts/calibrate_serving.py")
