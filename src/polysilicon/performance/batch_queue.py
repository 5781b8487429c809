"""Waiting of queries for a server that takes them in batches, in units of the time of a batch.

Queries arrive at random (Poisson). A server that is free begins at once with whatever waits, at most `batch` queries;
every batch takes the same time, full or not. A batch of one makes it the queue M/D/1. `load` is the share of the
most queries that full batches back to back would serve.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import lambertw

from polysilicon.performance.values import Values
from polysilicon.records.errors import InputError, Place
from polysilicon.records.recorder import formula

# Loads that are tried, each a share of full batches back to back.
LOADS = np.arange(1, 200) / 200.0
HALVINGS = 40

Tail = tuple[float, float, float]


@formula
def decay(load: Values) -> Values:
    """The zero beyond 1 of x^batch = e^(load batch (x - 1)): each query more in the queue is so many times rarer.

    Source: Crommelin (Post Office Electrical Engineers' Journal 25, 1932); Tijms, A First Course in Stochastic Models
    (2003), section 9.6; solved with the lower branch of Lambert's W.
    """
    solved: Values = np.real(-lambertw(-load * np.exp(-load), -1)) / load
    return solved


@formula
def tail_shape(load: float, batch: int) -> Tail:
    """How often a query finds the server busy, the weight of the tail behind that, and its decay a batch's time.

    The queue at the ends of batches follows n' = max(n - batch, 0) + Poisson(load batch), whose generating function
    has batch - 1 zeros within the unit circle and the one of `decay` outside.
    Source: Bailey, On Queueing Processes with Bulk Service (J. R. Stat. Soc. B 16, 1954); the exponential tail as in
    Abate, Choudhury and Whitt (Operations Research 43(5), 1995).
    """
    z, arrivals = float(decay(load)), load * batch
    turns = np.exp(2j * np.pi * np.arange(1, batch) / batch)
    inner = -lambertw(-load * turns * np.exp(-load)) / load
    scale = np.log(np.abs(1.0 - inner))
    empty = (batch - arrivals) * np.exp(np.sum(np.log(np.abs(inner)) - scale))
    busy = arrivals / (arrivals + empty)
    product = np.sum(np.log(np.abs(z - inner)) - scale) - batch * np.log(z)
    rate = batch * np.log(z)
    weight = (batch - arrivals) / (arrivals - batch / z) * np.exp(product) / rate
    return float(busy), float(weight), float(rate)


@formula
def waiting_share(share: Values, busy: float, weight: float, rate: float) -> Values:
    """Probability of waiting longer than `share` of a batch's time, at most one: what is left of the batch at work.

    Source: as `tail_shape`; what is left of a constant time is uniform (Kleinrock, Queueing Systems I, section 5.2).
    """
    missed: Values = busy * ((1.0 - share) + weight * (1.0 - np.exp(-rate * share)))
    return missed


@lru_cache(maxsize=4096)
def waiting_batches(load: float, batch: int, percentile: float) -> float:
    """The wait that `percentile` of the queries stay within, in times of a batch.

    Raises:
        InputError: the load is not above 0 and below 1, the batch is below one, or it is no percentile.
    """
    if not (0 < load < 1 and batch >= 1):
        raise InputError("a queue needs a load above 0 and below 1 and a batch of at least 1", found=(load, batch))
    if not 0 < percentile < 100:
        place = Place(field="percentile")
        raise InputError("not a percentile", place=place, found=percentile, allowed="above 0, below 100")
    busy, weight, rate = tail_shape(load, batch)
    rare = 1.0 - percentile / 100.0
    if busy <= rare:
        return 0.0
    beyond = busy * weight * -np.expm1(-rate)
    if beyond >= rare:
        return float(1.0 + np.log(beyond / rare) / rate)
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        longer = waiting_share(middle, busy, weight, rate) > rare
        low, high = (middle, high) if longer else (low, middle)
    return high


@lru_cache(maxsize=64)
def waiting_table(batches: tuple[int, ...], percentile: float) -> NDArray[np.float64]:
    """`waiting_batches` for every batch (a row each) and every load of `LOADS`.

    A greater load never waits less: where the approximation of the tail dips, the wait of the lesser load stands.
    """
    rows = [[waiting_batches(float(load), batch, percentile) for load in LOADS] for batch in batches]
    return np.maximum.accumulate(np.array(rows), axis=1)
