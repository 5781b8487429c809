"""One replica that serves one sequence at a time is a queue of the textbooks; what goes in comes out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.performance.replays.made import Made, made_traffic

from polysilicon.performance.replays.assembly import Policies, assemble
from polysilicon.performance.replays.compiling import PLAINLY
from polysilicon.performance.replays.running import run
from polysilicon.performance.replays.state import COMPLETED, NONE, OPEN, TOO_LONG
from polysilicon.performance.replays.traffic import poisson_s

PASS_S, MEAN = 1e-3, 1000


def queue(count, load, lengths, seed=0):
    """Random arrivals at a server that is busy for the share `load`; a request of n later tokens takes n passes."""
    rate = load / (MEAN * PASS_S)
    return made_traffic(poisson_s(count, rate, seed), 1, 1 + lengths)


def waits(cluster):
    return cluster.requests["start_s"] - cluster.requests["arrival_s"]


@pytest.mark.parametrize("load", [0.3, 0.5])
def test_random_lengths_wait_as_the_queue_with_exponential_service_says(simulate, compiled, load):
    lengths = np.maximum(np.random.default_rng(1).exponential(MEAN, 800_000).round().astype(np.int64), 1)
    found = waits(simulate(queue(lengths.size, load, lengths), Made(PASS_S), kernel=compiled)).mean()
    # Source: Kleinrock, Queueing Systems, volume 1 (Wiley, 1975), section 3.2.
    assert found == pytest.approx(load / (1 - load) * MEAN * PASS_S, rel=0.02)


@pytest.mark.parametrize("load", [0.3, 0.6])
def test_equal_lengths_wait_as_the_queue_with_constant_service_says(simulate, compiled, load):
    lengths = np.full(600_000, MEAN)
    found = waits(simulate(queue(lengths.size, load, lengths), Made(PASS_S), kernel=compiled)).mean()
    # Source: Pollaczek and Khinchine, in Kleinrock (1975), section 5.6.
    assert found == pytest.approx(load / (2 * (1 - load)) * MEAN * PASS_S, rel=0.02)


@pytest.mark.parametrize("load", [0.5, 0.95])
def test_every_wait_is_that_of_the_recursion(simulate, load):
    lengths = np.random.default_rng(2).integers(1, 2 * MEAN, 2000)
    traffic = queue(lengths.size, load, lengths)
    cluster = simulate(traffic, Made(PASS_S))
    # Source: Lindley, The theory of queues with a single server (Proc. Cambridge Phil. Soc. 48, 1952).
    ends, expected = -np.inf, []
    for arrival, length in zip(traffic.arrival_s, lengths, strict=True):
        # An idle engine begins half a pass after the arrival.
        start = ends if ends >= arrival else arrival + 0.5 * PASS_S
        expected.append(start)
        ends = start + length * PASS_S
    assert cluster.requests["start_s"] == pytest.approx(expected, rel=1e-9)


def test_a_shared_queue_of_many_places_waits_less_than_one_fast_server_queues(simulate):
    lengths = np.random.default_rng(3).integers(1, 2 * MEAN, 1000)
    one = simulate(queue(lengths.size, 0.9, lengths), Made(PASS_S, batch=1))
    two = simulate(queue(lengths.size, 0.9, lengths), Made(PASS_S, batch=2))
    assert waits(two).mean() < waits(one).mean()


@pytest.mark.parametrize("batch", [1, 8, 64])
def test_requests_in_place_are_their_rate_times_their_stay(simulate, batch):
    lengths = np.random.default_rng(4).integers(1, 2 * MEAN, 3000)
    costs = Made(PASS_S, sequence_s=1e-5, context_s=1e-9, prompt_token_s=1e-5, batch=batch)
    traffic = made_traffic(poisson_s(3000, 0.6 * batch**0.5, 5), 200, 1 + lengths)
    cluster = simulate(traffic, costs)
    rows, end_s = cluster.requests, cluster.requests["finish_s"].max()
    stay_s = (rows["finish_s"] - rows["start_s"]).mean()
    # Source: Little, A Proof for the Queuing Formula L = lambda W (Operations Research 9(3), 1961).
    assert cluster.replicas["sequence_s"].sum() / end_s == pytest.approx(len(rows) / end_s * stay_s, rel=0.001)
    assert cluster.replicas["block_s"].sum() == pytest.approx(
        (rows["need"] * (rows["finish_s"] - rows["start_s"])).sum(), rel=0.001
    )


@pytest.mark.parametrize(("answered", "together"), [(1.0, False), (0.5, True)])
def test_two_run_together_where_each_counts_for_half_its_answer_alone(simulate, answered, together):
    # Prompts of 40 blocks and answers of 20: whole they take 120 of 100 blocks, half-way 100.
    traffic = made_traffic([0.0, 0.0], 16 * 40, 16 * 20)
    rows = simulate(traffic, Made(PASS_S, batch=2, capacity=100, answered=answered)).requests
    assert bool(rows["start_s"][1] < rows["finish_s"][0]) is together


def test_a_request_that_never_fits_whole_is_turned_away_however_little_it_counts_for(simulate):
    traffic = made_traffic([0.0, 0.0], 16 * 60, [16 * 60, 16 * 30])
    rows = simulate(traffic, Made(PASS_S, batch=2, capacity=100, answered=0.5)).requests
    assert list(rows["fate"]) == [TOO_LONG, COMPLETED]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    batch=st.integers(1, 9),
    replicas=st.integers(1, 4),
    queue_limit=st.one_of(st.none(), st.integers(0, 3)),
    chunk=st.integers(1, 3000),
    ranks=st.integers(1, 3),
    capacity=st.integers(20, 400),
    answered=st.sampled_from([1.0, 0.5]),
    routing=st.sampled_from(["round-robin", "least-loaded", "prefix-affinity"]),
)
def test_requests_tokens_and_blocks_are_conserved(
    seed, batch, replicas, queue_limit, chunk, ranks, capacity, answered, routing
):
    draw = np.random.default_rng(seed)
    count = 60
    prompt, answer = draw.integers(1, 3000, count), draw.integers(1, 200, count)
    starts = draw.integers(0, 4, count)
    hashes = [
        [int(start) * 10 + at for at in range(-(-int(one) // 512))] for start, one in zip(starts, prompt, strict=True)
    ]
    traffic = made_traffic(np.sort(draw.exponential(1.0, count)), prompt, answer, hashes)
    room = {"batch": batch, "capacity": capacity, "answered": answered}
    costs = Made(1e-3, 1e-5, 1e-8, 1e-5, 1e-3, 0.7, chunk_tokens=chunk, ranks=ranks, **room)
    cluster = assemble(traffic, costs, Policies(replicas, routing, batch, queue_limit))
    run(cluster, kernel_of=lambda _: PLAINLY)
    rows, sites, entries, limits = cluster.requests, cluster.replicas, cluster.entries, cluster.limits
    done = rows["fate"] == COMPLETED
    assert not np.any(rows["fate"] == OPEN)
    assert sites["answer_tokens"].sum() == rows["answer"][done].sum()
    assert sites["prompt_tokens"].sum() + sites["cached_tokens"].sum() == rows["prompt"][done].sum()
    held = np.bincount(entries["replica"][entries["replica"] != NONE], minlength=replicas) if len(entries) else 0
    assert np.all(sites["free"] + sites["evictable"] * limits.hash_blocks == limits.capacity)
    assert np.all(sites["evictable"] <= held)
    assert not np.any(entries["used"][entries["used"] > 0])
    assert not np.any(rows["own"])
    assert sites["load"] == pytest.approx(np.zeros(replicas), abs=1e-6)
    assert np.all(sites["peak_blocks"] <= capacity)
    assert np.all(rows["cached"] < rows["prompt"])
    kept = rows[done]
    assert np.all(kept["arrival_s"] <= kept["start_s"])
    assert np.all(kept["start_s"] <= kept["first_s"])
    assert np.all(kept["first_s"] <= kept["finish_s"])
