"""What an engine leaves of a chip's memory for weights and cache, and how many sequences that holds."""

import numpy as np

from polysilicon.facts.engines import KeptFree
from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula
from polysilicon.records.units import GIB, MIB

# Scores of words are profiled in single precision.
SCORE_BYTES = 4.0


@formula
def profiled_bytes(
    reserve_gib: Values,
    chunk_tokens: Values,
    sampler_copies: Values,
    sequences: Values,
    vocab: Values,
    profiles: Values = 1.0,
) -> Values:
    """What a profile run finds that a pass needs: its activations, or the scores of all words for every sequence.

    `reserve_gib` is what the activations of 8,192 tokens need. As many sequences are tried as may run, on every chip.
    An engine that does not profile (`profiles` is 0) finds nothing.

    Source: vLLM, gpu_model_runner.py, profile_run; start-up logs of vLLM 0.10 to 0.19; fitted reserve.
    """
    activations = reserve_gib * GIB * chunk_tokens / 8192.0
    return profiles * np.maximum(activations, sampler_copies * SCORE_BYTES * sequences * vocab)


def kept_bytes(rule: KeptFree, chips: Values, attn_dp: Values) -> Values:
    """What an engine keeps free by rule, without looking: for a chunk, recorded graphs, chips and copies of attention.

    Source: SGLang 0.5.3, server_args.py, mem_fraction_static.
    """
    stated = rule.kept_mib + rule.token_kept_mib * rule.chunk_tokens + rule.graph_kept_mib * rule.graphs
    copies = rule.rank_graph_kept_mib * rule.graphs * attn_dp
    return MIB * np.maximum(stated + rule.chip_kept_mib * chips + copies, rule.least_kept_mib)


@formula
def usable_bytes(
    memory_bytes: Values,
    memory_share: Values,
    profiled_bytes: Values,
    kept_bytes: Values,
    share_of_rest: Values,
    weights_bytes: Values,
) -> Values:
    """Memory of a chip that weights and cache may fill.

    An engine takes a share of the chip less what a pass needs, or of what weights and that leave, or all but what it
    keeps free.

    Source: vLLM documentation, Conserving Memory: gpu_memory_utilization; TensorRT-LLM documentation, KvCacheConfig:
    free_gpu_memory_fraction; SGLang, server_args.py: mem_fraction_static.
    """
    of_chip = memory_bytes * memory_share - profiled_bytes - kept_bytes
    of_rest = weights_bytes + memory_share * (memory_bytes - weights_bytes - profiled_bytes)
    return np.where(share_of_rest > 0.0, of_rest, of_chip)


@formula
def memory_batch(usable_bytes: Values, weights_bytes: Values, sequence_bytes: Values, attn_dp: Values) -> Values:
    """Sequences whose cache fits in a replica beside the weights, on average over time: pages leave no gaps.

    Source: Kwon et al., PagedAttention (arXiv 2309.06180), section 4.
    """
    return np.maximum(usable_bytes - weights_bytes, 0.0) / sequence_bytes * attn_dp
