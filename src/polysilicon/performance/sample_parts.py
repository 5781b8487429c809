"""Formulas of one training step over samples: what recommenders, image models and encoders share."""

from collections.abc import Mapping

from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula


@formula
def chip_samples(global_batch: Values, chips: Values) -> Values:
    """Samples of one step that fall on one chip.

    Source: Goyal et al., Accurate, Large Minibatch SGD (arXiv 1706.02677), section 2.
    """
    return global_batch / chips


@formula
def passes(backward: Values, recomputed: Values) -> Values:
    """Passes over the operators in units of the forward one.

    Source: Kaplan et al. (arXiv 2001.08361), section 2.1; Chen et al. (arXiv 1604.06174) for computing again.
    """
    return 1.0 + backward + recomputed


@formula
def arithmetic_s(samples: Values, flop: Values, passes: Values, flop_per_s: Values) -> Values:
    """Time of a chip's arithmetic of one kind in a step.

    Source: Williams, Waterman, Patterson, Roofline (CACM 52(4), 2009).
    """
    return samples * flop * passes / flop_per_s


@formula
def moved_bytes(
    samples: Values,
    elements: Values,
    parameters: Values,
    micro_batches: Values,
    passes: Values,
    element_bytes: Values,
) -> Values:
    """Traffic of a step on one chip: every operator's inputs and results, and the weights once a micro-batch and pass.

    Source: Ivanov et al., Data Movement Is All You Need (arXiv 2007.00072).
    """
    return passes * element_bytes * (samples * elements + micro_batches * parameters)


@formula
def kernels_s(kernels: Values, passes: Values, micro_batches: Values, kernel_s: Values) -> Values:
    """What starting, ramping up and draining kernels adds to their work.

    Source: NVIDIA, CUDA C++ Programming Guide, asynchronous execution; the time of one from the fit.
    """
    return kernels * passes * micro_batches * kernel_s


@formula
def step_s(busy_s: Values, overhead_s: Values) -> Values:
    """Time of one training step over samples.

    Source: Isaev et al., Calculon (SC'23, doi 10.1145/3581784.3607102).
    """
    return busy_s + overhead_s


@formula
def samples_per_s(global_batch: Values, step_s: Values) -> Values:
    """Samples that all chips together train in a second.

    Source: MLCommons, MLPerf Training rules, throughput.
    """
    return global_batch / step_s


@formula
def kept_sample_bytes(samples: Values, elements: Values, element_bytes: Values) -> Values:
    """Activations that the backward pass needs again.

    Source: Chen et al., Training Deep Nets with Sublinear Memory Cost (arXiv 1604.06174).
    """
    return samples * elements * element_bytes


@formula
def memory_bytes(
    weight_bytes: Values,
    gradient_bytes: Values,
    optimizer_bytes: Values,
    activation_bytes: Values,
    reserve_bytes: Values,
) -> Values:
    """Memory of the fullest chip: states, activations, and what the runtime holds besides.

    Source: Rajbhandari et al. (arXiv 1910.02054), section 3.
    """
    return weight_bytes + gradient_bytes + optimizer_bytes + activation_bytes + reserve_bytes


@formula
def lookup_bytes(lookups: Values, embedding_dim: Values, element_bytes: Values) -> Values:
    """Embedding rows that one sample reads, each in full.

    Source: Naumov et al., DLRM (arXiv 1906.00091), section 2.1.
    """
    return lookups * embedding_dim * element_bytes


def held(kinds: Mapping[str, Values]) -> dict[str, Values]:
    """The kinds of memory and, before them, their sum."""
    return {"memory_bytes": memory_bytes(**kinds), **kinds}
