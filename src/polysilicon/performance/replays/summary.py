"""The answer of a replay: latencies, throughput, use and energy, each with how sure it is."""

from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.performance.cluster import Reading
from polysilicon.performance.power import chip_power, chips_power_kw, load_power_kw
from polysilicon.performance.replays.assembly import Policies
from polysilicon.performance.replays.figures import Counts, Latencies
from polysilicon.performance.replays.state import Cluster, Floats
from polysilicon.performance.serving_candidates import Asked, Layout
from polysilicon.performance.serving_table import bound
from polysilicon.performance.training import doubt_widening
from polysilicon.performance.values import Range
from polysilicon.records.bounded import Bounded
from polysilicon.records.interval import Bools
from polysilicon.records.recorder import formula
from polysilicon.records.table import Table
from polysilicon.records.units import J_PER_KWH, MS_PER_S, S_PER_H

PERCENTILES = (50.0, 90.0, 95.0, 99.0)
# What a replay does not see, in words.
UNSEEN = (
    "prompts and decoding share each replica; none fails, starts or stops; drafted tokens are accepted at their mean",
    "no sequence is put back and read again: where no room is set aside for an answer, it counts for half of it",
    "a router knows prompts and the mean answer; nothing is sent on or tried again",
    "a pass is timed by the mean context of its sequences",
    "latencies were fitted to means: of tails six published runs alone were held against it",
    "an interval scales a figure: the longer queue of a slower engine is not replayed",
)


class Ends(NamedTuple):
    """Lower and upper end of a 90 % interval, as factors on a figure."""

    low: float
    high: float


@dataclass(frozen=True)
class Targets:
    """What a good answer keeps: time to the first token and per later token; `None` where it may be any."""

    ttft_ms: float | None = None
    tpot_ms: float | None = None


@dataclass(frozen=True)
class Spread:
    """A latency over the completed requests: mean, percentiles and maximum."""

    mean: Range
    p50: Range
    p90: Range
    p95: Range
    p99: Range
    largest: Range


@dataclass(frozen=True)
class Latency:
    """Time to the first token, per later token and in all [ms]; `None` where no request has one."""

    ttft_ms: Spread | None
    tpot_ms: Spread | None
    e2e_ms: Spread | None


@dataclass(frozen=True)
class Rates:
    """Requests and output tokens a second from the first arrival to the end of the replay.

    `goodput_per_s` counts completed requests that keep the targets, and `good_share` is their share of all that had
    arrived; both `None` without targets.
    """

    duration_s: float
    offered_per_s: float
    completed_per_s: float
    tokens_per_s: Range
    tokens_per_s_per_chip: Range
    goodput_per_s: Range | None
    good_share: Range | None


@dataclass(frozen=True)
class Use:
    """How far the replicas are used; shares are exact for the simulated cluster.

    Of the time that passes run: the mean, the least and the most of a replica. `running` requests in place, mean over
    time. Of the cache: its mean over time, and the most that a replica held. Of prompts: the share of their tokens that
    was found in a prefix cache; how many hashed blocks were evicted.
    """

    busy_share: float
    least_busy_share: float
    most_busy_share: float
    running: float
    cache_share: float
    most_cache_share: float
    prefix_share: float
    evicted: int


@dataclass(frozen=True)
class Energy:
    """Of the chips alone; the ends are outer bounds, not a 90 % interval.

    `j_per_token` counts the tokens of completed requests, and is `None` where none was completed.
    """

    energy_kwh: Bounded
    j_per_token: Bounded | None


