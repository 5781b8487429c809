"""Time of one pass of a serving engine over its model: decoding one token of each sequence, or reading a prompt.

Sizes are of a replica: `tp` chips hold each layer's attention, `attn_dp` such groups share the experts, `pp` stages
follow one another. Rates are achieved rates, peak times efficiency.
"""

import numpy as np

from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula
from polysilicon.records.units import MICRO

# Bytes of a weight of the output head and of the embeddings, in whatever format the others are.
HEAD_BYTES = 2.0
# Bytes of a weight that mixes residual streams, in whatever format the others are.
STREAM_BYTES = 4.0


@formula
def rows_per_rank(running: Values, pp: Values, attn_dp: Values) -> Values:
    """Sequences that one attention rank decodes in one pass.

    Source: Zheng et al., SGLang (arXiv 2312.07104), data-parallel attention; Narayanan et al. (arXiv 2104.04473).
    """
    return np.maximum(running / (pp * attn_dp), 1.0)


@formula
def tokens_in_pass(rows: Values, draft_tokens: Values) -> Values:
    """Tokens that one attention rank takes through the model in a pass: one a sequence, and those drafted for it.

    Source: Leviathan et al., Fast Inference from Transformers via Speculative Decoding (arXiv 2211.17192), section 2.
    """
    return rows * (1.0 + draft_tokens)


@formula
def tokens_out_of_pass(draft_tokens: Values, acceptance: Values) -> Values:
    """Tokens that a sequence gains in one pass: drafted ones are kept up to the first that is refused, and one more.

    Source: Leviathan et al. (arXiv 2211.17192), equation 1.
    """
    chance = np.minimum(acceptance, 1.0 - 1e-9)
    return (1.0 - chance ** (draft_tokens + 1.0)) / (1.0 - chance)


@formula
def drafted_pass_s(pass_s: Values, draft_tokens: Values, layers: Values) -> Values:
    """Time of a pass and of drafting for the next: each drafted token takes one layer beside the model's.

    Source: DeepSeek-AI, DeepSeek-V3 (arXiv 2412.19437), section 2.2: a multi-token prediction module is one layer.
    """
    return pass_s * (1.0 + draft_tokens / layers)


@formula
def held_to_draft(held: Values, draft_tokens: Values, layers: Values) -> Values:
    """Weights or bytes that all layers hold, and one more that drafts, however many tokens ahead.

    Source: DeepSeek-AI, DeepSeek-V3 (arXiv 2412.19437), section 2.2.
    """
    return held * (1.0 + np.minimum(draft_tokens, 1.0) / layers)


@formula
def per_token_s(pass_s: Values, tokens_out_of_pass: Values) -> Values:
    """Time of a pass over the tokens that it yields to each sequence.

    Source: Leviathan et al. (arXiv 2211.17192), theorem 3.8.
    """
    return pass_s / tokens_out_of_pass


@formula
def reach_tokens(
    context: Values,
    window: Values,
    windowed_share: Values,
    index_tokens: Values,
    index_share: Values,
    index_ratio: Values,
    whole_share: Values,
    whole_ratio: Values,
) -> Values:
    """Cached entries that decoding one token reads, averaged over layers: windows and sparse indices bound it.

    Of the layers, `windowed_share` read a window, `index_share` as many entries as an index picks, `whole_share` all;
    an entry stands for one token, or for a ratio of them where attention is compressed. Then layers read both.

    Source: Beltagy et al., Longformer (arXiv 2004.05150); DeepSeek-AI, DeepSeek-V3.2-Exp report (2025); DeepSeek-V4
    (arXiv 2606.19348), section 2.3.
    """
    picked = index_share * np.minimum(index_tokens, context / index_ratio)
    return windowed_share * np.minimum(window, context) + picked + whole_share * context / whole_ratio


