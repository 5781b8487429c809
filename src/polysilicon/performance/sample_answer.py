"""What is asked of a model that serves samples, and what is answered."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.performance.cluster import Cluster, Reading
from polysilicon.performance.round_trip import RoundTrip
from polysilicon.performance.table_places import Tables, unknowns
from polysilicon.performance.values import Range
from polysilicon.records.errors import InputError, Place
from polysilicon.records.recorder import formula
from polysilicon.records.units import GIB, MS_PER_S
from polysilicon.workloads.model import Encoder, Recommender
from polysilicon.workloads.samples import Sampled

MOST = 1e9


@dataclass(frozen=True)
class Demand:
    """Queries of `candidates` samples each; `percentile` of them are to be answered within `latency_ms`.

    Without a bound batches run full, back to back. `requests_per_s` is what all replicas together are to answer.
    """

    latency_ms: float | None = None
    percentile: float = 99.0
    requests_per_s: float | None = None
    candidates: int = 1

    def __post_init__(self) -> None:
        for name in ("latency_ms", "requests_per_s", "candidates"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= MOST:
                place = Place(field=f"--{name.replace('_', '-')}")
                raise InputError("is no sane quantity", place=place, found=value, allowed=f"above 0, to {MOST:,.0f}")
        if not 0 < self.percentile < 100:
            place = Place(field="--percentile")
            raise InputError("not a percentile", place=place, found=self.percentile, allowed="above 0, below 100")


@dataclass(frozen=True)
class Found:
    """The best batch and load: queries a second and chip, tail with the network in it, and times of the batch.

    `chip_s` and `host_s` are at the share of their peaks that they reach.
    """

    batch: int
    load: float
    queries_per_s_per_chip: float
    tail_ms: float | None
    pace_s: float
    through_s: float
    chip_s: float
    host_s: float
    launching_s: float


@dataclass(frozen=True)
class SampleServing:
    """The most a replica of `chips` chips serves within the bound.

    `tail_ms` is the latency that `percentile` of the queries stay within, the network included, at that load; `None`
    without a bound. `low` of a rate is 0 where the worst of the assumptions misses the bound, or takes more memory than
    a chip has (`memory_high_gib`); `chips_needed` has no such end then. `missing` is what no record states and the
    answer leaves open. Always unvalidated.
    """

    model: str
    chip: str
    chips: float
    precision: str
    samples: str
    candidates: int
    percentile: float
    latency_ms: float | None
    batch: int
    load: float
    batch_ms: float
    answer_ms: float
    tail_ms: float | None
    round_trip: RoundTrip
    queries_per_s_per_chip: Range
    samples_per_s_per_chip: Range
    parts_ms: dict[str, float]
    tables: Tables | None
    memory_gib: float
    memory_high_gib: float
    capacity_gib: float
    host_gib: float
    requests_per_s: float | None
    chips_needed: tuple[float, float, float | None] | None
    assumed: tuple[str, ...]
    missing: tuple[str, ...]
    doubts: tuple[Reading, ...]
    catalogue_hash: str
    unvalidated: bool = True

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        told = asdict(self) | {"doubts": [str(one) for one in self.doubts]}
        if self.chips_needed is not None:
            told["chips_needed"] = dict(zip(("value", "low", "high"), self.chips_needed, strict=True))
        return told


@formula
def replicas_for(requests_per_s: float, queries_per_s: float, sites: float) -> float:
    """Replicas at all sites that together answer a demand which is shared out evenly, over sites and in each.

    Source: definition; random splitting of Poisson arrivals leaves them Poisson (Kleinrock, Queueing Systems I, 2.4).
    """
    return float(sites * max(np.ceil(requests_per_s / sites / queries_per_s), 1.0))


def answer(
    catalogue: Catalogue,
    model: Sampled,
    cluster: Cluster,
    demand: Demand,
    tables: Tables,
    precision: str,
    trip: RoundTrip,
    held: tuple[float, float, float],
    best: Found,
    ends: Sequence[Found | None],
    assumed: tuple[str, ...],
) -> SampleServing:
    """The estimate that the best guess gives, with the worst and the best case of the assumptions as its ends.

    `held` is what a chip holds, what its host does, and the most that the chip may hold [bytes].
    """
    chips = float(cluster.chips)
    rates = [best.queries_per_s_per_chip, *(one.queries_per_s_per_chip if one else 0.0 for one in ends)]
    ranking = isinstance(model, Recommender)
    return SampleServing(
        model=model.name,
        chip=cluster.chip,
        chips=chips,
        precision=precision,
        samples="candidates" if ranking else "texts" if isinstance(model, Encoder) else "images",
        candidates=demand.candidates,
        percentile=demand.percentile,
        latency_ms=demand.latency_ms,
        batch=best.batch,
        load=best.load,
        batch_ms=best.pace_s * MS_PER_S,
        answer_ms=best.through_s * MS_PER_S,
        tail_ms=best.tail_ms,
        round_trip=trip,
        queries_per_s_per_chip=Range(*rates),
        samples_per_s_per_chip=Range(*(one * demand.candidates for one in rates)),
        parts_ms=_parts(best),
        tables=tables if ranking else None,
        memory_gib=held[0] / GIB,
        memory_high_gib=held[2] / GIB,
        capacity_gib=float(cluster.memory_bytes) / GIB,
        host_gib=held[1] / GIB,
        requests_per_s=demand.requests_per_s,
        chips_needed=_needed(demand, rates, chips, float(max(len(trip.sites), 1))),
        assumed=assumed,
        missing=(*unknowns(tables), *_uncounted(model)),
        doubts=cluster.doubts,
        catalogue_hash=catalogue.hash,
    )


def _uncounted(model: Sampled) -> tuple[str, ...]:
    """What takes time or memory on a chip and is in neither."""
    activations = "memory of activations: not counted"
    if isinstance(model, Recommender | Encoder):
        return (activations,)
    return "text encoders and the decoder of latents: neither their time nor their memory is counted", activations


def _parts(best: Found) -> dict[str, float]:
    """Where the way of a batch to its answers goes."""
    parts = {"chip_ms": best.chip_s, "host_ms": best.host_s, "launching_ms": best.launching_s}
    parts["handling_ms"] = best.through_s - sum(parts.values())
    return {name: value * MS_PER_S for name, value in ({"answer_ms": best.through_s} | parts).items()}


def _needed(
    demand: Demand, rates: Sequence[float], chips: float, sites: float
) -> tuple[float, float, float | None] | None:
    if demand.requests_per_s is None:
        return None
    asked = demand.requests_per_s
    value, most, least = (replicas_for(asked, one * chips, sites) * chips if one > 0 else None for one in rates)
    return value or 0.0, least or 0.0, most
