"""Time of a pass over the model, and what it holds in memory, for every candidate of a table."""

import numpy as np

from polysilicon.performance import routing, serving_experts
from polysilicon.performance import serving_engine as engine
from polysilicon.performance import serving_iteration as iteration
from polysilicon.performance.collectives import all_reduce_s, all_to_all_s, inside, send_s
from polysilicon.performance.layer import streamed_bytes
from polysilicon.performance.operators import gemm_s, roofline_s, streaming_s
from polysilicon.performance.serving_candidates import Candidates
from polysilicon.performance.values import Values
from polysilicon.records.units import MICRO


def decode_s(table: Candidates, running: Values) -> Values:
    """Time of a pass that decodes each of `running` sequences, with the tokens drafted for them."""
    served, share, shape = table.served, table.share, table.served.shape
    rows = iteration.rows_per_rank(running, table.pp, table.attn_dp)
    own_tokens = iteration.tokens_in_pass(rows, table.draft_tokens)
    tokens = iteration.group_tokens(own_tokens, table.attn_dp)
    group = iteration.group_chips(table.tp, table.attn_dp)
    bandwidth = iteration.achieved_bytes_per_s(table.cluster.memory_bytes_per_s, share["weight_bandwidth"])
    touched = serving_experts.touched_share(tokens, shape.experts, shape.experts_per_token, share["evenness"])
    dense = gemm_s(
        iteration.dense_flop(served.dense_weights, served.replicated_weights, own_tokens, table.tp),
        iteration.weight_traffic_bytes(_dense_bytes(table), 1.0, table.tp, 1.0, _replicated_bytes(table)),
        table.dense_flop_per_s,
        bandwidth,
    )
    experts = gemm_s(
        _expert_flop(table, tokens, touched),
        iteration.weight_traffic_bytes(served.expert_weights, table.expert_bytes, group, touched)
        + _copied_bytes(table, tokens),
        table.expert_flop_per_s,
        bandwidth,
    )
    one_pass = iteration.pass_s(
        dense,
        experts,
        _decode_attention_s(table, rows, own_tokens),
        network_s(table, own_tokens),
        _kernels_s(table),
        iteration.host_s(table.engine["host_us"], table.engine["request_us"], running, table.attn_dp),
        _streams_s(table, own_tokens),
    )
    drafted: Values = iteration.drafted_pass_s(one_pass, table.draft_tokens, shape.layers)
    return drafted


def token_s(table: Candidates, running: Values) -> Values:
    """Time of decoding one token of each of `running` sequences: a pass over the tokens it yields."""
    gained = iteration.tokens_out_of_pass(table.draft_tokens, table.acceptance)
    one_token: Values = iteration.per_token_s(decode_s(table, running), gained)
    return one_token


def prompt_alone_s(table: Candidates) -> Values:
    """Time from the first chunk of a prompt to its last on a replica that has nothing else to read."""
    alone: Values = engine.prompt_s(*prefill_parts_s(table), table.input_tokens, table.chunk_tokens)
    return alone


def prompt_among_others_s(table: Candidates, waiting: Values) -> tuple[Values, Values]:
    """Reading one prompt while `waiting` wait at its rank: its own work, and with it how long it keeps its rank."""
    together = engine.prompts_in_pass(table.input_tokens, table.chunk_tokens, waiting)
    work, overhead = prefill_parts_s(table, together)
    busy: Values = engine.prompt_among_others_s(work, overhead, table.input_tokens, table.chunk_tokens, together)
    return work, busy


