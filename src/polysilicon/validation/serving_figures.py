"""The estimator's figures for many rows at once, whichever way each of them asks."""

from collections.abc import Sequence

import numpy as np

from polysilicon.performance.serving_candidates import Candidates
from polysilicon.performance.serving_engine import in_step
from polysilicon.performance.serving_split import Split
from polysilicon.performance.serving_split import evaluate as evaluate_split
from polysilicon.performance.serving_table import Figures, evaluate, sequences_that_fit
from polysilicon.performance.values import Values
from polysilicon.validation.serving_cases import Question


def figures(questions: Sequence[Question]) -> Figures:
    """The figures of questions that are all asked in one way, in their order."""
    decode = Candidates.of([one.asked for one in questions])
    if questions[0].way != "disaggregated":
        return evaluate(decode, questions[0].way)
    prefill = Candidates.of([one.prefill or one.asked for one in questions])
    return split_figures(questions, prefill, decode)


def split_figures(questions: Sequence[Question], prefill: Candidates, decode: Candidates) -> Figures:
    """The figures of disaggregated rows; what a row leaves out of its workers is filled in as deployments are usual."""
    load = decode.concurrency
    reading, answering = (
        np.where(
            stated > 0.0, stated, usual_workers(load, decode.share[f"{kind}_from"], decode.share["workers_growth"])
        )
        for kind, stated in zip(
            ("readers", "workers"), np.array([one.workers for one in questions], float).T, strict=True
        )
    )
    step = in_step(1.0, 0.0, prefill.engine["together"], decode.share["fade"], decode.output_tokens)
    found = evaluate_split(Split(prefill, decode, reading, answering, load, _link(prefill, decode), step))
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


def _link(prefill: Candidates, decode: Candidates) -> Values:
    """Bytes a second between a pair of workers: their chips send side by side over the network."""
    one, other = (
        side.tp * side.attn_dp * side.pp * side.cluster.scaleout_bytes_per_s * side.share["scaleout_link"]
        for side in (prefill, decode)
    )
    slower: Values = np.minimum(one, other)
    return slower
