"""Latencies that nearly all requests keep: one deployment under random arrivals, replayed at rate after rate.

The analytic model knows means. How far the slowest requests are from them depends on how arrivals and lengths clash,
which the event simulation of `replays` shows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from polysilicon.performance.replays import figures, running
from polysilicon.performance.replays.assembly import Policies, Routing, assemble
from polysilicon.performance.replays.compiling import kernel
from polysilicon.performance.replays.lengths import Lengths
from polysilicon.performance.replays.pass_costs import PassCosts
from polysilicon.performance.replays.state import Floats
from polysilicon.performance.replays.traffic import Traffic, poisson_s
from polysilicon.performance.serving_candidates import Asked, Candidates
from polysilicon.performance.serving_table import evaluate
from polysilicon.records.errors import InputError, Place
from polysilicon.records.interval import Bools
from polysilicon.records.units import MS_PER_S

# Requests of a trial, and of the replay that confirms what trials found. Near the most that a replica bears its queue
# swells for thousands of requests and empties again: a stream of 60,000 may miss that. A run of a stated time is cut at
# `LONGEST_RUN` and has `FEWEST` at least.
TRIED, CONFIRMED, LONGEST_RUN, FEWEST = 5_000, 200_000, 60_000, 100
# Replicas behind one router that are replayed at most, and the sequences that they hold together at most: where each
# holds thousands, their loads differ little however requests are spread.
MOST_TOGETHER, MOST_HELD = 8, 5_000
# Runs that begin and end empty are repeated until they have so many, of which twenty are beyond a 99th percentile: a
# system's replicas are so many runs at once.
OF_RUNS = 2_000
# A replica whose first tokens come later by so much of the time that passes falls behind, however short its queue is.
GROWTH = 0.01
# A rate is halved so often until it keeps the targets, then found to one or two hundredths by so many cuts; a long
# replay lowers or raises it so often by so much.
HALVINGS, CUTS, STEPS, STEP = 8, 5, 12, 0.98
SEED = 0


@dataclass(frozen=True)
class Promise:
    """Latencies [ms] that `percentile` of 100 requests are to stay within; infinite ones are not asked for."""

    percentile: float
    ttft_ms: float = np.inf
    tpot_ms: float = np.inf

    def __post_init__(self) -> None:
        if not 0 < self.percentile < 100:
            place = Place(field="--percentile")
            raise InputError("not a percentile", place=place, found=self.percentile, allowed="above 0, below 100")
        for name in ("ttft_ms", "tpot_ms"):
            if not getattr(self, name) > 0:
                raise InputError("is no latency", place=Place(field=name), found=getattr(self, name), allowed="above 0")


@dataclass(frozen=True)
class Arrivals:
    """Requests that arrive at random, as a Poisson process has them.

    With `run_s` they come for so many seconds to an idle replica, and all count until the last has ended, as in a
    benchmark; without it what counts is the middle of a long stream. A replica has arrivals of its own, or with `chips`
    its part of those that a router spreads by `routing` over the replicas that so many chips make.
    """

    prompts: Lengths
    answers: Lengths
    run_s: float | None = None
    chips: int = 0
    routing: Routing = "least-loaded"

    def replicas(self, chips: int, held: float) -> int:
        """Replicas of so many chips that share the arrivals, each holding `held` sequences at most."""
        return int(np.clip(min(self.chips // chips, MOST_HELD // held), 1, MOST_TOGETHER))


@dataclass(frozen=True)
class Tail:
    """One replica at a rate of arrivals: latencies at the percentile asked for and their means [ms].

    `running` is the mean number of requests in flight, `over` how many times its target the worse latency is: the
    promise is kept up to 1. It is infinite where the replica falls behind, or where so many requests are longer than
    its cache that they break the promise by themselves; `refused` is their share. A latency that no request has is NaN.
    """

    requests_per_s: float
    ttft_ms: float
    tpot_ms: float
    mean_ttft_ms: float
    mean_tpot_ms: float
    running: float
    tokens_per_s_per_chip: float
    refused: float
    over: float


@dataclass(frozen=True)
class _Seen:
    """Every request of a replay in the order of arrival; latencies are infinite for those that were turned away."""

    arrival_s: Floats
    ended_s: Floats
    ttft_s: Floats
    tpot_s: Floats
    tokens: Floats
    served: Bools


def most_load(asked: Asked, arrivals: Arrivals, promise: Promise) -> Tail:
    """One replica of a deployment at the highest rate of arrivals that keeps a promise.

    The load in `asked` is not read. Where no rate keeps the promise, the lowest that was tried.

    Source: Kleinrock, Queueing Systems (1975): latencies grow with the load; found by bisection over replays that share
    their random numbers, and confirmed by a long one.

    Raises:
        NothingFits: the weights leave no room for a cache.
    """
    return confirmed(asked, arrivals, promise, tried(asked, arrivals, promise))


def tried(asked: Asked, arrivals: Arrivals, promise: Promise) -> Tail:
    """What `most_load` finds before a long replay confirms it: queues that grow slowly may not show yet."""
    costs = PassCosts(asked)
    saturated = evaluate(Candidates.of([asked]), "offline")
    top = float(np.ravel(saturated.tokens_per_s_per_chip)[0]) * asked.layout.chips / arrivals.answers.mean_tokens
    at = partial(under, costs, arrivals, promise, most_running=float(np.ravel(saturated.running)[0]))
    return at(_found(at, top))


def confirmed(asked: Asked, arrivals: Arrivals, promise: Promise, trial: Tail) -> Tail:
    """The load of a trial in a long replay, lowered until that keeps the promise, or raised as long as it does."""
    costs, held = PassCosts(asked), float(np.ravel(evaluate(Candidates.of([asked]), "offline").running)[0])
    at = partial(under, costs, arrivals, promise, most_running=held, most_requests=CONFIRMED)
    kept = at(trial.requests_per_s)
    if trial.over > 1.0:
        return kept
    lowered = kept.over > 1.0
    for _ in range(STEPS):
        if lowered and kept.over <= 1.0:
            break
        further = at(kept.requests_per_s * (STEP if lowered else 1.0 / STEP))
        if not lowered and further.over > 1.0:
            break
        kept = further
    return kept


def _found(at: Callable[[float], Tail], top: float) -> float:
    """The highest rate up to `top` that trials keep; where none does, the lowest that was tried."""
    if at(top).over <= 1.0:
        return top
    low, high = 0.0, top
    for _ in range(HALVINGS):
        if at(0.5 * high).over <= 1.0:
            low = 0.5 * high
            break
        high *= 0.5
    else:
        return high
    for _ in range(CUTS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if at(middle).over <= 1.0 else (low, middle)
    return low


def under(
    costs: PassCosts,
    arrivals: Arrivals,
    promise: Promise,
    requests_per_s: float,
    *,
    most_running: float,
    most_requests: int = TRIED,
) -> Tail:
    """One replica under one rate of arrivals, in a replay of about `most_requests`; it holds `most_running` at most.

    Where several share the arrivals, all are replayed, and figures are those of one in the mean. Runs of a stated time
    are repeated until they have `OF_RUNS` requests together.

    Source: Little (Operations Research 9(3), 1961) for the number in flight; MLCommons, LoadGen, for the throughput of
    a run: all tokens over the time until the last.
    """
    replicas = arrivals.replicas(costs.asked.layout.chips, most_running)
    count, counted = _window(arrivals, promise, requests_per_s, most_running, most_requests, replicas)
    runs = 1 if arrivals.run_s is None else -(-OF_RUNS // count)
    sent = partial(_replayed, costs, arrivals, requests_per_s * replicas, count, replicas)
    every = [sent(seed) for seed in range(SEED, SEED + runs)]
    ttft_s, tpot_s, stay_s, some = (
        np.concatenate([one[counted] for one in column])
        for column in zip(
            *((run.ttft_s, run.tpot_s, run.ended_s - run.arrival_s, run.served) for run in every), strict=True
        )
    )
    ttft_ms, tpot_ms = (_at(one, promise.percentile) for one in (ttft_s, tpot_s))
    growth = float(np.mean([_growth(run.arrival_s[counted], run.ttft_s[counted]) for run in every]))
    over = max(_times(ttft_ms, promise.ttft_ms), _times(tpot_ms, promise.tpot_ms))
    return Tail(
        requests_per_s=requests_per_s,
        ttft_ms=ttft_ms,
        tpot_ms=tpot_ms,
        mean_ttft_ms=_mean(ttft_s[some]),
        mean_tpot_ms=_mean(tpot_s[some]),
        running=requests_per_s * (float(np.mean(stay_s[some])) if np.any(some) else np.nan),
        tokens_per_s_per_chip=float(np.mean([_tokens_per_s(run, arrivals, requests_per_s * replicas) for run in every]))
        / (costs.asked.layout.chips * replicas),
        refused=1.0 - float(np.mean([np.mean(run.served) for run in every])),
        over=np.inf if growth > GROWTH else over,
    )


def _window(
    arrivals: Arrivals, promise: Promise, requests_per_s: float, most_running: float, most_requests: int, replicas: int
) -> tuple[int, slice]:
    """How many requests are sent to all replicas, and which of them count.

    As many come before and after the counted ones of a stream as are in flight, twice over.
    """
    answer_s = (promise.ttft_ms + arrivals.answers.mean_tokens * promise.tpot_ms) / MS_PER_S
    before = replicas * (int(min(most_running, requests_per_s * answer_s)) + 1)
    most = max(most_requests, 4 * before)
    if arrivals.run_s is None:
        return most + 4 * before, slice(2 * before, 2 * before + most)
    count = int(np.clip(requests_per_s * replicas * arrivals.run_s, FEWEST, min(most, max(LONGEST_RUN, 4 * before))))
    return count, slice(0, count)


def _replayed(
    costs: PassCosts, arrivals: Arrivals, requests_per_s: float, count: int, replicas: int, seed: int
) -> _Seen:
    """So many requests that arrive at random at all replicas, once all have ended."""
    of_times, of_prompts, of_answers = (3 * seed + at for at in range(3))
    traffic = Traffic(
        poisson_s(count, requests_per_s, of_times),
        arrivals.prompts.drawn(count, of_prompts),
        arrivals.answers.drawn(count, of_answers),
        np.zeros(count + 1, np.int64),
        np.zeros(0, np.int64),
    )
    cluster = assemble(traffic, costs, Policies(replicas=replicas, routing=arrivals.routing))
    running.run(cluster, kernel_of=partial(kernel, times=HALVINGS + CUTS))
    served = figures.completed(cluster, np.inf, costs.first_s)
    told = figures.latencies(cluster.requests, costs.first_s)
    return _Seen(
        arrival_s=cluster.requests["arrival_s"],
        ended_s=np.where(served, figures.finished_s(cluster.requests, costs.first_s), np.inf),
        ttft_s=np.where(served, told.ttft_s, np.inf),
        tpot_s=np.where(served | (cluster.requests["answer"] <= 1), told.tpot_s, np.inf),
        tokens=cluster.requests["answer"].astype(float),
        served=served,
    )


def _tokens_per_s(seen: _Seen, arrivals: Arrivals, requests_per_s: float) -> float:
    """Tokens a second of those that are served: as they arrive, or over a run that begins and ends empty."""
    offered = requests_per_s * float(np.mean(seen.tokens * seen.served))
    if arrivals.run_s is None or not np.any(seen.served):
        return offered
    issued_s = len(seen.tokens) / requests_per_s
    lasting_s = max(arrivals.run_s, issued_s)
    emptied_s = max(float(np.max(seen.ended_s[seen.served])) - issued_s, 0.0)
    return offered * lasting_s / (lasting_s + emptied_s)


def _growth(arrival_s: Floats, ttft_s: Floats) -> float:
    """By how much later the second half of requests has its first tokens than the first, of the time between them."""
    half = arrival_s.size // 2
    known = np.isfinite(ttft_s)
    first, second = known[:half], known[half:]
    if not (np.any(first) and np.any(second)):
        return 0.0
    later = float(np.mean(ttft_s[half:][second]) - np.mean(ttft_s[:half][first]))
    apart = float(np.mean(arrival_s[half:]) - np.mean(arrival_s[:half]))
    return later / apart if apart > 0.0 else 0.0


def _times(latency_ms: float, target_ms: float) -> float:
    """How many times its target a latency is: 0 of none, and beyond any where a request has no end."""
    if np.isnan(latency_ms):
        return 0.0
    return float(np.inf) if np.isinf(latency_ms) else latency_ms / target_ms


def _at(latencies_s: Floats, percentile: float) -> float:
    """What so many of 100 stay within [ms]: the slowest of them, so that no latency is made up."""
    known = latencies_s[~np.isnan(latencies_s)]
    return MS_PER_S * float(np.percentile(known, percentile, method="higher")) if known.size else np.nan


def _mean(latencies_s: Floats) -> float:
    known = latencies_s[~np.isnan(latencies_s)]
    return MS_PER_S * float(np.mean(known)) if known.size else np.nan
