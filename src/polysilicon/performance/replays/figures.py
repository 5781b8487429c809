"""What a replay's arrays say: the latencies of each request, where every line went, and courses over time."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polysilicon.performance.replays.heaps import SHIFT
from polysilicon.performance.replays.state import COMPLETED, FULL_QUEUE, OPEN, TOO_LONG, Cluster, Floats, Whole
from polysilicon.records.interval import Bools
from polysilicon.records.table import Table
from polysilicon.records.units import MS_PER_S

# What became of a request, as tables say it; positions are those of `state`, and the last is of requests to come.
FATES = ("unfinished", "completed", "rejected: the queue is full", "rejected: longer than the cache", "not yet arrived")
NOT_ARRIVED = 4
BINS = 120
# Every percentile, and two of the tail.
CURVE = (*map(float, range(1, 100)), 99.5, 99.9)


@dataclass(frozen=True)
class Counts:
    """Where every line of a trace went: `lines + repeated = skipped + left_out + requests`; a request ends in one way.

    `left_out` lines lie beyond the number of requests asked for; `repeated` requests are those of further laps. Of
    those without an answer at the end, `unfinished` ones had arrived and `not_arrived` ones had not.
    """

    lines: int
    skipped: int
    left_out: int
    repeated: int
    requests: int
    completed: int
    rejected_queue: int
    rejected_length: int
    unfinished: int
    not_arrived: int

    @property
    def arrived(self) -> int:
        """Requests that had arrived by the end."""
        return self.requests - self.not_arrived

    @property
    def rejected(self) -> int:
        """Requests that were turned away."""
        return self.rejected_queue + self.rejected_length


@dataclass(frozen=True)
class Latencies:
    """One entry a request: time to its first token, per later token (NaN for answers of one token), and in all."""

    ttft_s: Floats
    tpot_s: Floats
    e2e_s: Floats
    later_tokens: Floats


def finished_s(requests: NDArray[Any], first_s: float) -> Floats:
    """When whoever asked has the last token: the arrival and what `latencies` calls the whole time, NaN without one."""
    return np.asarray(requests["arrival_s"] + (requests["finish_s"] - requests["arrival_s"] + first_s))


def completed(cluster: Cluster, until_s: float, first_s: float) -> Bools:
    """Which requests had their last token by `until_s`, their handling outside the passes included."""
    requests = cluster.requests
    return np.asarray((requests["fate"] == COMPLETED) & (finished_s(requests, first_s) <= until_s))


def fates(cluster: Cluster, done: Bools, until_s: float) -> Whole:
    """What had become of each request by `until_s`, as a position in `FATES`."""
    requests = cluster.requests
    fate = np.where((requests["fate"] == COMPLETED) & ~done, OPEN, requests["fate"])
    return np.where(requests["arrival_s"] > until_s, NOT_ARRIVED, fate)


def counts(fate: Whole, lines: int, skipped: int) -> Counts:
    """Counts in and out of a trace of so many lines, some of which were skipped."""
    total, readable = len(fate), lines - skipped
    still, ended, full, long, later = map(int, np.bincount(fate, minlength=len(FATES)))
    return Counts(
        lines=lines,
        skipped=skipped,
        left_out=max(readable - total, 0),
        repeated=max(total - readable, 0),
        requests=total,
        completed=ended,
        rejected_queue=full,
        rejected_length=long,
        unfinished=still,
        not_arrived=later,
    )


def latencies(requests: NDArray[Any], first_s: float) -> Latencies:
    """Of records of requests; `first_s` is their handling outside the passes."""
    later = requests["answer"] - 1.0
    tpot_s = np.full(later.shape, np.nan)
    np.divide(requests["finish_s"] - requests["first_s"], later, out=tpot_s, where=later > 0)
    return Latencies(
        requests["first_s"] - requests["arrival_s"] + first_s,
        tpot_s,
        requests["finish_s"] - requests["arrival_s"] + first_s,
        later,
    )


def request_table(cluster: Cluster, fate: Whole, first_s: float) -> Table:
    """One row a request, in the order of arrival; what did not happen is a gap."""
    requests, told = cluster.requests, latencies(cluster.requests, first_s)
    done = fate == COMPLETED

    def gap(values: Floats) -> Floats:
        return np.where(done, values, np.nan)

    columns: dict[str, Any] = {
        "request": np.arange(1, len(requests) + 1),
        "arrival_s": requests["arrival_s"],
        "input_tokens": requests["prompt"],
        "output_tokens": requests["answer"],
        "replica": requests["replica"],
        "cached_tokens": requests["cached"],
        "start_s": requests["start_s"],
        "finish_s": gap(finished_s(requests, first_s)),
        "ttft_ms": gap(told.ttft_s) * MS_PER_S,
        "tpot_ms": gap(told.tpot_s) * MS_PER_S,
        "e2e_ms": gap(told.e2e_s) * MS_PER_S,
        "status": np.array(FATES)[fate],
    }
    return Table("requests", columns)


def curve_table(told: Latencies) -> Table:
    """Each percentile of the latencies of completed requests."""
    columns: dict[str, Any] = {"percentile": np.array(CURVE)}
    for name, values in (("ttft_ms", told.ttft_s), ("tpot_ms", told.tpot_s), ("e2e_ms", told.e2e_s)):
        known = values[~np.isnan(values)]
        columns[name] = np.percentile(known, CURVE) * MS_PER_S if known.size else np.full(len(CURVE), np.nan)
    return Table("percentiles", columns)


def made(cluster: Cluster) -> tuple[Whole, Floats]:
    """Tokens that the passes have made for each request, all or, where it still decodes, so far; and until when [s]."""
    requests = cluster.requests
    tokens, last_s = np.where(requests["fate"] == COMPLETED, requests["answer"], 0), requests["finish_s"].copy()
    for site, heap in zip(cluster.replicas, cluster.heaps, strict=True):
        ends, request = np.divmod(heap[: site["running"]], SHIFT)
        tokens[request] = requests["answer"][request] - (ends - site["passes"])
        last_s[request] = site["clock_s"]
    return tokens, last_s


def course_table(cluster: Cluster, end_s: float, first_s: float) -> Table:
    """Means over equal stretches of time: what arrives, waits and runs, tokens a second, and the cache taken.

    Tokens count when whoever asked has them, `first_s` after their pass; places and cache are free with the last pass.
    A prompt's blocks count for whoever brought them: blocks found in the prefix cache are not counted again.
    """
    requests = cluster.requests
    edges_s = np.linspace(0.0, max(end_s, 1e-9), BINS + 1)
    admitted = requests["fate"] != FULL_QUEUE
    admitted &= requests["fate"] != TOO_LONG
    admitted &= requests["arrival_s"] <= end_s
    rows = requests[admitted]
    start_s, finish_s = (
        np.fmin(np.where(np.isnan(rows[name]), end_s, rows[name]), end_s) for name in ("start_s", "finish_s")
    )
    tokens, last_s = (one[admitted] for one in made(cluster))
    begun_s = np.where(tokens > 0, rows["first_s"], end_s)
    last_s = np.where(tokens > 0, last_s, end_s)
    brought = rows["need"] - rows["cached"] // cluster.limits.hash_tokens * cluster.limits.hash_blocks
    pace = np.divide(tokens, last_s - begun_s, out=np.zeros(len(rows)), where=last_s > begun_s)
    arrivals, _ = np.histogram(requests["arrival_s"], edges_s)
    capacity = cluster.limits.capacity * len(cluster.replicas)
    columns: dict[str, Any] = {
        "time_s": 0.5 * (edges_s[1:] + edges_s[:-1]),
        "arrivals_per_s": arrivals / np.diff(edges_s),
        "waiting": course(rows["arrival_s"], start_s, edges_s),
        "running": course(start_s, finish_s, edges_s),
        "tokens_per_s": course(begun_s + first_s, last_s + first_s, edges_s, pace),
        "cache_pct": 100.0 * course(start_s, finish_s, edges_s, brought) / capacity,
    }
    return Table("course", columns)


def course(begin_s: Floats, end_s: Floats, edges_s: Floats, weight: Floats | float = 1.0) -> Floats:
    """Mean between each two of `edges_s` of the sum of `weight` over those present, from their begin to their end."""
    covered = _summed(begin_s, edges_s, weight) - _summed(end_s, edges_s, weight)
    return np.maximum(np.diff(covered) / np.diff(edges_s), 0.0)


def _summed(times_s: Floats, edges_s: Floats, weight: Floats | float) -> Floats:
    """For each edge, the sum over earlier times of weight times the time since."""
    order = np.argsort(times_s, kind="stable")
    heavy = np.broadcast_to(np.asarray(weight, float), times_s.shape)[order]
    weights = np.concatenate([[0.0], np.cumsum(heavy)])
    moments = np.concatenate([[0.0], np.cumsum(heavy * times_s[order])])
    before = np.searchsorted(times_s[order], edges_s, "right")
    return np.asarray(weights[before] * edges_s - moments[before])
