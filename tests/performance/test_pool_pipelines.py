from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.performance.pool_layers import LayerSeat, stretched
from polysilicon.performance.pool_pipelines import best_layers
from polysilicon.performance.pool_splits import layer_split
from polysilicon.performance.pools import Link, Seat, pool
from polysilicon.workloads import Training

CATALOGUE = load()
H100, A100, H20, ASCEND = "nvidia-h100-sxm-80gb", "nvidia-a100-sxm-80gb", "nvidia-h20-96gb", "huawei-ascend-910c"
TASK = Training(2048, 64)
FREE = Link(np.inf, 0.0)
CHIP = st.sampled_from([H100, A100, H20, ASCEND])


def seat(model, chip, chips, task=TASK):
    return Seat.of(CATALOGUE, model, task, pool(CATALOGUE, chip, chips))


def seats(model, pools, task=TASK):
    return [LayerSeat(seat(model, chip, chips, task)) for chip, chips in pools]


def singles(pool):
    return [table.take(np.array([at])) for table in pool.layouts.values() for at in range(len(table))]


def step_s(shares):
    return layer_split(shares).step_s if shares else np.inf


@settings(max_examples=15, deadline=None)
@given(
    pools=st.lists(st.tuples(CHIP, st.sampled_from([1, 2, 4, 7])), min_size=2, max_size=3),
    gbs=st.sampled_from([0.5, 10.0, 400.0]),
)
def test_stretches_sum_to_the_layers_and_rounds_agree(small, pools, gbs):
    shares = best_layers(seats(small, pools), Link(gbs, 5.0))
    assert sum(one.layers for one in shares) == small.layers
    assert len({float(one.layouts.dp[0] * one.layouts.micro_batch[0]) for one in shares}) == 1
    for one in shares:
        assert one.layers >= one.layouts.pp[0]
        assert one.memory_bytes <= one.seat.pool.cluster.memory_bytes


@pytest.mark.parametrize("gbs", [0.2, 1000.0])
@pytest.mark.parametrize("pools", [[(H100, 2), (ASCEND, 2)], [(H100, 1), (A100, 1), (H20, 1)]])
def test_no_other_stretches_or_layouts_are_faster(small, pools, gbs):
    task, link = replace(TASK, global_batch=4), Link(gbs, 20.0)
    shallow = replace(small, layers=5)
    found = seats(shallow, pools, task)
    made = best_layers(found, link)
    tried = 0
    for order in permutations(found) if len(found) == 2 else [found]:
        kinds = [
            [table.take(np.array([at])) for table in one.layouts.values() for at in range(len(table))] for one in order
        ]
        for cuts in list(product(*kinds))[::7]:
            if len({float(cut.dp[0] * cut.micro_batch[0]) for cut in cuts}) > 1:
                continue
            for layers in product(*(range(int(cut.pp[0]), 5) for cut in cuts)):
                if sum(layers) == 5:
                    chosen = [(one.seat, cut, own) for one, cut, own in zip(order, cuts, layers, strict=True)]
                    shares = stretched(chosen, link)
                    tried += 1
                    if all(one.memory_bytes <= one.seat.pool.cluster.memory_bytes for one in shares):
                        assert step_s(shares) >= step_s(made) * (1 - 1e-12)
    assert tried


def test_either_of_two_pools_may_come_first(small):
    pools, link = [(H100, 8), (ASCEND, 4)], Link(5.0, 20.0)
    assert step_s(best_layers(seats(small, pools), link)) == step_s(best_layers(seats(small, pools[::-1]), link))


def test_layouts_on_fewer_chips_are_found_where_all_do_not_come_out_even(small):
    shares = best_layers(seats(small, [(H100, 7), (A100, 13)]), Link(25.0, 1.0))
    assert all(one.layouts.chips[0] > one.seat.pool.chips / 2 for one in shares)


def test_a_model_has_to_have_a_layer_for_each_pool(small):
    assert best_layers(seats(replace(small, layers=1), [(H100, 2), (A100, 2)]), FREE) is None


def test_a_model_that_fits_no_pool_alone_can_fit_all_together(gpt3):
    alone, both = [(H100, 32), (H20, 32)], Link(25.0, 20.0)
    shares = best_layers(seats(gpt3, alone), both)
    assert sum(one.layers for one in shares) == gpt3.layers
