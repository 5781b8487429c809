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

# Sizes that slow products down, nought where nothing does.
SLOWING = ("tile_rows", "half_width")
# Links so quick that nothing waits for them: what is sent may be hidden behind arithmetic.
UNSEEN_LINK = 1e9
# What is moved between products; it may stay on the chip.
MOVED = ("normed_width", "turned_width", "active_width", "stream_layers")
# Weights that engines keep whole on every rank of tensor parallelism.
WHOLE = ("replicated_weights", "wide_weights", "stream_weights")


@dataclass(frozen=True)
class Limits:
    """The least time to the first token and per token, and the most tokens a second and chip, one entry a question."""

    ttft_ms: Values
    tpot_ms: Values
    tokens_per_s_per_chip: Values


def limits_of(asked: Sequence[Asked]) -> Limits:
    """The limits of several questions, from the peaks of the chips' records alone.

    A prompt needs its arithmetic at the peak: stages read its chunks side by side. A token needs the weights that one
    sequence touches, and its cache, read at the full bandwidth of memory, stage after stage. One sequence has a rank of
    attention to itself, and the experts of all ranks. Nothing else is counted: no transfer, launch, host or queue.
    """
    table = Candidates.of([replace(one, efficiency=_faultless(one)) for one in asked])
    # Other software might move nothing between products, pad no heads and cut what each rank holds whole.
    own = {name: getattr(table.served, name) / table.tp for name in WHOLE}
    own |= {name: 0.0 * getattr(table.served, name) for name in MOVED}
    plain = replace(table.served, least_heads=1.0, **own)
    table = replace(table, served=plain)
    shared, _ = passes.prefill_parts_s(replace(table, concurrency=table.attn_dp))
    served = replace(table.served, expert_weights=table.served.expert_weights / table.attn_dp)
    alone = replace(table, served=served, attn_dp=np.ones_like(table.attn_dp))
    work, _ = passes.prefill_parts_s(alone)
    first, token = work / table.pp, passes.token_s(alone, np.ones_like(table.concurrency))
    return Limits(
        ttft_ms=MS_PER_S * first,
        tpot_ms=MS_PER_S * token,
        tokens_per_s_per_chip=most_tokens_per_s_per_chip(
            shared, first, token, table.concurrency, table.output_tokens, table.tp, table.attn_dp, table.pp
        ),
    )


@formula
def most_tokens_per_s_per_chip(
    prompt_s: Values,
    first_s: Values,
    token_s: Values,
    concurrency: Values,
    output_tokens: Values,
    tp: Values,
    attn_dp: Values,
    pp: Values,
) -> Values:
    """Tokens a second and chip where each rank reads prompts without a pause, or each request answers without one.

    `prompt_s` is what a prompt takes of its rank's chips while all ranks read, `first_s` the least time to a first
    token.

    Source: Little (Operations Research 9(3), 1961); conservation of work.
    """
    prompts = output_tokens * attn_dp * pp / prompt_s
    answers = concurrency * output_tokens / (first_s + (output_tokens - 1.0) * token_s)
    return np.minimum(prompts, answers) / (tp * attn_dp * pp)


def _faultless(asked: Asked) -> Efficiency:
    """Every share of a peak reached in full, nothing launched, handled or waited for."""
    ideal: dict[str, Values] = {}
    for name in asked.efficiency.parameters:
        of_engine = name.rpartition("_")[0] in OF_ENGINE and name.rpartition("_")[2] == asked.fitted_as
        free = name.endswith("_us") or "_us_" in name or of_engine or name in SLOWING
        ideal[name] = 0.0 if free else 1.0
        if "link" in name:
            ideal[name] = UNSEEN_LINK
    return replace(asked.efficiency, parameters=ideal)
