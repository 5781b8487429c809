"""Prompts read on some workers, answers decoded on others, of one vendor or two, the cache sent between them.

Decoding is never interrupted by others' prompts; a prompt waits for a free prefill worker, and its cache crosses a
link. Both stages hold as many requests as Little's law gives them: whichever is slower sets the rate.
"""

from dataclasses import dataclass

import numpy as np

from polysilicon.performance import serving_engine as engine
from polysilicon.performance import serving_iteration as iteration
from polysilicon.performance import serving_passes as passes
from polysilicon.performance.serving_candidates import Candidates
from polysilicon.performance.serving_table import fits_whole, sequences_that_fit
from polysilicon.performance.values import Values
from polysilicon.records.interval import Bools
from polysilicon.records.recorder import formula
from polysilicon.records.units import MICRO, MS_PER_S

# Halvings of the interval in which the number decoding together is sought.
HALVINGS = 30


@dataclass(frozen=True)
class Split:
    """Deployments as columns: prefill workers and decode workers, how many of each, and the link between a pair.

    `concurrency` is of the whole deployment; the tables' own is not read, but for prompts read at once. Of what is in
    flight a share `in_step` started together, as a benchmark starts: it waits for half of one another's prompts.
    """

    prefill: Candidates
    decode: Candidates
    prefill_workers: Values
    decode_workers: Values
    concurrency: Values
    link_bytes_per_s: Values
    in_step: Values = 0.0


@dataclass(frozen=True)
class SplitFigures:
    """What comes out, one entry a deployment; where `fits` is false the other figures mean nothing.

    `decoding` sequences of one decode worker run together; `prefill_busy` is the share of time that prefill workers
    read prompts; `transfer_s` is what the cache of a prompt takes on the link.
    """

    ttft_ms: Values
    tpot_ms: Values
    requests_per_s: Values
    tokens_per_s_per_chip: Values
    decoding: Values
    prefill_busy: Values
    transfer_s: Values
    fits: Bools


@formula
def transfer_s(cache_bytes: Values, link_bytes_per_s: Values) -> Values:
    """Time that the cache of one prompt takes from the worker that read it to the one that decodes on.

    Source: Zhong et al., DistServe (arXiv 2401.09670), section 4.2; Qin et al., Mooncake (arXiv 2407.00079).
    """
    return cache_bytes / link_bytes_per_s


@formula
def rank_bytes_per_s(tp: Values, pp: Values, chip_bytes_per_s: Values) -> Values:
    """Bandwidth that one prompt's cache leaves a worker with, or enters one: the chips of one attention rank hold it.

    Source: Zheng et al., SGLang (arXiv 2312.07104), data-parallel attention; Qin et al., Mooncake (arXiv 2407.00079).
    """
    return tp * pp * chip_bytes_per_s


@formula
def prompts_per_s(workers: Values, attn_dp: Values, pp: Values, prompt_s: Values) -> Values:
    """Prompts a second that prefill workers read when none is ever idle: one to each rank and stage.

    Source: Zhong et al., DistServe (arXiv 2401.09670), section 3.1.
    """
    return workers * attn_dp * pp / prompt_s


@formula
def answers_per_s(workers: Values, decoding: Values, output_tokens: Values, token_s: Values) -> Values:
    """Answers a second that decode workers finish with `decoding` sequences together on each.

    Source: Little (Operations Research 9(3), 1961).
    """
    return workers * decoding / (output_tokens * token_s)


@formula
def queue_s(prompt_s: Values, busy: Values, servers: Values) -> Values:
    """Mean wait for a free prefill rank at a load of `busy`, with Poisson arrivals and equal prompts.

    Source: Cosmetatos, Some approximate equilibrium results for the multi-server queue M/D/c (Operational Research
    Quarterly 27, 1976), leading term: half the wait of M/M/c, here in Sakasegawa's form (1977).
    """
    load = np.minimum(busy, 1.0 - 1e-6)
    return 0.5 * prompt_s / servers * load ** (np.sqrt(2.0 * (servers + 1.0)) - 1.0) / (1.0 - load)


@formula
def first_token_ms(first_us: Values, wait_s: Values, prompt_s: Values, transfer_s: Values) -> Values:
    """Time to the first token: handling, the wait for a prefill worker, reading, sending the cache.

    Source: Zhong et al., DistServe (arXiv 2401.09670), section 4.
    """
    return MS_PER_S * (first_us * MICRO + wait_s + prompt_s + transfer_s)


