"""Latencies that nearly all requests keep: one deployment under random arrivals, replayed at rate after rate.

The analytic model knows means. How far the slowest requests are from them depends on how arrivals and lengths clash,
which the event simulation of `replays` shows.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polysilicon.performance.replays import figures, running
from polysilicon.performance.replays.assembly import Policies, assemble
from polysilicon.performance.replays.compiling import kernel
from polysilicon.performance.replays.lengths import Lengths
from polysilicon.performance.replays.pass_costs import PassCosts
from polysilicon.performance.replays.traffic import Traffic, poisson_s
from polysilicon.performance.serving_candidates import Asked, Candidates
from polysilicon.performance.serving_table import evaluate
from polysilicon.records.errors import InputError, Place
from polysilicon.records.units import MS_PER_S

# Requests that percentiles of a stream are taken over; of a run at least, where it has as many, and at most.
COUNTED, FEWEST, ENOUGH, MOST = 2_000, 100, 8_000, 20_000
# A rate is halved so often until it keeps the targets, then found to one or two hundredths.
HALVINGS, CUTS = 8, 5
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


@dataclass(frozen=True)
class Arrivals:
    """Requests that arrive at random, as a Poisson process has them.

    With `run_s` they come for so many seconds to an idle replica, and all count until the last has ended, as in a
    benchmark; without it what counts is the middle of a long stream.
    """

    prompts: Lengths
    answers: Lengths
    run_s: float | None = None


@dataclass(frozen=True)
class Tail:
    """One replica at a rate of arrivals: latencies at the percentile asked for and their means [ms].

    `running` is the mean number of requests in flight, `over` how many times its target the worse latency is: the
    promise is kept up to 1.
    """

    requests_per_s: float
    ttft_ms: float
    tpot_ms: float
    mean_ttft_ms: float
    mean_tpot_ms: float
    running: float
    tokens_per_s_per_chip: float
    over: float


def most_load(asked: Asked, arrivals: Arrivals, promise: Promise) -> Tail:
    """One replica of a deployment at the highest rate of arrivals that keeps a promise.

    The load in `asked` is not read. Where no rate keeps the promise, the lowest that was tried.

    Source: Kleinrock, Queueing Systems (1975): latencies grow with the load; found by bisection over replays that share
    their random numbers.

    Raises:
        NothingFits: the weights leave no room for a cache.
        InputError: the promise is of no percentile.
    """
    costs = PassCosts(asked)
    saturated = evaluate(Candidates.of([asked]), "offline")
    chips = asked.layout.chips
    top = float(np.ravel(saturated.tokens_per_s_per_chip)[0]) * chips / arrivals.answers.mean_tokens
    held = float(np.ravel(saturated.running)[0])
    at = partial(under, costs, arrivals, promise, most_running=held)
    kept = at(top)
    if kept.over <= 1.0:
        return kept
    low, high = 0.0, top
    for _ in range(HALVINGS):
        kept = at(0.5 * high)
        if kept.over <= 1.0:
            low = 0.5 * high
            break
        high *= 0.5
    else:
        return kept
    for _ in range(CUTS):
        middle = 0.5 * (low + high)
        tried = at(middle)
        if tried.over <= 1.0:
            low, kept = middle, tried
        else:
            high = middle
    return kept


def under(
    costs: PassCosts, arrivals: Arrivals, promise: Promise, requests_per_s: float, *, most_running: float
) -> Tail:
    """One replica under one rate of arrivals; `most_running` is about how many requests it holds at most.

    Source: Little (Operations Research 9(3), 1961) for the number in flight; MLCommons, LoadGen, for the throughput of
    a run: all tokens over the time until the last.
    """
    before = int(min(most_running, requests_per_s * _longest_s(arrivals, promise))) + 1
    if arrivals.run_s is None:
        count = min(COUNTED + 2 * before, MOST)
        counted = slice(min(before, count // 3), max(count - before, 2 * count // 3))
    else:
        # A run of many short answers is the same all along: enough of it, and of those in flight at once, will do.
        most = min(max(ENOUGH, 4 * before), MOST)
        count = int(np.clip(requests_per_s * arrivals.run_s, FEWEST, most))
        counted = slice(0, count)
    requests, first_s = _replayed(costs, arrivals, requests_per_s, count)
    told = figures.latencies(requests[counted], first_s)
    later = told.tpot_s[~np.isnan(told.tpot_s)]
    ttft_ms, tpot_ms = (
        MS_PER_S * float(np.percentile(one, promise.percentile)) if one.size else 0.0 for one in (told.ttft_s, later)
    )
    issued_s = count / requests_per_s
    tokens_per_s = requests_per_s * float(np.mean(requests["answer"]))
    if arrivals.run_s is not None:
        emptied_s = float(np.max(figures.finished_s(requests, first_s))) - issued_s
        tokens_per_s *= arrivals.run_s / (arrivals.run_s + max(emptied_s, 0.0))
    return Tail(
        requests_per_s=requests_per_s,
        ttft_ms=ttft_ms,
        tpot_ms=tpot_ms,
        mean_ttft_ms=MS_PER_S * float(np.mean(told.ttft_s)),
        mean_tpot_ms=MS_PER_S * float(np.mean(later)) if later.size else 0.0,
        running=requests_per_s * float(np.mean(told.e2e_s)),
        tokens_per_s_per_chip=tokens_per_s / costs.asked.layout.chips,
        over=max(ttft_ms / promise.ttft_ms, tpot_ms / promise.tpot_ms),
    )


def _longest_s(arrivals: Arrivals, promise: Promise) -> float:
    """How long a request is in flight where the promise is just kept [s]."""
    return float(promise.ttft_ms + arrivals.answers.mean_tokens * promise.tpot_ms) / MS_PER_S


def _replayed(costs: PassCosts, arrivals: Arrivals, requests_per_s: float, count: int) -> tuple[NDArray[Any], float]:
    """Records of so many requests that arrive at random, once all have ended, and their handling outside passes [s]."""
    traffic = Traffic(
        poisson_s(count, requests_per_s, SEED),
        arrivals.prompts.drawn(count, SEED + 1),
        arrivals.answers.drawn(count, SEED + 2),
        np.zeros(count + 1, np.int64),
        np.zeros(0, np.int64),
    )
    cluster = assemble(traffic, costs, Policies())
    running.run(cluster, kernel_of=partial(kernel, times=HALVINGS + CUTS))
    done = figures.completed(cluster, np.inf, costs.first_s)
    return cluster.requests[done], costs.first_s
