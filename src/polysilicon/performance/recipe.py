"""What a training recipe fixes beside the layout: what is trained, what is kept, what the software does."""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.money import Assumption
from polysilicon.facts.recipes import TrainingRecipe
from polysilicon.performance.collectives import ALGORITHMS
from polysilicon.performance.layouts import Layouts
from polysilicon.performance.values import PRECISIONS, Values
from polysilicon.records.recorder import formula

# What a recipe leaves to the fitted parameters, or to another of its fields.
UNSAID = -1.0
# The fields that say which share of a transfer is hidden.
OVERLAPS = ("tensor_hidden", "context_hidden", "expert_hidden", "pipeline_hidden", "data_hidden")


@dataclass(frozen=True)
class Recipe:
    """Each field a number, or a column with one entry a candidate.

    `frozen` is 1 where the base weights stay fixed (LoRA): no weight gradients, no optimizer, no gradient traffic
    for them; `adapter_share` is then the size of what is trained, as a share of the weights, and `attention_adapters`
    is 1 where adapters lie beside attention's products alone. `fused_attention` is 0 for software that writes the score
    matrix to memory; `tuned_attention` is 0 for a framework's own kernels instead of the vendor's (unsaid: as is usual
    for the layout). `graphs` is 1 where captured graphs launch the kernels, `whole_graphs` where one holds the whole
    step, `blocking` where every launch waits for the device. `software_years` is how long the software had to mature
    since the chip's release; `vendor_tuned` is 1 where the run is tuned as the chip's vendor tunes its own.
    Bytes are a weight: `weight_bytes` of the working copy, `gradient_bytes` of the accumulated gradient,
    `reduce_bytes` of a gradient on the wire, `optimizer_bytes` of master copy and moments, `gather_bytes` of a
    weight on the wire (unsaid: as `weight_bytes`). `dispatch_bytes` are of an activation on its way to an expert
    and back, the mean of both. `shard_bytes` are of the working copy that stays beside the master copy where ZeRO
    splits the weights themselves (nought: the master copy is the only one, as in FSDP); `logit_bytes` those of a
    logit with what loss and its gradient keep of it.

    `kept_operands` is 1 where the operands of narrow products are kept narrow and weights are cast once a step, or
    once and for all where they are frozen; `narrow_weights` is 1 where no copy in 16 bits stays beside those casts.
    `kept_boundaries` is 1 where pipeline stages keep what they sent, and room for the gradients of it (PyTorch's own).
    `narrow_activations` is 1 where the inputs of activations are kept in 8 bits.
    `whole_tensors` is 1 where ZeRO 1 gives whole tensors to owners instead of slices to all: each rank sums the
    gradients of all, and owners send their weights on, one after another.
    `dropout` is 1 where residuals pass dropout, whose masks are kept; `by_operator` is 1 where selective recomputation
    covers every second product beside attention's scores, `feed_forward_again` where it covers feed-forward blocks and
    experts; `lean_recompute` is 1 where software leaves out what no gradient needs of a layer that runs again. So
    many tokens beyond the next are `predicted_ahead`, each by a layer and a head more (multi-token prediction).
    `sample_tokens` are those of a sample where several are packed into a sequence and attend within themselves.

    Precisions are positions in `PRECISIONS`: `backward_precision` of the products of the backward pass (unsaid: the
    layout's), `attention_precision` of attention proper (unsaid: bf16, or that of wider products). `wide_share` is the
    share of the layers' products that a narrow recipe keeps in 16 bits. `sparse` is 1 where weights are pruned two of
    four.

    Shares of a transfer that compute may hide, each with what is beside it: `tensor_hidden` the layer's products,
    `context_hidden` attention, `expert_hidden` the shared experts, or with `dual_batch` 1 the whole layer of another
    micro-batch (DualPipe); `pipeline_hidden` a stage, `data_hidden` the pass of a micro-batch. 0 switches overlap
    off; unsaid takes the fitted shares. `algorithm` is a position in `ALGORITHMS`.

    `sent_once` is 1 where a token goes once to each chip, and once to each node, with experts that it chose, instead of
    once for each of them. `imbalance` is the rows of the busiest expert-parallel rank over the mean (1: perfect
    routing); `capacity_factor` pads and drops to so many times the mean (0: dropless). `balanced_context` is 0 where
    the slices of a causal sequence are dealt out in order, so that the last of them sets the pace.
    """

    frozen: Values = 0.0
    adapter_share: Values = 0.0
    fused_attention: Values = 1.0
    tuned_attention: Values = UNSAID
    graphs: Values = 0.0
    whole_graphs: Values = 0.0
    blocking: Values = 0.0
    software_years: Values = np.inf
    vendor_tuned: Values = 0.0
    weight_bytes: Values = 2.0
    gradient_bytes: Values = 4.0
    reduce_bytes: Values = 4.0
    optimizer_bytes: Values = 12.0
    gather_bytes: Values = UNSAID
    dispatch_bytes: Values = 2.0
    shard_bytes: Values = 0.0
    logit_bytes: Values = 6.0
    attention_adapters: Values = 0.0
    narrow_activations: Values = 0.0
    kept_operands: Values = 1.0
    narrow_weights: Values = 0.0
    kept_boundaries: Values = 0.0
    whole_tensors: Values = 0.0
    dropout: Values = 0.0
    by_operator: Values = 0.0
    feed_forward_again: Values = 0.0
    lean_recompute: Values = 0.0
    predicted_ahead: Values = 0.0
    sample_tokens: Values = np.inf
    backward_precision: Values = UNSAID
    attention_precision: Values = UNSAID
    wide_share: Values = 0.0
    sparse: Values = 0.0
    tensor_hidden: Values = UNSAID
    context_hidden: Values = UNSAID
    expert_hidden: Values = UNSAID
    pipeline_hidden: Values = UNSAID
    data_hidden: Values = UNSAID
    dual_batch: Values = 0.0
    sent_once: Values = 0.0
    algorithm: Values = 0.0
    imbalance: Values = 1.0
    capacity_factor: Values = 0.0
    balanced_context: Values = 1.0

    def said(self, name: str) -> bool:
        """Whether any candidate says something of a field that may be left unsaid."""
        return bool(np.any(np.asarray(getattr(self, name)) >= 0.0))

    def chosen(self) -> dict[str, Any]:
        """What differs from the neutral recipe, in words; a table of recipes gives lists."""
        differing = [one for one in fields(self) if np.any(np.asarray(getattr(self, one.name)) != one.default)]
        return {one.name: _word(one.name, getattr(self, one.name)) for one in differing}


