"""Memory of the fullest chip in training, to the byte, by kind.

The fullest pipeline stage is the first, the second or the last. The first holds the embedding and most micro-batches
in flight; the last holds the head and the logits; where the layers don't divide evenly those two have a layer less,
and the second may be fuller. What is counted is what an allocator hands out; what it holds of the device has fragments
besides; and what the driver shows for the process, which has to fit, also the runtime and the collectives' buffers.
"""

from dataclasses import dataclass
from functools import reduce

import numpy as np

from polysilicon.performance.job import Job
from polysilicon.performance.stages import (
    Common,
    Stage,
    common,
    gathered_bytes,
    held_activations,
    host_bytes,
    on_chip_bytes,
    on_chip_states,
    stages,
)
from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula

KINDS = ("weight", "gradient", "optimizer", "gathered", "activation", "logit", "reserve")


@dataclass(frozen=True)
class Memory:
    """Bytes on the fullest chip; the kinds sum to `memory_bytes`. Each a number or a column.

    `memory_bytes` is what the driver shows for the process, `reserved_bytes` what the allocator holds of it,
    `allocated_bytes` the peak of what it hands out; `host_bytes` is what the chip keeps in host memory.
    """

    memory_bytes: Values
    weight_bytes: Values
    gradient_bytes: Values
    optimizer_bytes: Values
    gathered_bytes: Values
    activation_bytes: Values
    logit_bytes: Values
    reserve_bytes: Values
    allocated_bytes: Values
    reserved_bytes: Values
    host_bytes: Values

    def columns(self) -> dict[str, Values]:
        """The whole and its kinds by name."""
        return {f"{name}_bytes": getattr(self, f"{name}_bytes") for name in ("memory", *KINDS)}

    def peaks(self) -> dict[str, Values]:
        """The whole as each kind of source prints it; `computed` leaves out what only a run shows."""
        return {
            "computed": self.allocated_bytes,
            "allocated": self.allocated_bytes,
            "reserved": self.reserved_bytes,
            "process": self.memory_bytes,
        }


@formula
def activation_bytes(stage_activation_bytes: Values, working_bytes: Values, logit_bytes: Values) -> Values:
    """Activations at the peak: what the stage holds, and the layer at work unless the peak is at the logits.

    Source: Korthikanti et al. (arXiv 2205.05198), section 4.2.3.
    """
    return stage_activation_bytes + np.where(np.asarray(logit_bytes) > 0.0, 0.0, working_bytes)


@formula
def logit_bytes(head_kept_bytes: Values, working_bytes: Values, has_head: Values) -> Values:
    """What the head adds at the peak of its stage: all it holds where that is more than a layer at work needs.

    Source: Shoeybi et al., Megatron-LM (arXiv 1909.08053), section 3.
    """
    return np.where((head_kept_bytes > working_bytes) & (np.asarray(has_head) > 0.0), head_kept_bytes, 0.0)


@formula
def peak_bytes(
    stage_activation_bytes: Values, working_bytes: Values, head_kept_bytes: Values, has_head: Values
) -> Values:
    """Activations and logits at the peak of a stage: the sum of `activation_bytes` and `logit_bytes`.

    Source: Korthikanti et al. (arXiv 2205.05198), section 4.2.3.
    """
    return stage_activation_bytes + np.maximum(working_bytes, head_kept_bytes * has_head)


@formula
def stage_bytes(states_bytes: Values, gathered_bytes: Values, peak_bytes: Values) -> Values:
    """Allocated bytes of a stage: the sum that `allocated_bytes` takes kind by kind.

    Source: Rajbhandari et al. (arXiv 1910.02054), section 3; Korthikanti et al. (arXiv 2205.05198), section 4.
    """
    return states_bytes + gathered_bytes + peak_bytes


@formula
def allocated_bytes(
    weight_bytes: Values,
    gradient_bytes: Values,
    optimizer_bytes: Values,
    gathered_bytes: Values,
    activation_bytes: Values,
    logit_bytes: Values,
) -> Values:
    """Peak of what the allocator hands out: all that is counted.

    Source: Rajbhandari et al. (arXiv 1910.02054), section 3; Korthikanti et al. (arXiv 2205.05198), section 4.
    """
    states_bytes = weight_bytes + gradient_bytes + optimizer_bytes + gathered_bytes
    return states_bytes + (activation_bytes + logit_bytes)


