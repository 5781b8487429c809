"""What a batch of samples takes on a replica: chips at their peaks, hosts that keep tables, and what is fixed.

Formulas of one forward pass. Where a host keeps the tables it looks rows up and pools them while the chips compute
for the batch before: the slower of the two sets the pace, and an answer passes through both.
"""

from dataclasses import dataclass

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.collectives import all_to_all_s, inside
from polysilicon.performance.diffusion import image_s
from polysilicon.performance.efficiency import efficiency_of
from polysilicon.performance.recommender import sample_bound_s
from polysilicon.performance.sample_jobs import kind_of
from polysilicon.performance.sample_parts import kernels_s, lookup_bytes
from polysilicon.performance.serving_formats import computed_in
from polysilicon.performance.table_places import Settled
from polysilicon.performance.training import latencies_s
from polysilicon.performance.values import BYTES_PER_ELEMENT, Values
from polysilicon.records.errors import InputError
from polysilicon.records.recorder import formula
from polysilicon.workloads.model import Encoder, Recommender
from polysilicon.workloads.recommender import table_parameters
from polysilicon.workloads.samples import Sampled, sample_work


@dataclass(frozen=True)
class Batch:
    """Times of batches at full rates, one entry a batch, and what a chip and its host hold.

    `chip_s` and `host_s` are of the busiest chip and its host; `kernels_s` is what launching adds, whatever the size.
    """

    chip_s: Values
    host_s: Values
    kernels_s: float
    chip_bytes: float
    host_bytes: float


@formula
def pass_s(arithmetic_s: Values, weights_s: Values) -> Values:
    """Time of a forward pass at full rates: arithmetic, or reading every weight once, whichever takes longer.

    Source: Williams, Waterman, Patterson, Roofline (CACM 52(4), 2009).
    """
    longer: Values = np.maximum(arithmetic_s, weights_s)
    return longer


@formula
def host_lookup_s(rows_s: Values, vectors_s: Values) -> Values:
    """Rows that a host reads and pools while the pooled vectors of earlier ones cross to the chip.

    Source: Ke et al., RecNMP (arXiv 1912.12953), section 2; Gupta et al. (arXiv 1906.03109), section 3.
    """
    longer: Values = np.maximum(rows_s, vectors_s)
    return longer


@formula
def batch_pace_s(fixed_s: Values, chip_s: Values, host_s: Values, share: Values) -> Values:
    """Time between batches: chips and hosts work side by side on different batches, and the slower sets the pace.

    Source: Gupta et al., DeepRecSys (arXiv 2001.02772), section 4; the share of the bound is an assumption.
    """
    pace: Values = fixed_s + np.maximum(chip_s, host_s) / share
    return pace


@formula
def batch_through_s(fixed_s: Values, chip_s: Values, host_s: Values, share: Values) -> Values:
    """Time from the start of a batch to its answers: look-ups on the host come before the chip's work.

    Source: Gupta et al., DeepRecSys (arXiv 2001.02772), section 2.
    """
    return fixed_s + (chip_s + host_s) / share


def batch_of(
    catalogue: Catalogue, model: Sampled, cluster: Cluster, tables: Settled, precision: str, samples: Values
) -> Batch:
    """Times of batches that bring each chip so many `samples`.

    Raises:
        InputError: the chip states no matrix peak for the precision or a wider one.
    """
    if precision not in BYTES_PER_ELEMENT:
        raise InputError("unknown precision", found=precision, allowed=sorted(BYTES_PER_ELEMENT))
    if isinstance(model, Recommender):
        return _ranked(catalogue, model, cluster, tables, precision, samples)
    work, rounds = sample_work(model), 1.0
    calls = 1.0
    if not isinstance(model, Encoder):
        rounds, calls = float(model.steps * model.guidance_passes), float(model.steps)
    weights = float(work.parameters) * BYTES_PER_ELEMENT[precision]
    arithmetic = image_s(samples * work.flop, rounds, peak_of(cluster, precision))
    read = weights / float(cluster.memory_bytes_per_s) * calls
    launched = kernels_s(work.kernels, 1.0, calls, efficiency_of(catalogue, cluster.chip, kind_of(model))["kernel_s"])
    return Batch(pass_s(arithmetic, read), np.zeros_like(arithmetic), float(launched), weights, 0.0)


def peak_of(cluster: Cluster, precision: str) -> float:
    """The matrix peak that a chip computes `precision` at.

    Raises:
        InputError: it states none, nor one of a wider precision.
    """
    return float(cluster.peak_flop_per_s[computed_in(precision, cluster.peak_flop_per_s)])


def _ranked(
    catalogue: Catalogue, model: Recommender, cluster: Cluster, tables: Settled, precision: str, samples: Values
) -> Batch:
    """A recommender's batch: rows from where the tables lie, the exchange of vectors, the perceptrons."""
    work, size = sample_work(model), tables.element_bytes
    rows = float(lookup_bytes(float(sum(model.lookups)), float(model.embedding_dim), size))
    vectors = len(model.rows) * model.embedding_dim * size
    near = samples * rows * tables.near_hits / float(cluster.memory_bytes_per_s)
    weights = float(work.parameters) * BYTES_PER_ELEMENT[precision]
    dense = pass_s(samples * work.flop / peak_of(cluster, precision), weights / float(cluster.memory_bytes_per_s))
    chip = sample_bound_s(near, dense, _exchanged_s(catalogue, cluster, samples * vectors))
    host: Values = np.zeros_like(chip)
    if tables.far:
        missed = samples * (1.0 - tables.near_hits)
        rows_s, vectors_s = missed * rows / tables.far_bytes_per_s, missed * vectors / tables.link_bytes_per_s
        host = host_lookup_s(rows_s, vectors_s)
    launched = kernels_s(
        work.kernels + len(model.rows), 1.0, 1.0, efficiency_of(catalogue, cluster.chip, kind_of(model))["kernel_s"]
    )
    held = table_parameters(model) * size / float(cluster.chips)
    here, there = (weights, held) if tables.far else (weights + held, 0.0)
    return Batch(chip, host, float(launched), here, there)


def _exchanged_s(catalogue: Catalogue, cluster: Cluster, vector_bytes: Values) -> Values:
    """The all-to-all that brings each sample its vectors; nothing on one chip."""
    if cluster.chips <= 1:
        return np.zeros_like(vector_bytes)
    ranks = np.float64(cluster.chips)
    near = inside(ranks, 1.0, cluster.scaleup_domain)
    links = cluster.scaleup_bytes_per_s, cluster.scaleout_bytes_per_s
    return all_to_all_s(vector_bytes, ranks, near, *links, *latencies_s(catalogue))