@formula
def cache_bytes_per_sequence(
    reach_tokens: Values, cache_values: Values, element_bytes: Values, state_bytes: Values
) -> Values:
    """Cached keys and values (or latents) of one sequence, and the state of its linear-attention layers.

    Source: Kwon et al., PagedAttention (arXiv 2309.06180), section 3; DeepSeek-V2 (arXiv 2405.04434), section 2.1.4.
    """
    return reach_tokens * cache_values * element_bytes + state_bytes


@formula
def cache_ways(tp: Values, cache_shards: Values) -> Values:
    """Over how many chips of a tensor-parallel group the cache of a layer is spread; the rest hold copies.

    Source: Ainslie et al., GQA (arXiv 2305.13245), section 2.2: heads are replicated across partitions.
    """
    return np.minimum(tp, cache_shards)


@formula
def head_ways(tp: Values, heads: Values, least_heads: Values) -> Values:
    """Over how many chips the work of attention proper is cut, where kernels take `least_heads` of a chip at least.

    Source: FlashMLA (2026), whose kernels over compressed entries take 64 or 128 heads, as vLLM and SGLang pad them.
    """
    return np.minimum(tp, np.maximum(heads / least_heads, 1.0))


@formula
def dense_flop(dense_weights: Values, replicated_weights: Values, tokens: Values, tp: Values) -> Values:
    """Operations of one chip on the weights every token meets: its part of those that are cut, the others whole.

    Source: Kaplan et al. (arXiv 2001.08361), section 2.1.
    """
    return 2.0 * dense_weights * tokens / tp + 2.0 * replicated_weights * tokens


@formula
def dense_weights_bytes(dense_weights: Values, vocab: Values, hidden: Values, element_bytes: Values) -> Values:
    """Bytes of the weights that every token meets and chips share: narrow formats leave the output head in 16 bits.

    Source: NVIDIA, TensorRT Model Optimizer (2025), and vLLM project, LLM Compressor (2025): their published recipes
    exclude `lm_head`.
    """
    head = vocab * hidden
    return (dense_weights - head) * element_bytes + head * np.maximum(element_bytes, HEAD_BYTES)


@formula
def replicated_bytes(
    replicated_weights: Values, wide_weights: Values, stream_weights: Values, element_bytes: Values
) -> Values:
    """Bytes of the weights that each tensor-parallel rank holds whole: some in 16 bits, those between streams in 32.

    Source: DeepSeek-AI, DeepSeek-V4, published inference code and checkpoint; vLLM and SGLang, which replicate them.
    """
    narrow = (replicated_weights - wide_weights - stream_weights) * element_bytes
    return narrow + wide_weights * np.maximum(element_bytes, HEAD_BYTES) + stream_weights * STREAM_BYTES


@formula
def stream_traffic_bytes(tokens: Values, hidden: Values, streams: Values, stream_layers: Values) -> Values:
    """Bytes that one chip moves in 16 bits to mix residual streams around the two blocks of a layer, for its `tokens`.

    All streams are read for what mixes them and again for what enters a block, which is written; after it they and what
    it gave are read, and all streams written. Every tensor-parallel rank does so for all tokens.

    Source: DeepSeek-AI, DeepSeek-V4 (arXiv 2606.19348), section 2, and its published inference code.
    """
    return 2.0 * 2.0 * tokens * (4.0 * streams + 2.0) * hidden * stream_layers


@formula
def weight_traffic_bytes(
    weights: Values, element_bytes: Values, chips: Values, share: Values = 1.0, whole_bytes: Values = 0.0
) -> Values:
    """Weights that one chip reads in one pass: its part of those that are cut, and what every chip holds whole.

    Source: Pope et al., Efficiently Scaling Transformer Inference (arXiv 2211.05102), section 2.
    """
    return weights * element_bytes * share / chips + whole_bytes


@formula
def decode_attention_flop(decode_width: Values, reach_tokens: Values, rows: Values, head_ways: Values) -> Values:
    """Operations of scores and sums for the tokens that one chip decodes.

    Source: DeepSeek-V2 (arXiv 2405.04434), section 2.1.2, absorbed form; Vaswani et al. (arXiv 1706.03762).
    """
    return 2.0 * decode_width * reach_tokens * rows / head_ways