def prefill_parts_s(table: Candidates, together: Values = 1.0) -> tuple[Values, Values]:
    """Reading one prompt: the time that grows with its tokens, and what each pass costs whatever its size.

    A rank takes `together` prompts in one pass, up to a chunk. Experts' last tiles and what a transfer costs without
    bytes are of the pass.
    """
    served, share, shape = table.served, table.share, table.served.shape
    tokens = table.input_tokens
    group = iteration.group_chips(table.tp, table.attn_dp)
    in_pass = iteration.tokens_read_in_pass(tokens, together, table.chunk_tokens)
    bandwidth = iteration.achieved_bytes_per_s(table.cluster.memory_bytes_per_s, share["weight_bandwidth"])
    touched = serving_experts.touched_share(
        iteration.prompts_together_tokens(in_pass, table.attn_dp, table.concurrency),
        shape.experts,
        shape.experts_per_token,
        share["evenness"],
    )
    read = iteration.prompts_together_tokens(tokens, table.attn_dp, table.concurrency)
    waited = network_s(table, 0.0 * tokens)
    work = iteration.prompt_work_s(
        iteration.prompt_dense_flop(
            served.dense_weights, served.replicated_weights, shape.vocab, shape.hidden, tokens, table.tp
        ),
        table.dense_flop_per_s,
        _prompt_attention_flop(table),
        table.attention_flop_per_s,
        gemm_s(_expert_flop(table, read, 0.0), _copied_bytes(table, read), table.expert_flop_per_s, bandwidth),
        _linear_s(table),
        network_s(table, tokens) - waited - _hidden_s(table, tokens),
        _streams_s(table, tokens),
    )
    dense_read = iteration.weight_traffic_bytes(_dense_bytes(table), 1.0, table.tp, 1.0, _replicated_bytes(table))
    expert_read = iteration.weight_traffic_bytes(served.expert_weights, table.expert_bytes, group, touched)
    overhead = iteration.pass_overhead_s(
        streaming_s(dense_read, bandwidth),
        gemm_s(_expert_flop(table, 0.0 * tokens, touched), expert_read, table.expert_flop_per_s, bandwidth),
        waited,
        _kernels_s(table),
        iteration.eager_s(
            table.engine["eager_us"], shape.layers, shape.moe_layers, served.linear_layers, share["linear_launches"]
        ),
        table.engine["host_us"],
    )
    return work, overhead


def _expert_flop(table: Candidates, tokens: Values, touched: Values) -> Values:
    """Operations of the busiest chip on the experts that the `tokens` of a group of ranks choose, as wide ones take."""
    served, share, shape = table.served, table.share, table.served.shape
    own = serving_experts.expert_flop(
        served.expert_weights,
        shape.experts,
        shape.experts_per_token,
        tokens,
        touched,
        share["tile_rows"],
        iteration.group_chips(table.tp, table.attn_dp),
    )
    busiest = serving_experts.busiest(own, share["imbalance"], table.ep)
    slowed: Values = serving_experts.as_slowly(busiest, _expert_width(table), share["half_width"])
    return slowed


def _expert_width(table: Candidates) -> Values:
    group = iteration.group_chips(table.tp, table.attn_dp)
    width: Values = serving_experts.expert_width(table.served.expert_hidden, group, table.ep)
    return width


def _copied_bytes(table: Candidates, tokens: Values) -> Values:
    """Bytes that a chip moves around its experts for the `tokens` of a group of ranks, over all layers."""
    shape = table.served.shape
    copied: Values = shape.moe_layers * serving_experts.copied_bytes(
        tokens, shape.sent_width, shape.experts_per_token, _expert_width(table), table.ep, table.engine["copy"]
    )
    return copied


def network_s(table: Candidates, tokens: Values) -> Values:
    """Time that one attention rank's `tokens` tokens spend between chips, over all layers."""
    cluster, shape = table.cluster, table.served.shape
    link, out, hop, far = _links(table)
    group = iteration.group_chips(table.tp, table.attn_dp)
    moved, routed = (iteration.activation_bytes(tokens, width) for width in (shape.hidden, shape.sent_width))
    wide = inside(group, 1.0, cluster.scaleup_domain)
    copies = routing.copies(shape.experts_per_token, table.ep, group)
    sent = serving_experts.dispatched_bytes(routed, copies, table.tp)
    crossing = serving_experts.crossing_bytes_per_s(out, copies, group, wide)
    exchanges = _exchanges(table)
    stage = np.where(group * table.pp > cluster.scaleup_domain, out, link)
    return iteration.transfers_s(
        iteration.reductions(shape.layers, shape.blocks, exchanges, table.tp),
        _reduction_s(table, tokens),
        exchanges,
        all_to_all_s(sent, group, wide, link, crossing, hop, far),
        table.pp,
        send_s(moved * table.served.streams, np.where(table.pp > 1.0, stage, 1.0), hop),
    )


