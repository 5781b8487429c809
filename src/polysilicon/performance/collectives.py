"""Time of collectives over the two real levels of a cluster: the scale-up domain and the network beyond it.

A group of `ranks` chips whose neighbours stand `stride` chips apart lies inside one domain when
`ranks * stride <= scaleup_domain`; otherwise `inside` of its ranks share a domain, and every chip drives its own
share of the network, so the domain's members move the data between domains together.

The parameters were fitted with rings on each level (`hierarchical`), so that is what a job takes unless its recipe
says otherwise; `auto` is the fastest of all that the fabric offers.
"""

import numpy as np

from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula

ALGORITHMS = ("hierarchical", "ring", "tree", "in_network", "auto")


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


@formula
def ring_bytes_per_s(
    ranks: Values, inside: Values, scaleup_bytes_per_s: Values, scaleout_bytes_per_s: Values
) -> Values:
    """Bandwidth of rings through all ranks: a domain's members enter and leave it over all their network cards.

    Source: NVIDIA NCCL documentation, rings over several network cards; Thakur, Rabenseifner, Gropp (IJHPCA 19(1),
    2005), ring algorithm.
    """
    edge = np.minimum(scaleup_bytes_per_s, inside * scaleout_bytes_per_s)
    return np.where(ranks > inside, edge, scaleup_bytes_per_s)


@formula
def ring_hops_s(ranks: Values, inside: Values, scaleup_latency_s: Values, scaleout_latency_s: Values) -> Values:
    """Latency of one way through all ranks, domain by domain.

    Source: Thakur, Rabenseifner, Gropp (IJHPCA 19(1), 2005), ring allgather.
    """
    domains = np.ceil(ranks / inside)
    return (ranks - domains) * scaleup_latency_s + np.where(domains > 1.0, domains, 0.0) * scaleout_latency_s


@formula
def broadcasts_s(
    whole_bytes: Values,
    messages: Values,
    ranks: Values,
    inside: Values,
    ring_bytes_per_s: Values,
    scaleup_latency_s: Values,
    scaleout_latency_s: Values,
) -> Values:
    """Broadcasts one after another, `whole_bytes` in all, each in a chain through all ranks.

    Source: NVIDIA NCCL, `src/graph/tuning.cc`: a broadcast has no other algorithm than the ring; Thakur, Rabenseifner,
    Gropp (IJHPCA 19(1), 2005).
    """
    hops_s = ring_hops_s(ranks, inside, scaleup_latency_s, scaleout_latency_s)
    return np.where(ranks > 1.0, whole_bytes / ring_bytes_per_s + messages * hops_s, 0.0)


@formula
def ring_gather_s(
    whole_bytes: Values,
    ranks: Values,
    inside: Values,
    ring_bytes_per_s: Values,
    scaleup_latency_s: Values,
    scaleout_latency_s: Values,
) -> Values:
    """All-gather (or reduce-scatter) in one ring over both levels: bandwidth is not paid twice, latency mounts up.

    Source: Thakur, Rabenseifner, Gropp (IJHPCA 19(1), 2005), ring allgather.
    """
    hops_s = ring_hops_s(ranks, inside, scaleup_latency_s, scaleout_latency_s)
    return whole_bytes * (ranks - 1.0) / ranks / ring_bytes_per_s + hops_s


@formula
def tree_all_reduce_s(
    whole_bytes: Values,
    ranks: Values,
    inside: Values,
    ring_bytes_per_s: Values,
    scaleup_latency_s: Values,
    scaleout_latency_s: Values,
) -> Values:
    """All-reduce by two trees over the domains, with a chain inside each: latency grows with their logarithm.

    Source: Sanders, Speck, Traeff, Two-tree algorithms for full bandwidth broadcast, reduction and scan (Parallel
    Computing 35(12), 2009); Jeaugey, Massively scale your deep learning training with NCCL 2.4 (NVIDIA, 2019).
    """
    depth = np.ceil(np.log2(np.maximum(np.ceil(ranks / inside), 1.0)))
    hops_s = (inside - 1.0) * scaleup_latency_s + depth * scaleout_latency_s
    return np.where(ranks > 1.0, 2.0 * (whole_bytes / ring_bytes_per_s + hops_s), 0.0)