@formula
def index_flop(index_width: Values, context_tokens: Values, tokens: Values) -> Values:
    """Operations of a sparse index, which scores all of the context for each of `tokens` tokens, on every chip alike.

    Source: DeepSeek-AI, DeepSeek-V3.2-Exp report (2025), equation 1; its published code keeps the index whole on each
    tensor-parallel rank.
    """
    return 2.0 * index_width * context_tokens * tokens


@formula
def activation_bytes(tokens: Values, hidden: Values) -> Values:
    """Hidden states of `tokens` tokens in a 16-bit format.

    Source: Shoeybi et al., Megatron-LM (arXiv 1909.08053), section 3.
    """
    return 2.0 * tokens * hidden


@formula
def kernels_s(
    layers: Values,
    moe_layers: Values,
    latent_layers: Values,
    linear_layers: Values,
    index_layers: Values,
    stream_layers: Values,
    layer_us: Values,
    expert_layer_us: Values,
    latent_layer_us: Values,
    linear_layer_us: Values,
    index_layer_us: Values,
    stream_layer_us: Values,
    launch: Values,
) -> Values:
    """Time that no bandwidth or arithmetic explains: dependent small kernels of each layer, one after another.

    `launch` is what an engine's kernels, more or less fused, take over the usual; those that mix residual streams were
    measured by themselves.

    Source: NVIDIA, CUDA C++ Programming Guide, CUDA graphs; fitted, see scripts/calibrate_serving.py.
    """
    extra = latent_layers * latent_layer_us + linear_layers * linear_layer_us + index_layers * index_layer_us
    usual = launch * (layers * layer_us + moe_layers * expert_layer_us + extra)
    return (usual + stream_layers * stream_layer_us) * MICRO


@formula
def host_s(iteration_us: Values, request_us: Values, running: Values, attn_dp: Values) -> Values:
    """Time of the scheduler between two passes: a part a pass and a part a running request of its rank.

    Source: Srivatsa et al., Can Scheduling Overhead Dominate LLM Inference Performance? (2024); fitted.
    """
    return (iteration_us + request_us * running / attn_dp) * MICRO


@formula
def pass_s(
    dense_s: Values,
    expert_s: Values,
    attention_s: Values,
    network_s: Values,
    kernels_s: Values,
    host_s: Values,
    streams_s: Values,
) -> Values:
    """Time of one pass: its parts follow one another.

    Source: Yu et al., Orca (OSDI'22), iteration-level scheduling.
    """
    return dense_s + expert_s + attention_s + network_s + kernels_s + host_s + streams_s


@formula
def achieved_bytes_per_s(peak_bytes_per_s: Values, share: Values) -> Values:
    """Bandwidth that real kernels reach; chips that no link joins move a byte a second, so nothing chooses them.

    Source: Williams, Waterman, Patterson, Roofline (CACM 52(4), 2009), ceilings below the peak; fitted share.
    """
    return np.maximum(peak_bytes_per_s * share, 1.0)


@formula
def group_tokens(rows: Values, attn_dp: Values) -> Values:
    """Tokens that the attention ranks which share experts bring together in one pass.

    Source: DeepSeek-AI, DeepSeek-V3 (arXiv 2412.19437), section 3.4.
    """
    return rows * attn_dp


@formula
def group_chips(tp: Values, attn_dp: Values) -> Values:
    """Chips that share the experts of a layer.

    Source: DeepSeek-AI, DeepSeek-V3 (arXiv 2412.19437), section 3.4.
    """
    return tp * attn_dp


@formula
def prompts_together_tokens(input_tokens: Values, attn_dp: Values, concurrency: Values) -> Values:
    """Prompt tokens that the attention ranks read at once: each its own prompt, where there are as many.

    Source: Zheng et al., SGLang (arXiv 2312.07104), data-parallel attention.
    """
    return input_tokens * np.minimum(attn_dp, np.maximum(concurrency, 1.0))