def _word(name: str, value: Values) -> Any:
    if np.size(value) > 1:
        return [_word(name, one) for one in np.ravel(value)]
    number = float(np.ravel(value)[0])
    if name.endswith("_precision") and number >= 0.0:
        return PRECISIONS[int(number)]
    return ALGORITHMS[int(number)] if name == "algorithm" else number


# What a catalogue's recipe states in the fields of the same name.
STATED = (
    "wide_share",
    "weight_bytes",
    "gradient_bytes",
    "reduce_bytes",
    "gather_bytes",
    "optimizer_bytes",
    "dispatch_bytes",
)


def recipe_of(catalogue: Catalogue, name: str, **others: float) -> tuple[str, Recipe]:
    """The forward precision and the recipe of a `recipe` record; `others` are further fields of `Recipe`.

    What the record leaves open keeps its neutral value. Where it trains adapters, their size is the usual one.

    Raises:
        UnknownName: no recipe is called so.
    """
    record = catalogue.get(TrainingRecipe, name)
    stated = {one: float(value) for one in STATED if (value := getattr(record, one)) is not None}
    for field, precision in (("backward_precision", record.backward), ("attention_precision", record.attention)):
        if precision is not None:
            stated[field] = float(PRECISIONS.index(precision))
    if record.frozen:
        stated |= {"frozen": 1.0, "adapter_share": catalogue.get(Assumption, "lora-adapter-share").value}
    return record.forward, Recipe(**(stated | others))


@formula
def tuned_attention(asked: Values, zero_stage: Values, on_gpu: Values) -> Values:
    """Whether the vendor's kernels run beside products, as asked: else fully sharded training on GPUs has its own.

    Source: rows of ZeRO stage 3 in measurements/training.csv, most of which are PyTorch FSDP on GPUs; Zhao et al.
    (arXiv 2304.11277).
    """
    usual = np.where((np.asarray(zero_stage) >= 3.0) & (np.asarray(on_gpu) > 0.0), 0.0, 1.0)
    return np.where(np.asarray(asked) < 0.0, usual, asked)


def as_run(recipe: Recipe, layouts: Layouts, on_gpu: Values, on_tpu: Values) -> Recipe:
    """The recipe with what a layout and the class of a chip imply of the software."""
    serial = {}
    if np.any(np.asarray(recipe.blocking) > 0.0):
        serial = {name: alone(getattr(recipe, name), recipe.blocking) for name in OVERLAPS}
    return replace(
        recipe,
        tuned_attention=tuned_attention(recipe.tuned_attention, layouts.zero_stage, on_gpu),
        lean_recompute=compiled(recipe.lean_recompute, on_tpu),
        whole_graphs=compiled(recipe.whole_graphs, on_tpu),
        software_years=years_to_mature(recipe.software_years, on_tpu),
        **serial,
    )


@formula
def years_to_mature(since_release: Values, on_tpu: Values) -> Values:
    """Years that software had to mature: since the chip's release, but without end on TPUs.

    Their maker runs its own services on them before it lets them, so that software is mature when customers come.

    Source: Jouppi et al., TPU v4 (arXiv 2304.01433), abstract: in use since 2020, two years before it was let.
    """
    return np.where(np.asarray(on_tpu) > 0.0, np.inf, since_release)


@formula
def alone(hidden: Values, blocking: Values) -> Values:
    """The share of a transfer that compute may hide, as asked; none where every launch waits for the device.

    Source: NVIDIA, CUDA C++ Programming Guide, CUDA_LAUNCH_BLOCKING.
    """
    return np.where(np.asarray(blocking) > 0.0, 0.0, hidden)


@formula
def compiled(asked: Values, on_tpu: Values) -> Values:
    """What a compiler of the whole step brings: where it is asked for, and on TPUs.

    It leaves out of recomputation what no gradient needs, and no host waits within the step.

    Source: OpenXLA, dead code elimination; JAX documentation, `jax.checkpoint`: recomputed values that nothing uses;
    JAX documentation, `jax.jit`: shapes are known when a step is compiled.
    """
    return np.maximum(asked, on_tpu)
