"""One training step of a recommender: tables spread over the chips or kept in host memory, perceptrons replicated.

Each chip works on its share of the batch. Whole tables, columns of them or rows of them lie on different chips; pooled
vectors and their gradients cross the network in all-to-alls, and the perceptrons' gradients are all-reduced. Rows that
a batch reads twice are not merged: the fitted share of bandwidth that look-ups reach carries that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from polysilicon.performance import sample_parts as part
from polysilicon.performance.collectives import all_reduce_s, all_to_all_s
from polysilicon.performance.efficiency import Efficiency
from polysilicon.performance.operators import exposed_s, streaming_s
from polysilicon.performance.pipeline import waiting_s
from polysilicon.performance.rates import achieved_per_s
from polysilicon.performance.sample_rates import SampleRates
from polysilicon.performance.sharding import wire_bytes
from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula
from polysilicon.workloads.model import Recommender
from polysilicon.workloads.recommender import table_parameters
from polysilicon.workloads.work import Work

SHARDINGS = ("table", "column", "row")
TABLE, COLUMN, ROW = (float(at) for at in range(3))
# A trained row is read forward, and read and written again when its gradient is applied.
READ, UPDATED = 1.0, 2.0
# Features, weights, gradients and states of perceptrons, and what row-wise Adagrad keeps of a row, in 32 bits.
WORD_BYTES, INDEX_BYTES, ADAGRAD_TRAFFIC = 4.0, 8.0, 16.0
# The least that memory moves at once: a 32-byte sector of NVIDIA's CUDA C++ Programming Guide.
SECTOR_BYTES = 32.0


@dataclass(frozen=True)
class Tables:
    """The sizes of a recommender's tables. `widest_share` is of the look-ups, `largest_share` of the parameters.

    `partial_vectors` is how many partly pooled vectors a sample gets where every chip holds some rows of every table.
    """

    tables: Values
    rows: Values
    lookups: Values
    widest_share: Values
    largest_share: Values
    embedding_dim: Values
    parameters: Values
    dense_features: Values
    partial_vectors: Values

    @classmethod
    def of(cls, model: Recommender, chips: float) -> "Tables":
        """The sizes of one model over so many chips."""
        return cls(
            tables=float(len(model.rows)),
            rows=float(sum(model.rows)),
            lookups=float(sum(model.lookups)),
            widest_share=max(model.lookups) / float(sum(model.lookups)),
            largest_share=max(model.rows) / float(sum(model.rows)),
            embedding_dim=float(model.embedding_dim),
            parameters=table_parameters(model),
            dense_features=float(model.dense_features),
            # A table that is read n times for a sample has its rows on at most n chips.
            partial_vectors=float(sum(min(one, chips) for one in model.lookups)),
        )

    @classmethod
    def stack(cls, many: Sequence["Tables"]) -> "Tables":
        """Models as one column of models."""
        return cls(**{one.name: np.array([getattr(each, one.name) for each in many], float) for one in fields(cls)})


@dataclass(frozen=True)
class RecommenderJob:
    """Everything the formulas read: one candidate, or a table of them.

    `sharding` is a position in `SHARDINGS`; `in_host` is 1 where the tables stay in the memory of the chips' hosts.
    """

    work: Work
    tables: Tables
    global_batch: Values
    chips: Values
    sharding: Values
    in_host: Values
    table_element_bytes: Values
    host_bytes_per_s: Values
    rates: SampleRates
    efficiency: Efficiency
    node_size: Values
    reserve_bytes: Values


@formula
def column_cuts(
    sharding: Values, greatest_share: Values, chips: Values, embedding_dim: Values, element_bytes: Values
) -> Values:
    """Into how many pieces the greatest table's columns are cut: as many as even it out, none narrower than a sector.

    Source: Mudigere et al. (arXiv 2104.05158), section 4.2.3, column-wise sharding.
    """
    most = np.maximum(np.floor(embedding_dim * element_bytes / SECTOR_BYTES), 1.0)
    return np.where(np.asarray(sharding) == COLUMN, np.clip(np.ceil(greatest_share * chips), 1.0, most), 1.0)


@formula
def imbalance(sharding: Values, greatest_share: Values, chips: Values, cuts: Values) -> Values:
    """Load of the busiest chip over the mean: the chip that holds the greatest table or piece; rows spread evenly.

    Source: Mudigere et al. (arXiv 2104.05158), section 4.2.5, load balance of sharding.
    """
    return np.where(np.asarray(sharding) == ROW, 1.0, np.maximum(greatest_share * chips / cuts, 1.0))


@formula
def vector_imbalance(sharding: Values, tables: Values, chips: Values, cuts: Values) -> Values:
    """Vectors that the busiest chip sends over the mean: a chip holds a whole number of tables or pieces.

    Source: Mudigere et al. (arXiv 2104.05158), section 4.2.5.
    """
    pieces = tables * cuts
    return np.where(np.asarray(sharding) == ROW, 1.0, np.ceil(pieces / chips) * chips / pieces)


@formula
def vector_bytes(
    sharding: Values,
    samples: Values,
    tables: Values,
    partial_vectors: Values,
    embedding_dim: Values,
    element_bytes: Values,
) -> Values:
    """Pooled vectors of a chip's samples, or the partly pooled ones that a cut by rows sends.

    Source: Naumov et al., DLRM (arXiv 1906.00091), section 3.1; Mudigere et al. (arXiv 2104.05158), section 4.2.2.
    """
    vectors = np.where(np.asarray(sharding) == ROW, partial_vectors, tables)
    return samples * vectors * embedding_dim * element_bytes


@formula
def index_bytes(samples: Values, lookups: Values, widest_share: Values, cuts: Values) -> Values:
    """Indices of a chip's samples, sent to every chip that holds a piece of their table.

    Source: Mudigere et al. (arXiv 2104.05158), section 4.2.3.
    """
    return samples * lookups * INDEX_BYTES * (1.0 + widest_share * (cuts - 1.0))


@formula
def table_bytes(samples: Values, row_bytes: Values, accesses: Values, imbalance: Values) -> Values:
    """Traffic to the tables of the busiest chip: each row that is looked up, as often as it is read and written.

    Source: Naumov et al., DLRM (arXiv 1906.00091), section 2.1; Duchi et al., Adagrad (JMLR 12, 2011).
    """
    return samples * row_bytes * accesses * imbalance


@formula
def table_rate_bytes_per_s(in_host: Values, lookup_bytes_per_s: Values, host_bytes_per_s: Values) -> Values:
    """Bandwidth to the rows: that of the chip's memory for scattered reads, or its host's.

    Source: Lin et al., Building a Performance Model for DLRM training (arXiv 2201.07821); Mudigere et al.
    (arXiv 2104.05158), section 4.1.3.
    """
    return np.where(np.asarray(in_host) > 0.0, np.minimum(host_bytes_per_s, lookup_bytes_per_s), lookup_bytes_per_s)


@formula
def loaded_bytes(samples: Values, dense_features: Values, lookups: Values) -> Values:
    """What the host hands to a chip for its samples: features, indices and a label, in 32 bits.

    Source: MLCommons, MLPerf Training, recommendation_v2 data layout.
    """
    return samples * WORD_BYTES * (dense_features + lookups + 1.0)


@formula
def exchanged_s(indices_s: Values, vectors_s: Values, overlap: Values) -> Values:
    """Exposed exchange of a step: indices, vectors, and their gradients back.

    Source: Naumov et al., Deep Learning Training in Facebook Data Centers (arXiv 2003.09518), section 4.
    """
    return (indices_s + 2.0 * vectors_s) * (1.0 - overlap)


@formula
def table_share(in_host: Values, chips: Values, imbalance: Values) -> Values:
    """Share of the tables' bytes that the fullest chip holds; none where hosts keep them.

    Source: Mudigere et al. (arXiv 2104.05158), section 4.2.5.
    """
    return np.where(np.asarray(in_host) > 0.0, 0.0, imbalance / chips)


@formula
def busy_s(
    products_s: Values,
    streams_s: Values,
    lookups_s: Values,
    updates_s: Values,
    exchange_s: Values,
    kernels_s: Values,
    data_s: Values,
    loading_s: Values,
    optimizer_s: Values,
) -> Values:
    """Time of a step before waiting: its parts follow one another.

    Source: Naumov et al., DLRM (arXiv 1906.00091), section 2; Mudigere et al. (arXiv 2104.05158), section 4.
    """
    compute = products_s + streams_s + lookups_s + updates_s + kernels_s + optimizer_s
    return compute + exchange_s + data_s + loading_s


def recommender_parts(job: RecommenderJob) -> dict[str, Values]:
    """Where the step of each candidate goes [s]; the parts sum to `step_s`."""
    one, work, e, size = job.rates, job.work, job.efficiency, job.tables
    samples = part.chip_samples(job.global_batch, job.chips)
    again = part.passes(2.0, 0.0)
    products = part.arithmetic_s(samples, work.product_flop, again, one.product_flop_per_s)
    moved = part.moved_bytes(samples, work.moved_elements, work.parameters, 1.0, again, one.element_bytes)
    streams = streaming_s(moved, one.stream_bytes_per_s)
    rows = part.lookup_bytes(size.lookups, size.embedding_dim, job.table_element_bytes)
    uneven = imbalance(job.sharding, size.widest_share, job.chips, _cuts(job))
    scattered = achieved_per_s(one.stream_bytes_per_s, e["lookup"], 1.0)
    rate = table_rate_bytes_per_s(job.in_host, scattered, job.host_bytes_per_s)
    lookups = streaming_s(table_bytes(samples, rows, READ, uneven), rate)
    updates = streaming_s(table_bytes(samples, rows, UPDATED, uneven), rate)
    loaded = streaming_s(loaded_bytes(samples, size.dense_features, size.lookups), job.host_bytes_per_s)
    adapted = wire_bytes(work.parameters, ADAGRAD_TRAFFIC)
    parts = {
        "products_s": products,
        "streams_s": streams,
        "lookups_s": lookups,
        "updates_s": updates,
        "exchange_s": _exchange(job, samples),
        "kernels_s": part.kernels_s(work.kernels + size.tables, again, 1.0, e["kernel_s"]),
        "data_s": exposed_s(_reduced(job), products + streams, e["data_overlap"]),
        "loading_s": exposed_s(loaded, products + streams + lookups + updates, 1.0),
        "optimizer_s": streaming_s(adapted, one.stream_bytes_per_s),
    }
    busy = busy_s(**parts)
    overhead = waiting_s(busy, e["step_s"], job.chips, job.node_size, e["straggle"])
    return {"step_s": part.step_s(busy, overhead), **parts, "overhead_s": overhead}


def _cuts(job: RecommenderJob) -> Values:
    size = job.tables
    greatest = np.maximum(size.widest_share, size.largest_share)
    return column_cuts(job.sharding, greatest, job.chips, size.embedding_dim, job.table_element_bytes)


def _exchange(job: RecommenderJob, samples: Values) -> Values:
    """Exposed all-to-alls of indices, pooled vectors and gradients; nothing on one chip."""
    one, size, cuts = job.rates, job.tables, _cuts(job)
    near = one.near(job.chips, 1.0)
    vectors = vector_bytes(
        job.sharding, samples, size.tables, size.partial_vectors, size.embedding_dim, one.element_bytes
    ) * vector_imbalance(job.sharding, size.tables, job.chips, cuts)
    indices = index_bytes(samples, size.lookups, size.widest_share, cuts)
    sent = all_to_all_s(vectors, job.chips, near, *one.links)
    told = all_to_all_s(indices, job.chips, near, *one.links)
    return exchanged_s(told, sent, job.efficiency["exchange_overlap"])


def _reduced(job: RecommenderJob) -> Values:
    """All-reduce of the perceptrons' gradients."""
    one = job.rates
    whole = wire_bytes(job.work.parameters, one.element_bytes)
    return all_reduce_s(whole, job.chips, one.near(job.chips, 1.0), *one.links)


def recommender_memory(job: RecommenderJob) -> dict[str, Values]:
    """Bytes of the fullest chip by kind; the kinds sum to `memory_bytes`."""
    work, size = job.work, job.tables
    uneven = imbalance(job.sharding, size.largest_share, job.chips, _cuts(job))
    mine = table_share(job.in_host, job.chips, uneven)
    perceptrons = wire_bytes(work.parameters, WORD_BYTES)
    weights = perceptrons + wire_bytes(size.parameters, job.table_element_bytes) * mine
    states = perceptrons + wire_bytes(size.rows, WORD_BYTES) * mine
    samples = part.chip_samples(job.global_batch, job.chips)
    vectors = 2.0 * size.tables * size.embedding_dim
    kept = part.kept_sample_bytes(samples, work.kept_elements + vectors, job.rates.element_bytes)
    return part.held(
        {
            "weight_bytes": weights,
            "gradient_bytes": perceptrons,
            "optimizer_bytes": states,
            "activation_bytes": kept,
            "reserve_bytes": job.reserve_bytes,
        }
    )
