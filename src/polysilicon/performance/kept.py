"""What one micro-batch leaves on a chip: in a mean layer until its backward pass, while a layer works, at the head."""

import numpy as np

from polysilicon.performance import activations
from polysilicon.performance import layer as on_chip
from polysilicon.performance.job import Job, experts_met
from polysilicon.performance.routing import expert_degree
from polysilicon.performance.values import Values


def layer_activations(job: Job) -> Values:
    """What a mean layer keeps of one micro-batch between its forward and backward pass [bytes]."""
    return layer_bytes(job)[0]


def layer_bytes(job: Job) -> tuple[Values, Values]:
    """What a mean layer keeps of one micro-batch, and what it needs beyond that while it is at work."""
    cut, shape, recipe = job.layouts, job.shape, job.recipe
    tokens = on_chip.chip_tokens(cut.micro_batch, job.sequence, cut.cp)
    degree = on_chip.sequence_cut(cut.tp, cut.sequence_parallel)
    width, dispatched = _width(job), _dispatched(job)
    whole = _kept(job, tokens, width, dispatched, degree)
    scores = activations.score_kept_bytes(
        tokens, job.sequence, shape.heads, shape.softmax_share, cut.tp, recipe.fused_attention
    )
    selected = whole
    if np.any(recipe.by_operator):
        selected = _operators(job, whole, tokens, width, dispatched, degree)
    if np.any(np.asarray(recipe.feed_forward_again) > 0.0):
        fewer = _kept(job, tokens, 0.0, 0.0, degree)
        selected = activations.selected_bytes(fewer, selected, recipe.feed_forward_again)
    checkpoint = activations.checkpoint_bytes(tokens, shape.hidden, degree)
    layer = activations.layer_activation_bytes(whole, selected, scores, checkpoint, cut.recompute, cut.recomputed_share)
    passing = activations.passing_bytes(tokens, shape.hidden, width, dispatched, cut.tp)
    return layer, activations.working_bytes(whole, scores, layer, passing)


def handed_bytes(job: Job) -> Values:
    """What a layer hands to the next of one micro-batch, and a pipeline stage to the next."""
    cut = job.layouts
    tokens = on_chip.chip_tokens(cut.micro_batch, job.sequence, cut.cp)
    return activations.checkpoint_bytes(tokens, job.shape.hidden, on_chip.sequence_cut(cut.tp, cut.sequence_parallel))


def head_bytes(job: Job) -> Values:
    """What the head holds of one micro-batch when the backward pass starts."""
    cut, shape = job.layouts, job.shape
    tokens = on_chip.chip_tokens(cut.micro_batch, job.sequence, cut.cp)
    degree = on_chip.sequence_cut(cut.tp, cut.sequence_parallel)
    kept, ahead = job.recipe.logit_bytes, job.recipe.predicted_ahead
    return activations.head_kept_bytes(tokens, shape.hidden, shape.vocab, cut.tp, degree, kept, ahead)


def _kept(job: Job, tokens: Values, width: Values, dispatched: Values, degree: Values) -> Values:
    """What a layer keeps without recomputation, but for attention's scores."""
    cut, shape, recipe = job.layouts, job.shape, job.recipe
    narrow = activations.kept_narrow(job.rates.narrow, recipe.kept_operands)
    needed: Values = 1.0
    if np.any(np.asarray(recipe.attention_adapters) > 0.0):
        needed = activations.needed_inputs(recipe.frozen, recipe.attention_adapters)
    return activations.kept_bytes(
        tokens,
        shape.hidden,
        shape.blocks,
        shape.latent_width,
        activations.attention_width(
            shape.query_width,
            shape.score_width,
            shape.value_width,
            shape.heads,
            shape.kv_heads,
            shape.softmax_share,
            shape.state_kept_width,
        ),
        shape.value_width,
        shape.heads,
        activations.feed_forward_kept_bytes(width, shape.matrices, narrow, recipe.narrow_activations, needed),
        dispatched,
        cut.tp,
        degree,
        recipe.dropout,
        narrow,
        needed,
    )


def _operators(job: Job, whole: Values, tokens: Values, width: Values, dispatched: Values, degree: Values) -> Values:
    """What a layer keeps under selective recomputation: every second product's result where that is what is meant."""
    shape = job.shape
    kept = activations.operator_kept_bytes(
        tokens,
        shape.hidden,
        shape.query_width,
        shape.kv_width,
        shape.value_width,
        shape.softmax_share,
        shape.state_kept_width,
        shape.heads,
        width,
        shape.matrices,
        dispatched,
        job.layouts.tp,
        degree,
    )
    return activations.selected_bytes(kept, whole, job.recipe.by_operator)


def _width(job: Job) -> Values:
    """Width of the intermediate results of a mean layer's feed-forward part."""
    shape = job.shape
    dense = on_chip.activation_width(shape.matrices, shape.ffn_hidden)
    if not job.mixed:
        return dense
    routed = on_chip.expert_activation_width(
        shape.matrices, shape.expert_hidden, experts_met(job), shape.shared_weights, shape.hidden
    )
    return activations.mean_width(dense, routed, shape.dense_layers, shape.layers)


def _dispatched(job: Job) -> Values:
    """Elements a token that a mean layer's experts keep as their inputs."""
    if not job.mixed:
        return 0.0
    cut, shape = job.layouts, job.shape
    return activations.dispatched_width(
        experts_met(job),
        shape.sent_width,
        cut.tp,
        expert_degree(cut.tp, cut.expert_tp),
        shape.dense_layers,
        shape.layers,
    )
