from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.performance import Cluster, Layouts, estimate_training
from polysilicon.performance.constraints import Limits, first_broken
from polysilicon.performance.pool_data import DataSeat, best_data, shared
from polysilicon.performance.pool_splits import data_split
from polysilicon.performance.pools import Link, Seat, pool
from polysilicon.workloads import Training

CATALOGUE = load()
H100, A100, H20, ASCEND = "nvidia-h100-sxm-80gb", "nvidia-a100-sxm-80gb", "nvidia-h20-96gb", "huawei-ascend-910c"
TASK = Training(2048, 64)
# A link that costs no more than the pools' own network.
FREE = Link(np.inf, 0.0)
CHIP = st.sampled_from([H100, A100, H20, ASCEND])


def seat(model, chip, chips, task=TASK, said=None):
    return Seat.of(CATALOGUE, model, task, pool(CATALOGUE, chip, chips, said))


def together(model, pools, task=TASK, said=None):
    chips = sum(count for _, count in pools)
    return [DataSeat(seat(model, chip, count, task, said), len(pools), chips) for chip, count in pools]


def can_run(seat, cut, sequences):
    limits = Limits.of(seat.model, replace(seat.task, global_batch=sequences), seat.pool.cluster)
    return first_broken(limits, cut)[0] < 0


def step_s(shares):
    return data_split(shares).step_s if shares else np.inf


@settings(max_examples=30, deadline=None)
@given(
    tp=st.sampled_from([1, 2, 8]),
    pp=st.sampled_from([1, 2]),
    zero=st.sampled_from([1, 2, 3]),
    micro=st.sampled_from([1, 2]),
    recompute=st.sampled_from(["none", "full"]),
    experts=st.booleans(),
)
def test_equal_pools_over_a_free_link_are_one_cluster_with_two_sharding_groups(
    small, mixture, tp, pp, zero, micro, recompute, experts
):
    model, dp = mixture if experts else small, 16 // tp // pp
    cut = {"tp": tp, "pp": pp, "micro_batch": micro, "recompute": recompute, "zero_stage": zero}
    cut |= {"sequence_parallel": tp > 1, "ep": min(dp, 4) if experts else 1}
    chosen = [(seat(model, H100, 16), Layouts.one(**cut, dp=dp), 32)] * 2
    made = data_split(shared(chosen, FREE))
    cluster = Cluster.from_catalogue(CATALOGUE, H100, 32)
    one = estimate_training(CATALOGUE, model, TASK, cluster, Layouts.one(**cut, dp=2 * dp, shard=dp))
    assert made.step_s == pytest.approx(one.step_s[0], rel=1e-9)
    assert made.low_s == pytest.approx(one.low_s[0], rel=1e-9)
    assert made.high_s == pytest.approx(one.high_s[0], rel=1e-9)
    assert made.parts[0].memory_bytes == pytest.approx(one.memory.memory_bytes[0], rel=1e-9)


@settings(max_examples=15, deadline=None)
@given(
    pools=st.lists(st.tuples(CHIP, st.sampled_from([1, 2, 4, 12])), min_size=2, max_size=3),
    batch=st.integers(3, 40),
    gbs=st.sampled_from([0.5, 10.0, 400.0]),
)
def test_shares_are_whole_micro_batches_that_sum_to_the_batch(small, pools, batch, gbs):
    shares = best_data(together(small, pools, replace(TASK, global_batch=batch)), Link(gbs, 5.0))
    assert sum(one.sequences for one in shares) == batch
    for one in shares:
        assert can_run(one.seat, one.layouts, one.sequences)
        assert one.memory_bytes <= one.seat.pool.cluster.memory_bytes


@settings(max_examples=5, deadline=None)
@given(order=st.permutations([(H100, 4), (A100, 8), (ASCEND, 2)]), gbs=st.sampled_from([1.0, 100.0]))
def test_the_order_of_the_pools_changes_nothing(small, order, gbs):
    task, link = replace(TASK, global_batch=24), Link(gbs, 1.0)
    expected = best_data(together(small, [(H100, 4), (A100, 8), (ASCEND, 2)], task), link)
    assert step_s(best_data(together(small, order, task), link)) == pytest.approx(step_s(expected), rel=1e-12)


@pytest.mark.parametrize("gbs", [0.2, 5.0, 1000.0])
@pytest.mark.parametrize("batch", [5, 8])
def test_no_other_shares_or_layouts_are_faster(small, batch, gbs):
    task, link = replace(TASK, global_batch=batch), Link(gbs, 20.0)
    seats = together(small, [(H100, 2), (ASCEND, 2)], task)
    made = best_data(seats, link)
    choices = [
        [
            rounds.layouts.take(np.array([at]))
            for rounds in one.rounds
            for at in range(len(rounds.layouts))
            if np.isfinite(rounds.ready_s[:, at]).any()
        ]
        for one in seats
    ]
    # Every 23rd pair is evaluated afresh: that many keep the test short.
    pairs = list(product(*choices))[::23]
    for (first, second), share in product(pairs, range(1, batch)):
        counts = share, batch - share
        chosen = [(one.seat, cut, count) for one, cut, count in zip(seats, (first, second), counts, strict=True)]
        if not all(can_run(*one) for one in chosen):
            continue
        assert step_s(shared(chosen, link)) >= step_s(made) * (1 - 1e-12)


def test_a_reduction_after_several_steps_costs_each_its_part(small):
    seats = together(small, [(H100, 16), (H20, 16)])
    often, seldom = (best_data(seats, Link(0.1, 20.0, every)) for every in (1, 100))
    assert max(one.link_s for one in seldom) < max(one.link_s for one in often) / 20
    assert step_s(seldom) < step_s(often)


def test_gradients_cross_the_link_once_whoever_holds_them(small):
    weights = 16 * (2048 * 128 * 48 + 3 * 2048 * 8192) + 2 * 2048 * 32000
    cut = {"zero_stage": 1, "dp": 16}
    shares = shared([(seat(small, H100, 16), Layouts.one(**cut), 32)] * 2, Link(0.001, 0.0))
    whole_s = 4 * weights / 0.001e9  # an all-reduce of two pools moves half of it twice
    assert shares[0].link_s == pytest.approx(whole_s, rel=0.05)


def test_pools_too_small_for_the_model_have_no_split(gpt3):
    assert best_data(together(gpt3, [(H100, 8), (H20, 8)]), FREE) is None
