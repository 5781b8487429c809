"""The estimator's figures for many rows at once, whichever way each of them asks."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from polysilicon.performance.serving_candidates import Candidates
from polysilicon.performance.serving_engine import in_step
from polysilicon.performance.serving_split import Split, prompt_busy_s, prompts_per_s, rank_bytes_per_s
from polysilicon.performance.serving_split import evaluate as evaluate_split
from polysilicon.performance.serving_table import Figures, evaluate, sequences_that_fit
from polysilicon.performance.values import Values
from polysilicon.validation.serving_cases import Question

# So many prefill workers never keep decoding waiting.
MANY = 1e9


def figures(questions: Sequence[Question]) -> Figures:
    """The figures of questions that are all asked in one way, in their order."""
    decode = Candidates.of([one.asked for one in questions])
    if questions[0].way != "disaggregated":
        found = evaluate(decode, questions[0].way)
        shares = np.array([one.share for one in questions])
        return replace(found, tokens_per_s_per_chip=found.tokens_per_s_per_chip * shares)
    prefill = Candidates.of([one.prefill or one.asked for one in questions])
    return split_figures(questions, prefill, decode)


def split_figures(questions: Sequence[Question], prefill: Candidates, decode: Candidates) -> Figures:
    """The figures of disaggregated rows; what a row leaves out of its workers is filled in as deployments are usual."""
    share, load = decode.share, decode.concurrency
    reading, answering = np.array([one.workers for one in questions], float).T
    usual = usual_workers(load, share["workers_from"], share["workers_growth"])
    answering = np.where(answering > 0.0, answering, usual)
    alone = Split(prefill, decode, np.ones_like(load), answering, load, _link(prefill, decode))
    reading = np.where(reading > 0.0, reading, balanced_readers(alone, share["readers_busy"]))
    step = in_step(1.0, 0.0, share["together_split"], share["fade"], decode.output_tokens)
    found = evaluate_split(replace(alone, prefill_workers=reading, in_step=step))
    return Figures(
        ttft_ms=found.ttft_ms,
        tpot_ms=found.tpot_ms,
        tokens_per_s_per_chip=found.tokens_per_s_per_chip,
        running=found.decoding,
        room=sequences_that_fit(decode),
        memory_bytes=np.full_like(found.tpot_ms, np.nan),
        fits=found.fits,
    )


def usual_workers(load: Values, first: Values, growth: Values) -> Values:
    """Workers of one kind that published deployments have for so many requests in flight.

    Source: fit of the disaggregated rows of measurements/serving.csv by scripts/calibrate_serving.py.
    """
    workers: Values = np.maximum((load / first) ** growth, 1.0)
    return workers


def balanced_readers(alone: Split, busy: Values) -> Values:
    """Prefill workers that keep up with the decode workers while a share `busy` of their time is spent reading.

    `alone` has a single prefill worker.

    Source: Zhong et al., DistServe (arXiv 2401.09670), section 4.1: workers of each kind in proportion to their load;
    the share is fitted, see scripts/calibrate_serving.py.
    """
    never_short = evaluate_split(replace(alone, prefill_workers=np.full_like(alone.concurrency, MANY)))
    each = prompts_per_s(1.0, alone.prefill.attn_dp, alone.prefill.pp, prompt_busy_s(alone))
    readers: Values = np.maximum(never_short.requests_per_s / each / busy, 1.0)
    return readers


def _link(prefill: Candidates, decode: Candidates) -> Values:
    """Bytes a second between a pair of workers: the chips of one attention rank send over the network."""
    one, other = (
        rank_bytes_per_s(side.tp, side.pp, side.cluster.scaleout_bytes_per_s * side.share["scaleout_link"])
        for side in (prefill, decode)
    )
    slower: Values = np.minimum(one, other)
    return slower
