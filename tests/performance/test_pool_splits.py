from dataclasses import replace

import pytest

from polysilicon.performance import Layouts
from polysilicon.performance.pool_data import shared
from polysilicon.performance.pool_layers import stretched
from polysilicon.performance.pool_splits import data_split, layer_split
from polysilicon.performance.pools import Link, Seat, pool
from polysilicon.workloads import Training

H100, ASCEND = "nvidia-h100-sxm-80gb", "huawei-ascend-910c"
TASK, LINK = Training(2048, 64), Link(25.0, 5.0)


@pytest.fixture
def seat(catalogue, small):
    def seated(chip=H100, family=None):
        one = pool(catalogue, chip, 16)
        if family:
            one = replace(one, cluster=replace(one.cluster, family=family))
        return Seat.of(catalogue, small, TASK, one)

    return seated


def by_data(seats, shares=(32, 32)):
    cut = Layouts.one(dp=16, micro_batch=1)
    return data_split(shared([(one, cut, share) for one, share in zip(seats, shares, strict=True)], LINK))


def by_layers(seats, layers=(8, 8)):
    cut = Layouts.one(dp=8, pp=2, micro_batch=1)
    return layer_split(stretched([(one, cut, own) for one, own in zip(seats, layers, strict=True)], LINK))


@pytest.mark.parametrize("split", [by_data, by_layers])
def test_the_times_of_each_pool_sum_to_the_step(seat, split):
    made = split([seat(H100), seat(ASCEND)])
    for one in made.parts:
        assert one.compute_s + one.inside_s + one.link_s + one.waiting_s == pytest.approx(made.step_s, rel=1e-12)
        assert min(one.compute_s, one.inside_s, one.link_s, one.waiting_s) >= 0
    assert made.tokens_per_s == pytest.approx(64 * 2048 / made.step_s)


@pytest.mark.parametrize("split", [by_data, by_layers])
def test_errors_of_one_family_move_together(seat, split):
    seats = [seat(H100), seat(H100)]
    made, efficiency = split(seats), seats[0].efficiency
    assert made.low_s == pytest.approx(made.step_s * efficiency.low_ratio)
    assert made.high_s == pytest.approx(made.step_s * efficiency.high_ratio)


def test_errors_of_two_families_are_drawn_apart_and_the_slower_pool_governs(seat):
    made = by_data([seat(H100), seat(H100, family="another")])
    low, high = seat().efficiency.low_ratio, seat().efficiency.high_ratio
    # The larger of two equal independent draws is within the 5 % and 95 % points at these deviations of each.
    assert made.high_s == pytest.approx(made.step_s * high ** (1.9545 / 1.6449), rel=0.01)
    assert made.low_s == pytest.approx(made.step_s * low ** (0.7601 / 1.6449), rel=0.01)


def test_a_pool_with_little_to_do_hardly_widens_the_interval(seat):
    slow, idle = seat(H100), seat(H100, family="another")
    made = by_data([slow, idle], (48, 16))
    assert made.high_s == pytest.approx(made.step_s * slow.efficiency.high_ratio, rel=0.02)


@pytest.mark.parametrize("split", [by_data, by_layers])
def test_the_same_split_over_another_link_is_evaluated_again(seat, split):
    made = split([seat(H100), seat(ASCEND)])
    assert made.again(LINK).step_s == pytest.approx(made.step_s, rel=1e-12)
    assert made.again(Link(0.1, 5.0)).step_s > made.step_s
