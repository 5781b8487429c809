"""One training step of a model of images, videos or texts: data-parallel, sharded, cut by tensors or context."""

from dataclasses import dataclass

import numpy as np

from polysilicon.performance import sample_parts as part
from polysilicon.performance.collectives import all_reduce_s, all_to_all_s, gather_s
from polysilicon.performance.efficiency import Efficiency
from polysilicon.performance.layer import core_backward
from polysilicon.performance.operators import exposed_s, streaming_s
from polysilicon.performance.pipeline import micro_batches, optimizer_bytes, waiting_s
from polysilicon.performance.rates import achieved_per_s
from polysilicon.performance.sample_rates import SampleRates
from polysilicon.performance.sharding import answered_weights, replicas, wire_bytes
from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula
from polysilicon.workloads.work import Work

# A working weight, its gradient, and the master copy with two moments: Rajbhandari et al., ZeRO (arXiv 1910.02054).
WEIGHT_BYTES, GRADIENT_BYTES, ADAM_BYTES = 2.0, 4.0, 12.0


@dataclass(frozen=True)
class SampleJob:
    """Everything the formulas read: one candidate, or a table of them. `recomputed` is 1 where layers run again."""

    work: Work
    global_batch: Values
    tp: Values
    cp: Values
    dp: Values
    micro_batch: Values
    zero_stage: Values
    recomputed: Values
    rates: SampleRates
    efficiency: Efficiency
    node_size: Values
    reserve_bytes: Values


@formula
def padded_batch(micro_batches: Values, micro_batch: Values, dp: Values) -> Values:
    """Samples that the replicas have room for: a micro-batch that is not full costs as much as a full one.

    Source: Narayanan et al. (arXiv 2104.04473), section 2.
    """
    return micro_batches * micro_batch * dp


@formula
def reduced_s(transfer_s: Values, zero_stage: Values, micro_batches: Values) -> Values:
    """Data-parallel transfers of a step: gradients scattered and weights gathered; stage 3 does so for every pass.

    Source: Rajbhandari et al., ZeRO (arXiv 1910.02054), section 7; Zhao et al., FSDP (arXiv 2304.11277), section 3.
    """
    return transfer_s * np.where(np.asarray(zero_stage) >= 3.0, 3.0 * micro_batches, 2.0)


@formula
def cut_bytes(samples: Values, tokens: Values, hidden: Values, cp: Values, element_bytes: Values) -> Values:
    """Activations of a block that chips exchange in a micro-batch.

    Source: Shoeybi et al., Megatron-LM (arXiv 1909.08053), section 3.
    """
    return samples * tokens * hidden * element_bytes / cp


@formula
def tensor_parallel_s(all_reduce_s: Values, layers: Values, recomputed: Values, micro_batches: Values) -> Values:
    """All-reduces at both block ends, forward and backward, over the layers and micro-batches of a step.

    Source: Shoeybi et al., Megatron-LM (arXiv 1909.08053), section 3.
    """
    return all_reduce_s * layers * (4.0 + 2.0 * recomputed) * micro_batches


@formula
def context_parallel_s(all_to_all_s: Values, layers: Values, recomputed: Values, micro_batches: Values) -> Values:
    """All-to-alls that turn slices of the sequence into heads and back: of queries, keys, values and the result.

    Source: Jacobs et al., DeepSpeed Ulysses (arXiv 2309.14509), section 3.
    """
    return all_to_all_s * layers * (8.0 + 4.0 * recomputed) * micro_batches


@formula
def busy_s(
    products_s: Values,
    attention_s: Values,
    streams_s: Values,
    frozen_s: Values,
    kernels_s: Values,
    tensor_s: Values,
    context_s: Values,
    data_s: Values,
    optimizer_s: Values,
) -> Values:
    """Time of a step before waiting: its parts follow one another.

    Source: Isaev et al., Calculon (SC'23, doi 10.1145/3581784.3607102).
    """
    compute = products_s + attention_s + streams_s + frozen_s + kernels_s + optimizer_s
    return compute + tensor_s + context_s + data_s


