"""Formulas of states kept in host memory or NVMe: what lies there, what crosses the host link, what compute hides.

Optimizer states stay on the host and are updated there: gradients go out, new weights come back. Activations go out
in the forward pass and come back in the backward pass. Weights come in once for each pass of every micro-batch.
"""

import numpy as np

from polysilicon.performance.pipeline import UPDATE_BYTES
from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula


@formula
def host_bytes(
    optimizer_bytes: Values,
    activation_bytes: Values,
    weight_bytes: Values,
    optimizer_share: Values,
    activation_share: Values,
    weight_share: Values,
) -> Values:
    """What one chip keeps in host memory, of states given as if all of them lay on the chip.

    Source: Ren et al., ZeRO-Offload (arXiv 2101.06840), section 4; Rajbhandari et al., ZeRO-Infinity
    (arXiv 2104.07857), section 5.
    """
    return optimizer_share * optimizer_bytes + activation_share * activation_bytes + weight_share * weight_bytes


@formula
def kept_on_chip_bytes(whole_bytes: Values, share: Values, buffer_bytes: Values) -> Values:
    """What stays on the chip of a state of which a share lies on the host: the rest, and the buffers in transit.

    Source: Rajbhandari et al., ZeRO-Infinity (arXiv 2104.07857), section 5.1: pinned buffers that are used again.
    """
    return whole_bytes * (1.0 - share) + np.minimum(buffer_bytes, whole_bytes * share)


@formula
def beside_batch_s(stage_s: Values, data_s: Values, micro_batches: Values, blocking: Values) -> Values:
    """Time of a micro-batch beside which the host link works: its compute, and the replicas' transfers beyond it.

    A transfer that compute doesn't hide makes room for one on the other link; the compute itself is there once. Nothing
    is beside anything where every launch waits for the device.

    Source: Rajbhandari et al., ZeRO-Infinity (arXiv 2104.07857), section 6.2, overlap of host and network transfers.
    """
    return (1.0 - blocking) * (stage_s + data_s / micro_batches)


@formula
def idle_link_s(moved_bytes: Values, link_bytes_per_s: Values, beside_s: Values) -> Values:
    """What a micro-batch's own transfers leave of the time beside which the host link works.

    Source: as `beside_batch_s`.
    """
    return np.maximum(beside_s - moved_bytes / link_bytes_per_s, 0.0)


@formula
def update_s(
    held_weights: Values,
    share: Values,
    gradient_bytes: Values,
    weight_bytes: Values,
    link_bytes_per_s: Values,
    update_bytes_per_s: Values,
    hideable_s: Values,
) -> Values:
    """Exposed time of an optimizer step on the host, once a step.

    `held_weights` are those whose optimizer states the chip answers for. Gradients leave while the backward pass
    still runs; the update waits for the last of them, and the new weights come back after it. `update_bytes_per_s` are
    those that the host reads and writes of a chip's states, well below what its memory could.

    Source: Ren et al., ZeRO-Offload (arXiv 2101.06840), sections 4 and 5; rates that were timed, in the notes of the
    assumption `host-update-gbs`.
    """
    own = share * held_weights
    out_s = np.maximum(own * gradient_bytes / link_bytes_per_s - hideable_s, 0.0)
    return out_s + own * UPDATE_BYTES / update_bytes_per_s + own * weight_bytes / link_bytes_per_s


@formula
def moved_batch_bytes(
    activation_bytes: Values, activation_share: Values, weight_bytes: Values, weight_share: Values
) -> Values:
    """What crosses the host link with every micro-batch, in its busier direction.

    Activations leave and come back, one direction each; weights come in for the forward and the backward pass.

    Source: Rajbhandari et al., ZeRO-Infinity (arXiv 2104.07857), section 4.1.
    """
    return activation_share * activation_bytes + 2.0 * weight_share * weight_bytes


@formula
def exposed_batch_s(moved_bytes: Values, link_bytes_per_s: Values, hideable_s: Values) -> Values:
    """Exposed host transfer of one micro-batch: what its compute on the chip doesn't cover.

    Source: Isaev et al., Calculon (SC'23, doi 10.1145/3581784.3607102), offload hidden behind a block's compute.
    """
    return np.maximum(moved_bytes / link_bytes_per_s - hideable_s, 0.0)


@formula
def offload_s(update_s: Values, exposed_batch_s: Values, micro_batches: Values) -> Values:
    """Exposed time of a step that keeping states on the host costs.

    Source: Rajbhandari et al., ZeRO-Infinity (arXiv 2104.07857), section 4.
    """
    return update_s + exposed_batch_s * micro_batches