def _links(table: Candidates) -> tuple[Values, Values, Values, Values]:
    """Bandwidth achieved inside a scale-up domain and beyond it [bytes/s], and what a step costs on each [s]."""
    share, cluster = table.share, table.cluster
    link = iteration.achieved_bytes_per_s(cluster.scaleup_bytes_per_s, share["link"])
    out = iteration.achieved_bytes_per_s(cluster.scaleout_bytes_per_s, share["scaleout_link"])
    return link, out, share["hop_us"] * MICRO, share["scaleout_hop_us"] * MICRO


def _exchanges(table: Candidates) -> Values:
    shape = table.served.shape
    exchanged: Values = serving_experts.exchanges(shape.moe_layers, shape.experts, table.attn_dp)
    return exchanged


def _reduction_s(table: Candidates, tokens: Values) -> Values:
    """Time of one all-reduce of what a block leaves of `tokens` tokens, over the chips of tensor parallelism."""
    moved = iteration.activation_bytes(tokens, table.served.shape.hidden)
    near = inside(table.tp, 1.0, table.cluster.scaleup_domain)
    reduced: Values = all_reduce_s(moved, table.tp, near, *_links(table))
    return reduced


def _hidden_s(table: Candidates, tokens: Values) -> Values:
    """What of the all-reduces of a prompt passes while the products go on that make what is summed."""
    served, tp = table.served, table.tp
    layers = np.where(tp > 1.0, served.shape.layers, 0.0)
    mixers = layers * (served.shape.blocks - 1.0)
    blocks = ((mixers, served.attention_output), (layers - _exchanges(table), served.feed_forward_output))
    one = _reduction_s(table, tokens) - _reduction_s(table, 0.0 * tokens)
    return sum(
        iteration.hidden_reductions_s(
            table.fused_reductions, np.maximum(count, 0.0), one, weights, tokens, tp, table.dense_flop_per_s
        )
        for count, weights in blocks
    )


def memory_bytes(table: Candidates, answered: Values = 1.0) -> tuple[Values, Values]:
    """Weights on one chip, and the cache on one chip of a sequence with so much of its answer; what drafts included."""
    served, shape = table.served, table.served.shape
    weights = iteration.weights_bytes(
        iteration.held_to_draft(_dense_bytes(table), table.draft_tokens, shape.layers),
        iteration.embedding_weights(shape.vocab, shape.hidden, shape.embeddings),
        iteration.held_to_draft(_replicated_bytes(table), table.draft_tokens, shape.layers),
        iteration.held_to_draft(served.expert_weights, table.draft_tokens, shape.layers),
        table.expert_bytes,
        table.tp,
        table.pp,
        table.attn_dp,
    )
    length = table.input_tokens + answered * table.output_tokens
    held = kept_tokens(table, length)
    one = iteration.cache_bytes_per_sequence(held, served.cache_values, table.cache_bytes, served.state_bytes)
    cached = iteration.chip_cache_bytes(
        one,
        served.state_bytes,
        iteration.index_bytes(length, served.index_values),
        served.compressor_bytes,
        iteration.cache_ways(table.tp, served.cache_shards),
        table.tp,
        table.pp,
    )
    return weights, iteration.held_to_draft(cached, table.draft_tokens, shape.layers)


def kept_tokens(table: Candidates, tokens: Values) -> Values:
    """Entries that the cache keeps of `tokens` tokens, averaged over layers; an index narrows only what is read.

    Each is of the model's `cache_values` over all layers.
    """
    return _reach(table, tokens, table.served.shape.window, np.inf)


def _reach(table: Candidates, tokens: Values, window: Values, index_tokens: Values) -> Values:
    served = table.served
    reach: Values = iteration.reach_tokens(
        tokens,
        window,
        served.shape.windowed_share,
        index_tokens,
        served.index_share,
        served.index_ratio,
        served.whole_share,
        served.whole_ratio,
    )
    return reach


