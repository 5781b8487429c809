"""Queries a second of models that work on samples, within a bound on the tail of their latency.

A replica is one chip, or the chips that share a recommender's tables. Queries arrive at random and are taken in
batches (`batch_queue`); every batch takes the time of a full one (`sample_service`). All batches and loads are tried,
and the pair that serves most within the bound is taken. Unvalidated: see `SamplesEstimate`.
"""

from dataclasses import dataclass

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.performance import diffusion, recommender
from polysilicon.performance.batch_queue import LOADS, waiting_table
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.hosts import link_assumption, ranged
from polysilicon.performance.round_trip import RoundTrip
from polysilicon.performance.sample_answer import Demand, Found, SampleServing, answer
from polysilicon.performance.sample_parts import chip_samples
from polysilicon.performance.sample_service import (
    Batch,
    batch_of,
    batch_pace_s,
    batch_through_s,
    fixed_s,
    held_bytes,
    served_of,
)
from polysilicon.performance.table_places import ENDS, End, Tables, settled
from polysilicon.performance.training import latencies_s
from polysilicon.performance.values import Range, Values
from polysilicon.records.errors import InputError, NothingFits, Place
from polysilicon.records.recorder import formula
from polysilicon.records.units import GIB, MS_PER_S
from polysilicon.workloads.model import Encoder, Recommender
from polysilicon.workloads.samples import Sampled

HANDLING = "sample-batch-handling-ms"
ENCODER_SHARE = "encoder-achieved-share"
# Batches of queries that are tried, and the samples beyond which none is.
BATCHES = (1, *sorted(step << power for power in range(10) for step in (2, 3)))
MOST_SAMPLES = 131_072
# Without a bound on latency batches run full, back to back. The least batch that gives nearly the most is taken: that
# is still more than any load of a queue gives.
OFFLINE, NEARLY = 1.0, 0.998


@formula
def latency_s(wait_batches: Values, pace_s: Values, through_s: Values, round_trip_s: Values) -> Values:
    """What a user waits: for the batches before, for one's own, and for the network.

    Source: Gupta et al., DeepRecSys (arXiv 2001.02772), section 2.
    """
    return wait_batches * pace_s + through_s + round_trip_s


@formula
def queries_per_s_per_chip(load: Values, batch: Values, pace_s: Values, chips: Values) -> Values:
    """Queries a second and chip of a replica, from the share of full batches back to back that it serves.

    Source: Bailey (J. R. Stat. Soc. B 16, 1954).
    """
    return load * batch / pace_s / chips


@dataclass(frozen=True)
class _Corner:
    """One reading of what is uncertain: memory beyond the chip, the share of peaks, handling, the network."""

    made: Batch
    share: float
    handling_s: float
    round_trip_ms: float


def estimate_sample_serving(
    catalogue: Catalogue,
    model: Sampled,
    demand: Demand,
    cluster: Cluster,
    *,
    tables: Tables | None = None,
    precision: str = "bf16",
    round_trip: RoundTrip | None = None,
) -> SampleServing:
    """The most queries a second and chip within the bound of `demand`, and the batch that gives them.

    The chips of `cluster` are one replica: of a recommender they share the tables, any other model runs on one chip.

    Raises:
        NothingFits: the model does not fit in memory, or no batch keeps the bound; says the nearest miss.
        InputError: tables of a model without any, several chips for a model that runs on one, or a figure that the
            formulas need is unknown.
    """
    tables = _checked(model, cluster, tables)
    trip = round_trip or RoundTrip(Range(0.0, 0.0, 0.0))
    batches = tuple(one for one in BATCHES if one == 1 or one * demand.candidates <= MOST_SAMPLES)
    samples = np.asarray(chip_samples(np.array(batches, float) * demand.candidates, cluster.chips))
    served, chips = served_of(catalogue, model, cluster, precision), float(cluster.chips)
    held = held_bytes(served, settled(catalogue, tables, cluster.chip), chips)
    most_held, _ = held_bytes(served, settled(catalogue, tables, cluster.chip, "worst"), chips)
    room = float(cluster.memory_bytes)
    if held[0] > room:
        raise NothingFits(_shortfall(model, cluster, held[0]))

    def corner(end: End, network_ms: float) -> _Corner:
        made = batch_of(served, cluster, settled(catalogue, tables, cluster.chip, end), latencies_s(catalogue), samples)
        return _corner(catalogue, model, made, end, network_ms)

    guess = corner("value", trip.ms.value)
    best = _best(batches, chips, demand, guess)
    if best is None:
        raise NothingFits(_too_slow(demand, guess))
    ends = [_best(batches, chips, demand, one) for one in (corner("worst", trip.ms.high), corner("best", trip.ms.low))]
    if most_held > room:  # nothing is served from tables that don't fit
        ends[0] = None
    stands_on, memory = assumptions(catalogue, model, cluster, tables), (*held, most_held)
    return answer(catalogue, model, cluster, demand, tables, precision, trip, memory, best, ends, stands_on)