@formula
def reserved_bytes(allocated_bytes: Values, fragment_share: Values) -> Values:
    """What the allocator holds of the device: what it handed out at the peak, and fragments.

    Source: fit of the rows of measurements/training.csv that state a peak.
    """
    return allocated_bytes * (1.0 + fragment_share)


@formula
def groups(tp: Values, pp: Values, dp: Values, cp: Values, ep: Values) -> Values:
    """Groups of chips that one chip talks to, each through buffers of its own: one for each degree above one.

    Source: NVIDIA, NCCL documentation, communicators; Narayanan et al. (arXiv 2104.04473), section 3.
    """
    return sum((np.where(np.asarray(one) > 1.0, 1.0, 0.0) for one in (tp, pp, dp, cp, ep)), 0.0)


@formula
def memory_bytes(reserved_bytes: Values, groups: Values, runtime_bytes: Values, group_bytes: Values) -> Values:
    """What the driver shows for the process: the allocator's memory, the runtime and the collectives' buffers.

    Source: fit of the rows of measurements/training.csv that state a peak.
    """
    return reserved_bytes + (runtime_bytes + groups * group_bytes)


@formula
def reserve_bytes(memory_bytes: Values, allocated_bytes: Values) -> Values:
    """What the process holds beyond what is counted.

    Source: Rajbhandari et al. (arXiv 1910.02054), section 3.2, residual memory.
    """
    return memory_bytes - allocated_bytes


@formula
def fuller(bytes_one: Values, bytes_other: Values, of_one: Values, of_other: Values) -> Values:
    """What the fuller of two stages holds; of equally full ones, the first.

    Source: Narayanan et al. (arXiv 2104.04473), section 2.2.
    """
    return np.where(np.asarray(bytes_other) > bytes_one, of_other, of_one)


def memory(job: Job) -> Memory:
    """Memory of the fullest chip of each candidate, by kind."""
    shared = common(job)
    each = [_held(job, shared, stage, *end) for stage in stages(job) for end in stage.ends]
    weight, gradient, optimizer, gathered, activation, logit, host = reduce(_fuller, each)
    kinds = weight, gradient, optimizer, gathered, activation, logit
    allocated = allocated_bytes(*kinds)
    reserved = reserved_bytes(allocated, job.efficiency["fragment_share"])
    used = _used(job, reserved)
    return Memory(used, *kinds, reserve_bytes(used, allocated), allocated, reserved, host)


def _held(job: Job, shared: Common, stage: Stage, in_flight: Values, has_head: Values) -> tuple[Values, ...]:
    """Bytes of a stage on one chip by kind, but for the reserve, and what it keeps on its host."""
    logits = logit_bytes(shared.head, shared.working, has_head)
    held = held_activations(job, shared, stage, in_flight, has_head)
    return (
        *on_chip_states(job, shared, stage),
        gathered_bytes(job, shared, stage),
        activation_bytes(held, shared.working, logits),
        logits,
        host_bytes(job, shared, stage, in_flight),
    )


def _fuller(one: tuple[Values, ...], other: tuple[Values, ...]) -> tuple[Values, ...]:
    sums = allocated_bytes(*one[:-1]), allocated_bytes(*other[:-1])
    return tuple(fuller(*sums, *pair) for pair in zip(one, other, strict=True))


def needed_bytes(job: Job) -> Values:
    """`memory(job).memory_bytes` alone, for those who ask for many candidates: stages alike are summed once."""
    shared = common(job)
    allocated = reduce(np.maximum, [_peak(job, shared, one) for one in stages(job)])
    return _used(job, reserved_bytes(allocated, job.efficiency["fragment_share"]))


def _peak(job: Job, shared: Common, stage: Stage) -> Values:
    """Allocated bytes of the fullest of stages that hold alike weights."""
    peaks = [
        peak_bytes(held_activations(job, shared, stage, in_flight, has_head), shared.working, shared.head, has_head)
        for in_flight, has_head in stage.ends
    ]
    held = on_chip_bytes(job, shared, stage), gathered_bytes(job, shared, stage)
    return stage_bytes(*held, reduce(np.maximum, peaks))


def _used(job: Job, reserved: Values) -> Values:
    cut, fitted = job.layouts, job.efficiency
    joined = groups(cut.tp, cut.pp, cut.dp, cut.cp, cut.ep)
    return memory_bytes(reserved, joined, fitted["runtime_bytes"], fitted["group_bytes"])