@dataclass(frozen=True)
class Replay:
    """What came of a replay. Counts, shares and simulated times are exact; the rest carries the interval of the fit."""

    trace: str
    model: str
    chip: str
    system: str
    layout: Layout
    engine: str
    policies: Policies
    targets: Targets
    counts: Counts
    latency: Latency
    rates: Rates
    use: Use
    energy: Energy
    doubts: tuple[Reading, ...]
    fits_used: tuple[str, ...]
    catalogue_hash: str
    notes: tuple[str, ...]
    curves: Table
    courses: Table
    requests: Table

    @property
    def chips(self) -> int:
        """Chips of all replicas."""
        return self.layout.chips * self.policies.replicas

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints: all but the rows of single requests."""
        told = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "requests"}
        for name in ("layout", "policies", "targets", "counts", "latency", "rates", "use"):
            told[name] = asdict(told[name])
        told["energy"] = {name: value and value.to_dict() for name, value in vars(self.energy).items()}
        for name in ("curves", "courses"):
            told[name] = told[name].to_dict()
        return told | {"doubts": [str(one) for one in self.doubts], "unseen": UNSEEN}


def interval(catalogue: Catalogue, asked: Asked, quantity: str) -> Ends:
    """Ends of the 90 % interval of `ttft`, `tpot` or `tps`, wider where it rests on figures of low confidence."""
    widening = doubt_widening(catalogue) if asked.doubts else 1.0
    low, high = bound(asked.efficiency, quantity, "steady")
    return Ends(low**widening, high**widening)


def latency(told: Latencies, ttft: Ends, tpot: Ends) -> Latency:
    """The spreads; the whole time has the ends of its two parts, which move together."""

    def whole_s(first: float, later: float) -> Floats:
        return told.ttft_s * first + np.where(told.later_tokens > 0, told.later_tokens * told.tpot_s * later, 0.0)

    first, each = _points_ms(told.ttft_s), _points_ms(told.tpot_s)
    return Latency(
        _spread(first, first * ttft.low, first * ttft.high),
        _spread(each, each * tpot.low, each * tpot.high),
        _spread(
            _points_ms(told.e2e_s), _points_ms(whole_s(ttft.low, tpot.low)), _points_ms(whole_s(ttft.high, tpot.high))
        ),
    )


def _points_ms(values_s: Floats) -> Floats:
    """Mean, percentiles and maximum of those that are known; nothing where none is [ms]."""
    known = values_s[~np.isnan(values_s)]
    if not known.size:
        return np.zeros(0)
    return MS_PER_S * np.array([np.mean(known), *np.percentile(known, PERCENTILES), np.max(known)])


def _spread(value: Floats, low: Floats, high: Floats) -> Spread | None:
    if not value.size:
        return None
    return Spread(*(Range(*map(float, ends)) for ends in zip(value, low, high, strict=True)))


def good(told: Latencies, targets: Targets, ttft: Ends, tpot: Ends) -> Range | None:
    """How many requests keep the targets, and how many do at the slow and at the fast end; `None` without targets."""
    if targets.ttft_ms is None and targets.tpot_ms is None:
        return None

    def kept(first: float, later: float) -> float:
        met = np.ones(told.ttft_s.shape, bool)
        if targets.ttft_ms is not None:
            met &= told.ttft_s * first * MS_PER_S <= targets.ttft_ms
        if targets.tpot_ms is not None:
            met &= np.nan_to_num(told.tpot_s) * later * MS_PER_S <= targets.tpot_ms
        return float(np.sum(met))

    return Range(kept(1.0, 1.0), kept(ttft.high, tpot.high), kept(ttft.low, tpot.low))


@formula
def served_ratio(pace_ratio: float, busy_share: float) -> float:
    """Throughput of replicas `pace_ratio` times as fast over what it was: only the time that passes run changes.

    Source: Amdahl, Validity of the single processor approach (AFIPS 1967).
    """
    return 1.0 / (1.0 + busy_share * (1.0 / pace_ratio - 1.0))


def rates(
    cluster: Cluster,
    counts: Counts,
    done: Bools,
    end_s: float,
    chips: int,
    tps: Ends,
    kept: Range | None,
    busy_share: float,
) -> Rates:
    """Throughput to the end of the replay; no more than arrives can be served, however fast.

    `busy_share` is that of the busiest replica: a slower engine serves less only where it had little time to spare.
    """
    requests, per_s = cluster.requests, 1.0 / max(end_s, 1e-9)
    span_s = float(requests["arrival_s"][counts.arrived - 1])
    tokens = float(np.sum(requests["answer"][done])) * per_s
    most = float(np.sum(requests["answer"][: counts.arrived])) / max(span_s, 1e-9)
    low, high = (tokens * served_ratio(one, busy_share) for one in tps)
    through = Range(tokens, low, max(tokens, min(high, most)))
    return Rates(
        duration_s=end_s,
        offered_per_s=(counts.arrived - 1) / span_s if span_s > 0 else 0.0,
        completed_per_s=counts.completed * per_s,
        tokens_per_s=through,
        tokens_per_s_per_chip=scaled(through, 1.0 / chips),
        goodput_per_s=scaled(kept, per_s) if kept else None,
        good_share=scaled(kept, 1.0 / counts.arrived) if kept else None,
    )


def use(cluster: Cluster, end_s: float) -> Use:
    """How far the replicas and their caches are used up to the end of the replay."""
    sites, limits = cluster.replicas, cluster.limits
    busy = np.minimum(sites["busy_s"] / max(end_s, 1e-9), 1.0)
    found, read = float(np.sum(sites["cached_tokens"])), float(np.sum(sites["prompt_tokens"]))
    return Use(
        busy_share=float(np.mean(busy)),
        least_busy_share=float(np.min(busy)),
        most_busy_share=float(np.max(busy)),
        running=float(np.sum(sites["sequence_s"])) / max(end_s, 1e-9),
        cache_share=float(np.mean(sites["block_s"])) / (limits.capacity * max(end_s, 1e-9)),
        most_cache_share=float(np.max(sites["peak_blocks"])) / limits.capacity,
        prefix_share=found / max(found + read, 1.0),
        evicted=int(np.sum(sites["evicted"])),
    )


def energy(catalogue: Catalogue, chip: str, chips: int, busy_share: float, end_s: float, tokens: float) -> Energy:
    """Energy of the chips: busy while passes run, idle otherwise."""
    power = chip_power(catalogue, chip)
    mean_kw = load_power_kw(chips_power_kw(chips, power.tdp_w), busy_share, power.idle_share, power.busy_share)
    energy_kwh = mean_kw * (end_s / S_PER_H)
    return Energy(energy_kwh, energy_kwh * J_PER_KWH / tokens if tokens > 0.0 else None)


def scaled(figure: Range, factor: float) -> Range:
    """A figure and its ends, times a factor."""
    return Range(figure.value * factor, figure.low * factor, figure.high * factor)
