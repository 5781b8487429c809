"""What a training recipe fixes beside the layout: what is trained, what is kept, what the software does."""

from dataclasses import dataclass, replace

import numpy as np

from polysilicon.performance.layouts import Layouts
from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula


@dataclass(frozen=True)
class Recipe:
    """Each field a number, or a column with one entry a candidate.

    `frozen` is 1 where the base weights stay fixed (LoRA): no weight gradients, no optimizer, no gradient
    traffic for them; `adapter_share` is then the size of what is trained, as a share of the weights.
    `fused_attention` is 0 for software that writes the score matrix to memory; `tuned_attention` is 0 for a
    framework's own kernel instead of the vendor's. `graphs` is 1 where captured graphs launch the kernels,
    `blocking` is 1 where every launch waits for the device. `software_years` is how long the software had to
    mature since the chip's release. Bytes are a weight: `weight_bytes` of the working copy, `gradient_bytes` of the
    accumulated gradient, `reduce_bytes` of a gradient on the wire, `optimizer_bytes` of master copy and moments.
    """

    frozen: Values = 0.0
    adapter_share: Values = 0.0
    fused_attention: Values = 1.0
    tuned_attention: Values = 1.0
    graphs: Values = 0.0
    blocking: Values = 0.0
    software_years: Values = np.inf
    weight_bytes: Values = 2.0
    gradient_bytes: Values = 4.0
    reduce_bytes: Values = 4.0
    optimizer_bytes: Values = 12.0


@formula
def tuned_attention(tuned: Values, zero_stage: Values, on_gpu: Values) -> Values:
    """Whether the vendor's attention kernel runs: fully sharded training on GPUs takes the framework's own.

    Source: rows of ZeRO stage 3 in measurements/training.csv, which are PyTorch FSDP on GPUs; Zhao et al.
    (arXiv 2304.11277).
    """
    return tuned * np.where((np.asarray(zero_stage) >= 3.0) & (np.asarray(on_gpu) > 0.0), 0.0, 1.0)


def as_run(recipe: Recipe, layouts: Layouts, on_gpu: Values) -> Recipe:
    """The recipe with what a layout implies of the software."""
    return replace(recipe, tuned_attention=tuned_attention(recipe.tuned_attention, layouts.zero_stage, on_gpu))
