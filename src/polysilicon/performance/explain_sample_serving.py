"""Why a chip serves so many queries a second: the tree of formulas and records behind the figure."""

from dataclasses import replace

from polysilicon.facts import Catalogue
from polysilicon.facts.money import Assumption
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.efficiency import efficiency_of
from polysilicon.performance.explain import Known, known_cluster, plain
from polysilicon.performance.round_trip import RoundTrip
from polysilicon.performance.sample_answer import Demand
from polysilicon.performance.sample_jobs import kind_of
from polysilicon.performance.sample_parts import chip_samples
from polysilicon.performance.sample_service import batch_of, batch_pace_s, fixed_s, served_of
from polysilicon.performance.sample_serving import (
    HANDLING,
    estimate_sample_serving,
    queries_per_s_per_chip,
    share_of,
)
from polysilicon.performance.serving_formats import computed_in
from polysilicon.performance.table_places import Settled, Tables, settled
from polysilicon.performance.training import latencies_s
from polysilicon.records.recorder import Recorder, Step
from polysilicon.records.units import MS_PER_S
from polysilicon.workloads.samples import Sampled

ORIGINS = {
    "far": "your question: where the tables lie",
    "near_hits": "your question: look-ups that the chip's memory answers",
    "far_hits": "your question: look-ups beyond the chip's memory",
    "far_bytes_per_s": "your question, or host-memory-gbs",
    "link_bytes_per_s": "your question, the chip's record, or host-link-gbs",
    "element_bytes": "embedding-bytes-serving",
}


def explain_sample_serving(
    catalogue: Catalogue,
    model: Sampled,
    demand: Demand,
    cluster: Cluster,
    *,
    tables: Tables | None = None,
    precision: str = "bf16",
    round_trip: RoundTrip | None = None,
) -> Step:
    """The explanation of `queries_per_s_per_chip`: formulas with citations down to records and the user's inputs.

    The batch and the load are those that were found; the queue that bounds the load is not walked again.

    Raises:
        InputError, NothingFits: as `estimate_sample_serving`.
    """
    made = estimate_sample_serving(
        catalogue, model, demand, cluster, tables=tables, precision=precision, round_trip=round_trip
    )
    recorder = Recorder()
    known = Known(recorder)
    chips = replace(known_cluster(known, cluster), chips=known.value(cluster.chips, "your question: chips"))
    served = known.struct(served_of(catalogue, model, cluster, precision), f"model {model.name}")
    peak = chips.peak_flop_per_s[computed_in(precision, cluster.peak_flop_per_s)]
    fitted = ", ".join(efficiency_of(catalogue, cluster.chip, kind_of(model)).records)
    served = replace(served, flop_per_s=peak, kernel_s=known.value(served.kernel_s, f"{fitted}: kernel_s", "estimate"))
    lie = settled(catalogue, tables or Tables(), cluster.chip)
    where = Settled(**{name: known.value(value, ORIGINS[name]) for name, value in vars(lie).items()})
    up, out = latencies_s(catalogue)
    latencies = known.value(up, "scaleup-latency-us"), known.value(out, "scaleout-latency-us")
    share, handling = (catalogue.get(Assumption, name) for name in (share_of(model), HANDLING))
    reached = known.value(share.value, share.id, str(share.confidence))
    handled = known.value(handling.value / MS_PER_S, handling.id, str(handling.confidence))
    load = known.value(made.load, "the greatest load whose tail keeps the bound" if demand.latency_ms else "full")
    batch = known.value(made.batch, "the batch that serves most")
    global_batch = known.value(made.batch * demand.candidates, "its samples: queries x candidates")
    with recorder:
        one = batch_of(served, chips, where, latencies, chip_samples(global_batch, chips.chips))
        pace = batch_pace_s(fixed_s(one.launching_s, handled), one.chip_s, one.host_s, reached)
        figure = queries_per_s_per_chip(load, batch, pace, chips.chips)
    return replace(plain(recorder.tree(figure)), confidence="unvalidated")
