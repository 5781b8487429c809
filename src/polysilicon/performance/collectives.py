"""Time of collectives over the two real levels of a cluster: the scale-up domain and the network beyond it.

A group of `ranks` chips whose neighbours stand `stride` chips apart lies inside one domain when
`ranks * stride <= scaleup_domain`; otherwise `inside` of its ranks share a domain, and every chip drives its own
share of the network, so the domain's members move the data between domains together.
"""

import numpy as np

from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula


@formula
def inside(ranks: Values, stride: Values, scaleup_domain: Values) -> Values:
    """How many ranks of a group share one scale-up domain.

    Source: Narayanan et al., Megatron-LM (SC21, arXiv 2104.04473), section 3: placement of parallel groups.
    """
    return np.clip(np.floor(scaleup_domain / stride), 1.0, ranks)


@formula
def gather_s(
    whole_bytes: Values,
    ranks: Values,
    inside: Values,
    scaleup_bytes_per_s: Values,
    scaleout_bytes_per_s: Values,
    scaleup_latency_s: Values,
    scaleout_latency_s: Values,
) -> Values:
    """All-gather (or its mirror, reduce-scatter) of `whole_bytes` in all, ring by ring on each level.

    Source: Thakur, Rabenseifner, Gropp, Optimization of Collective Communication Operations in MPICH (IJHPCA
    19(1), 2005), ring allgather; Hockney (Parallel Computing 20(3), 1994), alpha-beta; hierarchical rings as in
    NVIDIA NCCL.
    """
    domains = np.ceil(ranks / inside)
    within = whole_bytes * (inside - 1.0) / inside / scaleup_bytes_per_s + (inside - 1.0) * scaleup_latency_s
    between = (
        whole_bytes / inside * (domains - 1.0) / domains / scaleout_bytes_per_s
        + np.log2(np.maximum(domains, 1.0)) * scaleout_latency_s
    )
    return np.where(inside > 1.0, within, 0.0) + np.where(domains > 1.0, between, 0.0)


@formula
def all_reduce_s(
    whole_bytes: Values,
    ranks: Values,
    inside: Values,
    scaleup_bytes_per_s: Values,
    scaleout_bytes_per_s: Values,
    scaleup_latency_s: Values,
    scaleout_latency_s: Values,
) -> Values:
    """All-reduce: a reduce-scatter, then an all-gather.

    Source: Thakur, Rabenseifner, Gropp (IJHPCA 19(1), 2005), Rabenseifner's algorithm.
    """
    return 2.0 * gather_s(
        whole_bytes,
        ranks,
        inside,
        scaleup_bytes_per_s,
        scaleout_bytes_per_s,
        scaleup_latency_s,
        scaleout_latency_s,
    )


@formula
def all_to_all_s(
    sent_bytes: Values,
    ranks: Values,
    inside: Values,
    scaleup_bytes_per_s: Values,
    scaleout_bytes_per_s: Values,
    scaleup_latency_s: Values,
    scaleout_latency_s: Values,
) -> Values:
    """All-to-all in which each rank holds `sent_bytes`, spread evenly over all ranks, itself included.

    Both levels run at once; the slower one sets the pace.

    Source: Thakur, Rabenseifner, Gropp (IJHPCA 19(1), 2005), pairwise exchange; DeepSeek-AI, DeepEP (2025).
    """
    within = sent_bytes * (inside - 1.0) / ranks / scaleup_bytes_per_s + scaleup_latency_s
    between = sent_bytes * (ranks - inside) / ranks / scaleout_bytes_per_s + scaleout_latency_s
    return np.maximum(np.where(inside > 1.0, within, 0.0), np.where(ranks > inside, between, 0.0))


@formula
def send_s(sent_bytes: Values, bytes_per_s: Values, latency_s: Values) -> Values:
    """One message from one chip to another.

    Source: Hockney, The communication challenge for MPP (Parallel Computing 20(3), 1994).
    """
    return sent_bytes / bytes_per_s + latency_s