@formula
def tokens_read_in_pass(input_tokens: Values, together: Values, chunk_tokens: Values) -> Values:
    """Prompt tokens that one rank reads in a pass: whole prompts together, or a chunk of them.

    Source: Agrawal et al., Sarathi-Serve (arXiv 2403.02310), section 4.
    """
    return np.minimum(input_tokens * together, chunk_tokens)


@formula
def mean_context_tokens(input_tokens: Values, output_tokens: Values) -> Values:
    """Cached tokens of a sequence, on average over its output.

    Source: Pope et al., Efficiently Scaling Transformer Inference (arXiv 2211.05102), section 2.
    """
    return input_tokens + 0.5 * output_tokens


@formula
def decode_attention_bytes(
    cache_bytes: Values,
    cache_ways: Values,
    index_bytes: Values,
    state_bytes: Values,
    tp: Values,
    rows: Values,
) -> Values:
    """Bytes that attention reads on one chip: the cache, a sparse index, a linear state read and written.

    Source: Kwon et al., PagedAttention (arXiv 2309.06180); DeepSeek-V3.2-Exp report (2025); Yang et al. (2412.06464).
    """
    return rows * (cache_bytes / cache_ways + index_bytes + 2.0 * state_bytes / tp)


@formula
def index_bytes(tokens: Values, index_values: Values) -> Values:
    """Keys of a sparse index for `tokens` cached tokens, in eight bits whatever the cache is in, on every rank alike.

    Source: DeepSeek-AI, DeepSeek-V3.2-Exp report (2025), section 2.1 and its published code.
    """
    return tokens * index_values


@formula
def reductions(layers: Values, blocks: Values, exchanges: Values, tp: Values) -> Values:
    """All-reduces of a pass: after each block of a layer, attention or feed-forward, unless its tokens travel.

    Source: Shoeybi et al., Megatron-LM (arXiv 1909.08053), section 3.
    """
    return np.where(tp > 1.0, blocks * layers - exchanges, 0.0)


@formula
def transfers_s(
    reductions: Values, reduction_s: Values, exchanges: Values, exchange_s: Values, pp: Values, stage_s: Values
) -> Values:
    """Time between chips in one pass: reductions, exchanges there and back, hand-over between stages.

    Source: Pope et al., Efficiently Scaling Transformer Inference (arXiv 2211.05102), section 3.
    """
    return reductions * reduction_s + 2.0 * exchanges * exchange_s + (pp - 1.0) * stage_s


@formula
def prompt_dense_flop(
    dense_weights: Values, replicated_weights: Values, vocab: Values, hidden: Values, tokens: Values, tp: Values
) -> Values:
    """Operations of one chip on the weights every prompt token meets; only the last one meets the output head.

    Source: Kaplan et al. (arXiv 2001.08361), section 2.1.
    """
    return 2.0 * (dense_weights - vocab * hidden) * tokens / tp + 2.0 * replicated_weights * tokens


@formula
def prompt_attention_flop(
    reach_tokens: Values, score_width: Values, value_width: Values, layers: Values, tokens: Values, head_ways: Values
) -> Values:
    """Operations of scores and sums over a whole prompt on one chip.

    Source: Dao et al., FlashAttention (arXiv 2205.14135).
    """
    return 2.0 * reach_tokens * (score_width + value_width) * layers * tokens / head_ways


@formula
def prompt_work_s(
    dense_flop: Values,
    dense_flop_per_s: Values,
    attention_flop: Values,
    attention_flop_per_s: Values,
    expert_s: Values,
    linear_s: Values,
    network_s: Values,
    streams_s: Values,
) -> Values:
    """Time of a prompt's arithmetic and transfers, and of the memory-bound kernels between.

    Source: Pope et al., Efficiently Scaling Transformer Inference (arXiv 2211.05102), section 2: prefill.
    """
    attended_s = attention_flop / attention_flop_per_s
    return dense_flop / dense_flop_per_s + attended_s + expert_s + linear_s + network_s + streams_s