@formula
def in_network_all_reduce_s(
    whole_bytes: Values,
    ranks: Values,
    inside: Values,
    scaleup_bytes_per_s: Values,
    scaleout_bytes_per_s: Values,
    scaleup_latency_s: Values,
    scaleout_latency_s: Values,
    reducing_scaleup: Values,
    reducing_scaleout: Values,
) -> Values:
    """All-reduce whose sums the switches make, at the levels whose switches can; rings at the others.

    In a domain every chip reads its reduced slice and writes it to all at once, which moves the data once and a
    slice more. Between domains each chip sends its slice once and receives it once. Two members gain nothing.

    Source: Graham et al., Scalable Hierarchical Aggregation Protocol (COMHPC 2016, doi 10.1109/COMHPC.2016.006);
    NVIDIA H100 white paper (2022), NVLink SHARP.
    """
    domains, slice_bytes = np.ceil(ranks / inside), whole_bytes / inside
    up_ring = 2.0 * (slice_bytes * (inside - 1.0) / scaleup_bytes_per_s + (inside - 1.0) * scaleup_latency_s)
    up_switch = (whole_bytes + slice_bytes) / scaleup_bytes_per_s + 2.0 * scaleup_latency_s
    depth_s = np.log2(np.maximum(domains, 1.0)) * scaleout_latency_s
    out_ring = 2.0 * (slice_bytes * (domains - 1.0) / domains / scaleout_bytes_per_s + depth_s)
    out_switch = slice_bytes / scaleout_bytes_per_s + 2.0 * scaleout_latency_s
    up = np.where(np.asarray(reducing_scaleup) > 0.0, np.minimum(up_switch, up_ring), up_ring)
    out = np.where(np.asarray(reducing_scaleout) > 0.0, np.minimum(out_switch, out_ring), out_ring)
    return np.where(inside > 1.0, up, 0.0) + np.where(domains > 1.0, out, 0.0)


@formula
def ring_all_reduce_s(ring_gather_s: Values) -> Values:
    """All-reduce on a ring: a reduce-scatter, and a gather that takes as long.

    Source: Patarasuk and Yuan (J. Parallel Distrib. Comput. 69(2), 2009).
    """
    return 2.0 * ring_gather_s


@formula
def chosen_all_reduce_s(
    hierarchical_s: Values, ring_s: Values, tree_s: Values, in_network_s: Values, algorithm: Values
) -> Values:
    """Time of an all-reduce by the algorithm that is asked for, a position in `ALGORITHMS`; `auto` is the fastest.

    Source: NVIDIA NCCL documentation, NCCL_ALGO: the library's own choice by predicted time.
    """
    fastest = np.minimum(np.minimum(hierarchical_s, ring_s), np.minimum(tree_s, in_network_s))
    chosen = np.where(algorithm == 1.0, ring_s, np.where(algorithm == 2.0, tree_s, hierarchical_s))
    return np.where(algorithm == 3.0, in_network_s, np.where(algorithm == 4.0, fastest, chosen))


@formula
def chosen_gather_s(hierarchical_s: Values, ring_s: Values, algorithm: Values) -> Values:
    """Time of an all-gather or reduce-scatter; trees and switches don't move less for them, so rings remain.

    Source: NVIDIA NCCL documentation, NCCL_ALGO: trees serve all-reduce only.
    """
    chosen = np.where(algorithm == 1.0, ring_s, hierarchical_s)
    return np.where(algorithm == 4.0, np.minimum(hierarchical_s, ring_s), chosen)
