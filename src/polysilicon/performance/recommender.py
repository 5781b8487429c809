"""Recommenders: candidates scored a second and chip. Unvalidated: see `SamplesEstimate`.

Embedding tables are spread over the chips of the cluster, the perceptrons are replicated: each chip looks up its
tables' rows for everyone's samples, and an all-to-all brings each sample its vectors.
"""

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.money import Assumption
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.collectives import all_to_all_s, inside
from polysilicon.performance.sample_parts import lookup_bytes
from polysilicon.performance.samples import SamplesEstimate, estimate
from polysilicon.performance.serving_formats import computed_in
from polysilicon.performance.training import latencies_s
from polysilicon.performance.values import Values
from polysilicon.records.errors import InputError
from polysilicon.records.recorder import formula
from polysilicon.workloads.model import Recommender
from polysilicon.workloads.recommender import table_parameters
from polysilicon.workloads.samples import sample_work

SHARE = "recommender-achieved-share"
DENSE_BYTES = 2.0


def recommender_serving(
    catalogue: Catalogue, model: Recommender, cluster: Cluster, batch_per_chip: int = 1024
) -> SamplesEstimate:
    """Candidates scored a second and chip; a query that ranks n candidates is n samples.

    Raises:
        InputError: the batch is below one sample, or the chip has no 16-bit matrix peak.
    """
    if batch_per_chip < 1:
        raise InputError("a batch must hold at least one sample", found=batch_per_chip)
    element = catalogue.get(Assumption, "embedding-bytes-serving").value
    work = sample_work(model)
    traffic = float(lookup_bytes(float(sum(model.lookups)), float(model.embedding_dim), element))
    vectors = len(model.rows) * model.embedding_dim * element
    bound = _bound_s(catalogue, cluster, float(batch_per_chip), float(work.flop), traffic, vectors)
    held = table_parameters(model) * element / float(cluster.chips) + float(work.parameters) * DENSE_BYTES
    share = catalogue.get(Assumption, SHARE)
    return estimate(catalogue.hash, model.name, cluster, "scored candidates", bound, held, share)


@formula
def sample_bound_s(lookup_s: Values, arithmetic_s: Values, exchange_s: Values) -> Values:
    """Time of one sample on one chip if its parts follow one another at full rate.

    Source: Naumov et al., DLRM (arXiv 1906.00091), section 2; Mudigere et al. (arXiv 2104.05158), section 4.
    """
    return lookup_s + arithmetic_s + exchange_s


def _bound_s(
    catalogue: Catalogue,
    cluster: Cluster,
    batch: float,
    flop: float,
    traffic_bytes: float,
    vector_bytes: float,
) -> float:
    peak = float(cluster.peak_flop_per_s[computed_in("bf16", cluster.peak_flop_per_s)])
    ranks = np.float64(cluster.chips)
    near, link, out = (
        inside(ranks, 1.0, cluster.scaleup_domain),
        cluster.scaleup_bytes_per_s,
        cluster.scaleout_bytes_per_s,
    )
    exchanged = 0.0
    if cluster.chips > 1:
        exchanged = float(all_to_all_s(vector_bytes * batch, ranks, near, link, out, *latencies_s(catalogue))) / batch
    lookup = traffic_bytes / float(cluster.memory_bytes_per_s)
    return float(sample_bound_s(lookup, flop / peak, exchanged))