def _checked(model: Sampled, cluster: Cluster, tables: Tables | None) -> Tables:
    if isinstance(model, Recommender):
        return tables or Tables()
    if tables is not None:
        raise InputError(f"{model.name} has no embedding tables", place=Place(field="--tables"))
    if cluster.chips > 1:
        place = Place(field="--chips")
        raise InputError(f"{model.name} runs on each chip alone", place=place, found=cluster.chips, allowed="1")
    return Tables()


def share_of(model: Sampled) -> str:
    """The share of the bound that models of this kind reach, an assumption."""
    if isinstance(model, Recommender):
        return recommender.SHARE
    return ENCODER_SHARE if isinstance(model, Encoder) else diffusion.SHARE


def assumptions(catalogue: Catalogue, model: Sampled, cluster: Cluster, tables: Tables) -> tuple[str, ...]:
    """The assumptions that an answer rests on, that of the share first."""
    names = [share_of(model), HANDLING]
    if isinstance(model, Recommender):
        names.append("embedding-bytes-serving")
    if tables.far and tables.link_gbs is None:
        names.append(link_assumption(catalogue, cluster.chip))
    if tables.place == "host" and tables.host_gbs is None:
        names.append("host-memory-gbs")
    return tuple(names)


def _corner(catalogue: Catalogue, model: Sampled, made: Batch, end: End, network_ms: float) -> _Corner:
    """Every assumption at its value, or at the end of its range that serves least or most."""
    share, handling = ENDS[end]
    return _Corner(
        made,
        ranged(catalogue, share_of(model), share),
        ranged(catalogue, HANDLING, handling) / MS_PER_S,
        network_ms,
    )


def _times(corner: _Corner) -> tuple[Values, Values]:
    made, fixed = corner.made, fixed_s(corner.made.launching_s, corner.handling_s)
    return (
        batch_pace_s(fixed, made.chip_s, made.host_s, corner.share),
        batch_through_s(fixed, made.chip_s, made.host_s, corner.share),
    )


def _best(batches: tuple[int, ...], chips: float, demand: Demand, corner: _Corner) -> Found | None:
    """The batch and load that serve most within the bound; `None` where none keeps it."""
    pace, through = _times(corner)
    trip = corner.round_trip_ms / MS_PER_S
    sizes = np.array(batches, float)
    if demand.latency_ms is None:
        rates = np.asarray(queries_per_s_per_chip(OFFLINE, sizes, pace, chips))
        at = int(np.argmax(rates >= NEARLY * np.max(rates)))
        return Found(batches[at], OFFLINE, float(rates[at]), None, *_one(corner, at))
    waits = waiting_table(batches, demand.percentile)
    late = np.asarray(latency_s(waits, np.asarray(pace)[:, None], np.asarray(through)[:, None], trip))
    kept = late * MS_PER_S <= demand.latency_ms
    served = queries_per_s_per_chip(LOADS[None, :], sizes[:, None], np.asarray(pace)[:, None], chips)
    rates = np.where(kept, served, 0.0)
    at, load = divmod(int(np.argmax(rates)), rates.shape[1])
    if not kept[at, load]:
        return None
    tail_ms = float(late[at, load]) * MS_PER_S
    return Found(batches[at], float(LOADS[load]), float(rates[at, load]), tail_ms, *_one(corner, at))


def _one(corner: _Corner, at: int) -> tuple[float, float, float, float, float]:
    pace, through = (float(np.ravel(one)[at]) for one in _times(corner))
    chip, host = (float(np.ravel(one)[at]) / corner.share for one in (corner.made.chip_s, corner.made.host_s))
    return pace, through, chip, host, float(corner.made.launching_s)


def _shortfall(model: Sampled, cluster: Cluster, needed_bytes: float) -> str:
    remedy = "give it more --chips, or --tables host" if isinstance(model, Recommender) else "try another --precision"
    return (
        f"{model.name} needs {needed_bytes / GIB:.1f} GiB on each of {cluster.chips:g} x {cluster.chip}, where "
        f"{float(cluster.memory_bytes) / GIB:.1f} GiB are; {remedy}"
    )


def _too_slow(demand: Demand, corner: _Corner) -> str:
    _, through = _times(corner)
    alone = float(np.ravel(through)[0]) * MS_PER_S
    network = f" and {corner.round_trip_ms:.1f} ms of round trip" if corner.round_trip_ms else ""
    return (
        f"no batch keeps {demand.latency_ms:g} ms; nearest: one query alone takes {alone:.4g} ms{network} before it "
        "ever waits"
    )
