"""What a batch of samples takes on a replica: chips at their peaks, hosts that keep tables, and what is fixed.

Formulas of one forward pass. Where a host keeps the tables it looks rows up and pools them while the chips compute
for the batch before: the slower of the two sets the pace, and an answer passes through both.
"""

from dataclasses import dataclass

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.collectives import all_to_all_s, inside
from polysilicon.performance.efficiency import efficiency_of
from polysilicon.performance.recommender import sample_bound_s
from polysilicon.performance.sample_jobs import kind_of
from polysilicon.performance.sample_parts import arithmetic_s, kernels_s, lookup_bytes
from polysilicon.performance.samples import stored_bytes
from polysilicon.performance.serving_formats import computed_in
from polysilicon.performance.table_places import Settled
from polysilicon.performance.values import BYTES_PER_ELEMENT, Values
from polysilicon.records.errors import InputError, Place
from polysilicon.records.names import nearest
from polysilicon.records.recorder import formula
from polysilicon.workloads.model import Encoder, Recommender
from polysilicon.workloads.recommender import table_parameters
from polysilicon.workloads.samples import Sampled, sample_work


@dataclass(frozen=True)
class Served:
    """What the formulas read of a model on a chip: one sample's forward pass and, of a recommender, its tables.

    A sample takes `passes` over the operators in `calls` of the model, each of which reads every weight once. `tables`
    is 0 for a model without any.
    """

    flop: Values
    parameters: Values
    kernels: Values
    passes: Values
    calls: Values
    weight_bytes: Values
    flop_per_s: Values
    kernel_s: Values
    tables: Values = 0.0
    lookups: Values = 0.0
    embedding_dim: Values = 0.0
    table_parameters: Values = 0.0


@dataclass(frozen=True)
class Batch:
    """Times of batches at full rates, one entry a batch: of the busiest chip, of its host, and of launching."""

    chip_s: Values
    host_s: Values
    launching_s: Values


@formula
def weights_s(parameters: Values, weight_bytes: Values, calls: Values, bytes_per_s: Values) -> Values:
    """Time of reading every weight once in each call of the model, whatever the batch.

    Source: Pope et al., Efficiently Scaling Transformer Inference (arXiv 2211.05102), section 2.1.
    """
    return parameters * weight_bytes * calls / bytes_per_s


@formula
def pass_s(arithmetic_s: Values, weights_s: Values) -> Values:
    """Time of a forward pass at full rates: arithmetic, or reading every weight, whichever takes longer.

    Source: Williams, Waterman, Patterson, Roofline (CACM 52(4), 2009).
    """
    longer: Values = np.maximum(arithmetic_s, weights_s)
    return longer


@formula
def read_s(samples: Values, sample_bytes: Values, share: Values, bytes_per_s: Values) -> Values:
    """Time in which a `share` of each sample's bytes is read from a memory, or crosses a link.

    Source: Naumov et al., DLRM (arXiv 1906.00091), section 2.1.
    """
    return samples * sample_bytes * share / bytes_per_s


@formula
def host_lookup_s(rows_s: Values, vectors_s: Values) -> Values:
    """Rows that a host reads and pools while the pooled vectors of earlier ones cross to the chip.

    Source: Ke et al., RecNMP (arXiv 1912.12953), section 2; Gupta et al. (arXiv 1906.03109), section 3.
    """
    longer: Values = np.maximum(rows_s, vectors_s)
    return longer


@formula
def sent_bytes(samples: Values, vector_bytes: Values) -> Values:
    """Pooled vectors that a chip sends to those whose samples they are of.

    Source: Mudigere et al. (arXiv 2104.05158), section 4.
    """
    return samples * vector_bytes


@formula
def fixed_s(launching_s: Values, handling_s: Values) -> Values:
    """What a batch takes whatever its size: launching kernels, and the server's handling of it.

    Source: Gupta et al., DeepRecSys (arXiv 2001.02772), section 3.
    """
    return launching_s + handling_s


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


def served_of(catalogue: Catalogue, model: Sampled, cluster: Cluster, precision: str) -> Served:
    """What the formulas read of a model whose products run in `precision` on the chips of `cluster`.

    Raises:
        InputError: no such precision, or the chip states no matrix peak for it or a wider one.
    """
    if precision not in BYTES_PER_ELEMENT:
        raise InputError(
            "unknown precision",
            place=Place(field="--precision"),
            found=precision,
            allowed=sorted(BYTES_PER_ELEMENT),
            nearest=nearest(precision, BYTES_PER_ELEMENT, 1),
        )
    work, passes, calls = sample_work(model), 1.0, 1.0
    if not isinstance(model, Recommender | Encoder):
        passes, calls = float(model.steps * model.guidance_passes), float(model.steps)
    of_tables: dict[str, float] = {}
    if isinstance(model, Recommender):
        of_tables = {
            "tables": float(len(model.rows)),
            "lookups": float(sum(model.lookups)),
            "embedding_dim": float(model.embedding_dim),
            "table_parameters": table_parameters(model),
        }
    return Served(
        flop=work.flop,
        parameters=work.parameters,
        kernels=work.kernels + of_tables.get("tables", 0.0),
        passes=passes,
        calls=calls,
        weight_bytes=stored_bytes(precision),
        flop_per_s=cluster.peak_flop_per_s[computed_in(precision, cluster.peak_flop_per_s)],
        kernel_s=efficiency_of(catalogue, cluster.chip, kind_of(model))["kernel_s"],
        **of_tables,
    )


def batch_of(
    served: Served, cluster: Cluster, tables: Settled, latencies_s: tuple[Values, Values], samples: Values
) -> Batch:
    """Times of batches that bring each chip so many `samples`."""
    memory = cluster.memory_bytes_per_s
    arithmetic = arithmetic_s(samples, served.flop, served.passes, served.flop_per_s)
    dense = pass_s(arithmetic, weights_s(served.parameters, served.weight_bytes, served.calls, memory))
    launching = kernels_s(served.kernels, 1.0, served.calls, served.kernel_s)
    nothing: Values = np.zeros_like(samples)
    if not served.tables:
        return Batch(dense, nothing, launching)
    rows = lookup_bytes(served.lookups, served.embedding_dim, tables.element_bytes)
    vectors = lookup_bytes(served.tables, served.embedding_dim, tables.element_bytes)
    exchange = nothing
    if cluster.chips > 1:
        near = inside(cluster.chips, 1.0, cluster.scaleup_domain)
        links = cluster.scaleup_bytes_per_s, cluster.scaleout_bytes_per_s, *latencies_s
        exchange = all_to_all_s(sent_bytes(samples, vectors), cluster.chips, near, *links)
    chip = sample_bound_s(read_s(samples, rows, tables.near_hits, memory), dense, exchange)
    if not tables.far:
        return Batch(chip, nothing, launching)
    looked_up = read_s(samples, rows, tables.far_hits, tables.far_bytes_per_s)
    crossed = read_s(samples, vectors, tables.far_hits, tables.link_bytes_per_s)
    return Batch(chip, host_lookup_s(looked_up, crossed), launching)


def held_bytes(served: Served, tables: Settled, chips: float) -> tuple[float, float]:
    """What a chip holds, and what its host or CXL memory does."""
    weights = float(served.parameters * served.weight_bytes)
    rows = float(served.table_parameters) * tables.element_bytes / chips
    return (weights, rows) if tables.far else (weights + rows, 0.0)