@formula
def hidden_reductions_s(
    fused: Values, reductions: Values, reduction_s: Values, weights: Values, tokens: Values, tp: Values, rate: Values
) -> Values:
    """Time of all-reduces that passes unseen where results are sent tile by tile while the products go on that make
    them: of `weights`, at `rate` operations a second.

    Source: NVIDIA, TensorRT-LLM documentation, GEMM + AllReduce plugin; Chang et al., FLUX (arXiv 2406.06858).
    """
    return fused * np.minimum(reductions * reduction_s, 2.0 * weights * tokens / tp / rate)


@formula
def linear_traffic_bytes(linear_values: Values, moves: Values, tokens: Values, tp: Values) -> Values:
    """Bytes that linear attention moves in 16 bits on one chip while it reads `tokens` tokens of a prompt.

    `moves` is how often its kernels, one after another, read or write what enters and leaves it.

    Source: Yang et al., Gated Delta Networks (arXiv 2412.06464), section 3.3; fitted, see scripts/calibrate_serving.py.
    """
    return 2.0 * moves * linear_values * tokens / tp


@formula
def eager_s(
    eager_us: Values, layers: Values, moe_layers: Values, linear_layers: Values, linear_launches: Values
) -> Values:
    """Launches of a pass that no recorded graph covers, as passes over prompts are.

    Linear attention reads a prompt in chunks by a row of small kernels: its layers take `linear_launches` times what a
    block takes, and more than others by that.

    Source: NVIDIA, CUDA C++ Programming Guide, CUDA graphs; Yang and Zhang, flash-linear-attention (2024), the forward
    pass of its gated delta rule; fitted, see scripts/calibrate_serving.py.
    """
    return eager_us * (layers + moe_layers + linear_launches * linear_layers) * MICRO


@formula
def pass_overhead_s(
    dense_s: Values, expert_s: Values, network_s: Values, kernels_s: Values, eager_s: Values, host_us: Values
) -> Values:
    """What a pass over prompts costs whatever its size.

    It reads the weights, fills the experts' last tiles, waits for the network; small kernels, launches, the scheduler.

    Source: Agrawal et al., Sarathi-Serve (arXiv 2403.02310), section 4.
    """
    return dense_s + expert_s + network_s + kernels_s + eager_s + host_us * MICRO


@formula
def embedding_weights(vocab: Values, hidden: Values, embeddings: Values) -> Values:
    """Weights of the embeddings beside the output head; none where both are one.

    Source: Press and Wolf, Using the Output Embedding (arXiv 1608.05859).
    """
    return vocab * hidden * (embeddings - 1.0)


@formula
def weights_bytes(
    dense_weights_bytes: Values,
    embedding_weights: Values,
    replicated_bytes: Values,
    expert_weights: Values,
    expert_bytes: Values,
    tp: Values,
    pp: Values,
    attn_dp: Values,
) -> Values:
    """Weights that one chip holds: dense ones copied to each attention rank, experts spread over all.

    What tensor parallelism does not cut, each of its ranks holds whole.

    Source: DeepSeek-AI, DeepSeek-V3 (arXiv 2412.19437), section 3.4; Shoeybi et al. (arXiv 1909.08053).
    """
    dense = (dense_weights_bytes + embedding_weights * HEAD_BYTES) / (tp * pp)
    return dense + replicated_bytes / pp + expert_weights * expert_bytes / (tp * pp * attn_dp)


@formula
def chip_cache_bytes(
    sequence_bytes: Values,
    state_bytes: Values,
    index_bytes: Values,
    compressor_bytes: Values,
    cache_ways: Values,
    tp: Values,
    pp: Values,
) -> Values:
    """Part of a sequence's cache and state that one chip holds; whole the index and compressors of its stage's layers.

    Source: Kwon et al., PagedAttention (arXiv 2309.06180), section 4.6.
    """
    cut = (sequence_bytes - state_bytes) / (cache_ways * pp) + state_bytes / (tp * pp)
    return cut + index_bytes / pp + compressor_bytes / pp