def sample_parts(job: SampleJob) -> dict[str, Values]:
    """Where the step of each candidate goes [s]; the parts sum to `step_s`."""
    one, work, e = job.rates, job.work, job.efficiency
    chips, own = job.tp * job.cp * job.dp, work.parameters / job.tp
    batches = micro_batches(job.global_batch, job.dp, job.micro_batch)
    samples = part.chip_samples(padded_batch(batches, job.micro_batch, job.dp), chips)
    again = part.passes(2.0, job.recomputed)
    products = part.arithmetic_s(samples, work.product_flop, again, one.product_flop_per_s)
    core_passes = part.passes(core_backward(1.0), job.recomputed)
    core_rate = achieved_per_s(one.wide_flop_per_s, e["core"], 1.0)
    attention = part.arithmetic_s(samples, work.core_flop, core_passes, core_rate)
    moved = part.moved_bytes(samples, work.moved_elements, own, batches, again, one.element_bytes)
    streams = streaming_s(moved, one.stream_bytes_per_s)
    tensor, context = _cut(job, batches)
    adapted = optimizer_bytes(own, 0.0, replicas(job.dp, job.cp), 1.0, job.zero_stage, 0.0, 0.0)
    parts = {
        "products_s": products,
        "attention_s": attention,
        "streams_s": streams,
        "frozen_s": part.arithmetic_s(samples, work.frozen_flop, part.passes(0.0, 0.0), one.product_flop_per_s),
        "kernels_s": part.kernels_s(work.kernels, again, batches, e["kernel_s"]),
        "tensor_s": tensor,
        "context_s": context,
        "data_s": _data(job, products + attention + streams, batches),
        "optimizer_s": streaming_s(adapted, one.stream_bytes_per_s),
    }
    busy = busy_s(**parts)
    overhead = waiting_s(busy, e["step_s"], chips, job.node_size, e["straggle"])
    return {"step_s": part.step_s(busy, overhead), **parts, "overhead_s": overhead}


def _cut(job: SampleJob, batches: Values) -> tuple[Values, Values]:
    """Exchanges of tensor and context parallelism; nothing where the degree is 1."""
    one, work = job.rates, job.work
    tensor = cut_bytes(job.micro_batch, work.tokens, work.hidden, job.cp, one.element_bytes)
    context = cut_bytes(job.micro_batch, work.tokens, work.hidden / job.tp, job.cp, one.element_bytes)
    reduced = all_reduce_s(tensor, job.tp, one.near(job.tp, 1.0), *one.links)
    turned = all_to_all_s(context, job.cp, one.near(job.cp, job.tp), *one.links)
    return (
        tensor_parallel_s(reduced, work.layers, job.recomputed, batches),
        context_parallel_s(turned, work.layers, job.recomputed, batches),
    )


def _data(job: SampleJob, hideable_s: Values, batches: Values) -> Values:
    """Exposed data-parallel transfers."""
    one, ranks = job.rates, replicas(job.dp, job.cp)
    whole = wire_bytes(job.work.parameters / job.tp, one.element_bytes)
    once = gather_s(whole, ranks, one.near(ranks, job.tp), *one.links)
    return exposed_s(reduced_s(once, job.zero_stage, batches), hideable_s, job.efficiency["data_overlap"])


def sample_memory(job: SampleJob) -> dict[str, Values]:
    """Bytes of the fullest chip by kind; the kinds sum to `memory_bytes`."""
    work, ranks, stage = job.work, replicas(job.dp, job.cp), job.zero_stage
    own = work.parameters / job.tp
    weights = wire_bytes(answered_weights(own, 0.0, ranks, 1.0, stage, 3.0), WEIGHT_BYTES)
    gradients = wire_bytes(answered_weights(own, 0.0, ranks, 1.0, stage, 2.0), GRADIENT_BYTES)
    optimizer = wire_bytes(answered_weights(own, 0.0, ranks, 1.0, stage, 1.0), ADAM_BYTES)
    elements = np.where(np.asarray(job.recomputed) > 0.0, work.edge_elements, work.kept_elements)
    kept = part.kept_sample_bytes(job.micro_batch / (job.tp * job.cp), elements, job.rates.element_bytes)
    return part.held(
        {
            "weight_bytes": weights,
            "gradient_bytes": gradients,
            "optimizer_bytes": optimizer,
            "activation_bytes": kept,
            "reserve_bytes": job.reserve_bytes,
        }
    )