@formula
def backlog_s(concurrency: Values, requests_per_s: Values, others_s: Values) -> Values:
    """Wait before prefill when more are in flight than both stages hold: what is left of their time in the system.

    Source: Little (1961).
    """
    return np.maximum(concurrency / requests_per_s - others_s, 0.0)


def evaluate(split: Split) -> SplitFigures:
    """Every deployment's figures with a constant number of requests in flight."""
    return evaluate_decoding(split, _decoding(split))


def evaluate_decoding(split: Split, decoding: Values) -> SplitFigures:
    """Every deployment's figures while `decoding` sequences run together on each decode worker.

    Shapes broadcast: the prefill workers of one deployment may stand against the decode workers of many.
    """
    pre, dec = split.prefill, split.decode
    answer, ranks = dec.output_tokens, split.prefill_workers * pre.attn_dp * pre.pp
    alone, busy = passes.prompt_alone_s(pre), prompt_busy_s(split)
    sent = transfer_s(prompt_cache_bytes(pre), split.link_bytes_per_s)
    fastest = prompts_per_s(split.prefill_workers, pre.attn_dp, pre.pp, busy)
    token = passes.token_s(dec, decoding)
    rate = answers_per_s(split.decode_workers, decoding, answer, token)
    load = np.minimum(rate / fastest, 1.0)
    wave = engine.steady_wait_s(busy, split.concurrency, split.concurrency, rate, ranks, 1.0, split.in_step)
    wait = wave + np.maximum(
        np.minimum(queue_s(busy, load, ranks), 0.5 * busy * split.concurrency / ranks),
        backlog_s(split.concurrency, rate, alone + sent + answer * token),
    )
    chips = split.prefill_workers * _chips(pre) + split.decode_workers * _chips(dec)
    fits = fits_whole(pre) & fits_whole(dec)
    return SplitFigures(
        ttft_ms=first_token_ms(pre.engine["first_us"], wait, alone, sent),
        tpot_ms=engine.tpot_ms(token, 0.0),
        requests_per_s=rate,
        tokens_per_s_per_chip=rate * answer / chips,
        decoding=decoding,
        prefill_busy=load,
        transfer_s=sent,
        fits=fits,
    )


def decode_room(table: Candidates) -> Values:
    """Sequences that one decode worker takes at most: as many as fit in its memory and its engine's batch."""
    room: Values = np.minimum(sequences_that_fit(table), table.engine_batch * table.attn_dp)
    return room


def prompt_cache_bytes(table: Candidates) -> Values:
    """Cache of one prompt over all layers, in the format it is kept in, with the state of linear attention.

    A sparse index narrows what is read, not what is sent, and is sent beside it; so is what waits to become an entry.
    """
    served = table.served
    kept = passes.kept_tokens(table, table.input_tokens)
    cached = iteration.cache_bytes_per_sequence(kept, served.cache_values, table.cache_bytes, served.state_bytes)
    beside: Values = iteration.index_bytes(table.input_tokens, served.index_values) + served.compressor_bytes
    return cached + beside


def prompt_busy_s(split: Split) -> Values:
    """How long a prompt occupies its rank when short ones are read together."""
    pre = split.prefill
    waiting = split.concurrency / (split.prefill_workers * pre.attn_dp * pre.pp)
    return passes.prompt_among_others_s(pre, waiting)[1]


def _decoding(split: Split) -> Values:
    """Sequences that decode together on a worker: as many as are in flight, fit, and prompts are read for.

    The rate grows with their number and so does a token's time: both bounds are met by halving.
    """
    pre, dec = split.prefill, split.decode
    before = passes.prompt_alone_s(pre) + transfer_s(prompt_cache_bytes(pre), split.link_bytes_per_s)
    fastest = prompts_per_s(split.prefill_workers, pre.attn_dp, pre.pp, prompt_busy_s(split))
    most = np.maximum(np.minimum(decode_room(dec), split.concurrency), 1.0)
    low, high = np.zeros_like(most) + 1e-3, np.zeros_like(before) + most
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        token = passes.token_s(dec, middle)
        rate = answers_per_s(split.decode_workers, middle, dec.output_tokens, token)
        in_flight = rate * (before + dec.output_tokens * token)
        enough = (rate > fastest) | (in_flight > split.concurrency)
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high


def _chips(table: Candidates) -> Values:
    chips: Values = table.tp * table.pp * table.attn_dp
    return chips
