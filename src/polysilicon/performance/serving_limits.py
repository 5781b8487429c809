"""What no deployment can beat, whatever its engine: where the interval of a figure ends."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from polysilicon.performance import serving_passes as passes
from polysilicon.performance.efficiency import Efficiency
from polysilicon.performance.serving_candidates import OF_ENGINE, Asked, Candidates
from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula
from polysilicon.records.units import MS_PER_S

# Links so quick that nothing waits for them: what is sent may be hidden behind arithmetic.
UNSEEN_LINK = 1e9


@dataclass(frozen=True)
class Limits:
    """The least time to the first token and per token, and the most tokens a second and chip, one entry a question."""

    ttft_ms: Values
    tpot_ms: Values
    tokens_per_s_per_chip: Values


def limits_of(asked: Sequence[Asked]) -> Limits:
    """The limits of several questions, from the peaks of the chips' records alone.

    A prompt needs its arithmetic at the peak. A token needs the weights that one sequence touches, and its cache, read
    at the full bandwidth of memory. Nothing else is counted: no transfer, launch, host or queue.
    """
    table = Candidates.of([replace(one, efficiency=_faultless(one)) for one in asked])
    work, _ = passes.prefill_parts_s(table)
    token = passes.token_s(table, np.ones_like(table.concurrency))
    return Limits(
        ttft_ms=MS_PER_S * work,
        tpot_ms=MS_PER_S * token,
        tokens_per_s_per_chip=most_tokens_per_s_per_chip(
            work, token, table.concurrency, table.output_tokens, table.tp, table.attn_dp, table.pp
        ),
    )


@formula
def most_tokens_per_s_per_chip(
    work_s: Values,
    token_s: Values,
    concurrency: Values,
    output_tokens: Values,
    tp: Values,
    attn_dp: Values,
    pp: Values,
) -> Values:
    """Tokens a second and chip where each rank reads prompts without a pause, or each request answers without one.

    Source: Little (Operations Research 9(3), 1961); conservation of work.
    """
    prompts = output_tokens * attn_dp * pp / work_s
    answers = concurrency * output_tokens / (work_s + (output_tokens - 1.0) * token_s)
    return np.minimum(prompts, answers) / (tp * attn_dp * pp)


def _faultless(asked: Asked) -> Efficiency:
    """Every share of a peak reached in full, nothing launched, handled or waited for."""
    ideal: dict[str, Values] = {}
    for name in asked.efficiency.parameters:
        of_engine = name.rpartition("_")[0] in OF_ENGINE and name.rpartition("_")[2] == asked.engine.id
        ideal[name] = 0.0 if name.endswith("_us") or "_us_" in name or of_engine else 1.0
        if "link" in name:
            ideal[name] = UNSEEN_LINK
    return replace(asked.efficiency, parameters=ideal)