def _replicated_bytes(table: Candidates) -> Values:
    served = table.served
    held: Values = iteration.replicated_bytes(
        served.replicated_weights, served.wide_weights, served.stream_weights, table.dense_bytes
    )
    return held


def _streams_s(table: Candidates, tokens: Values) -> Values:
    """Time of the memory-bound kernels beside launches: norms, residuals, rotary embeddings, activations, streams.

    Experts' activations are with the copies around experts, and what layers that keep a state move with that.
    """
    served = table.served
    moved = streamed_bytes(
        tokens, served.normed_width, served.shape.blocks, served.turned_width, served.active_width, table.tp, 1.0, 0.0
    ) + iteration.stream_traffic_bytes(tokens, served.shape.hidden, served.streams, served.stream_layers)
    bandwidth = iteration.achieved_bytes_per_s(table.cluster.memory_bytes_per_s, table.share["weight_bandwidth"])
    taken: Values = streaming_s(moved, bandwidth)
    return taken


def _dense_bytes(table: Candidates) -> Values:
    served, shape = table.served, table.served.shape
    held: Values = iteration.dense_weights_bytes(served.dense_weights, shape.vocab, shape.hidden, table.dense_bytes)
    return held


def _decode_attention_s(table: Candidates, rows: Values, tokens: Values) -> Values:
    served, shape = table.served, table.served.shape
    context = iteration.mean_context_tokens(table.input_tokens, table.output_tokens)
    reach = _reach(table, context, shape.window, served.index_tokens)
    read = iteration.decode_attention_bytes(
        iteration.cache_bytes_per_sequence(reach, served.cache_values, table.cache_bytes, 0.0),
        iteration.cache_ways(table.tp, served.cache_shards),
        iteration.index_bytes(context, served.index_values),
        served.state_bytes,
        table.tp,
        rows,
    )
    attended: Values = roofline_s(
        iteration.decode_attention_flop(
            served.decode_width, reach, tokens, iteration.head_ways(table.tp, shape.heads, served.least_heads)
        )
        + iteration.index_flop(served.index_width, context, tokens),
        read,
        table.attention_flop_per_s,
        iteration.achieved_bytes_per_s(table.cluster.memory_bytes_per_s, table.share["cache_bandwidth"]),
    )
    return attended


def _prompt_attention_flop(table: Candidates) -> Values:
    served, shape = table.served, table.served.shape
    # A causal mask halves what a prompt's token reads, unless a window or an index does so already.
    reach = 0.5 * _reach(table, table.input_tokens, 2.0 * shape.window, 2.0 * served.index_tokens)
    whole: Values = iteration.prompt_attention_flop(
        reach,
        shape.score_width,
        shape.value_width,
        shape.layers,
        table.input_tokens,
        iteration.head_ways(table.tp, shape.heads, served.least_heads),
    ) + iteration.index_flop(served.index_width, 0.5 * table.input_tokens, table.input_tokens)
    return whole


def _linear_s(table: Candidates) -> Values:
    """Time that linear attention and state spaces take over a prompt beside their weights."""
    served, tokens = table.served, table.input_tokens
    taken: Values = gemm_s(
        served.linear_flop * tokens / table.tp,
        iteration.linear_traffic_bytes(served.linear_values, table.share["linear_moves"], tokens, table.tp),
        table.attention_flop_per_s,
        iteration.achieved_bytes_per_s(table.cluster.memory_bytes_per_s, table.share["cache_bandwidth"]),
    )
    return taken


def _kernels_s(table: Candidates) -> Values:
    served, share = table.served, table.share
    kernels: Values = iteration.kernels_s(
        served.shape.layers,
        served.shape.moe_layers,
        served.latent_layers,
        served.linear_layers,
        served.index_layers,
        served.stream_layers,
        share["layer_us"],
        share["expert_layer_us"],
        share["latent_layer_us"],
        share["linear_layer_us"],
        share["index_layer_us"],
        share["stream_layer_us"],
        table.engine["launch"],
    )
    return kernels
