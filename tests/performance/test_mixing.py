from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.performance.mixing import Together, estimate_pools
from polysilicon.performance.pool_splits import SPLITS
from polysilicon.performance.pools import Link, pool
from polysilicon.records.errors import InputError, NothingFits, Unsupported
from polysilicon.workloads import Training, describe

CATALOGUE = load()
H100, A100, H20, ASCEND = "nvidia-h100-sxm-80gb", "nvidia-a100-sxm-80gb", "nvidia-h20-96gb", "huawei-ascend-910c"
TASK = Training(2048, 24)
CHIP = st.sampled_from([H100, A100, H20, ASCEND])
POOLS = st.lists(st.tuples(CHIP, st.sampled_from([1, 2, 4])), min_size=2, max_size=2)


def mixed(model, pools, link, task=TASK, by=("data", "layers")):
    return estimate_pools(CATALOGUE, model, task, [pool(CATALOGUE, *one) for one in pools], link, by)


def best_s(made):
    return made.splits[0].step_s


@settings(max_examples=10, deadline=None)
@given(pools=POOLS, gbs=st.floats(0.05, 200.0), factor=st.floats(1.1, 20.0), by=st.sampled_from(SPLITS))
def test_a_faster_link_never_hurts(small, pools, gbs, factor, by):
    together = Together.of(CATALOGUE, small, TASK, [pool(CATALOGUE, *one) for one in pools])

    def step_s(link):
        return together.splits(link, (by,))[0].step_s

    slow = step_s(Link(gbs, 5.0))
    assert step_s(Link(gbs * factor, 5.0)) <= slow * (1 + 1e-12)
    assert step_s(Link(gbs, 1.0)) <= slow * (1 + 1e-12)


@settings(max_examples=3, deadline=None)
@given(pools=POOLS, gbs=st.floats(0.05, 200.0))
def test_a_pool_more_that_may_stay_idle_never_slows_the_best(small, pools, gbs):
    task = replace(TASK, global_batch=6)
    made = mixed(small, pools, Link(gbs, 5.0), task)
    assert made.step_s <= min(one.step_s for one in made.alone)
    three = mixed(small, [*pools, (H20, 1)], Link(gbs, 5.0), task)
    assert three.step_s <= made.step_s * (1 + 1e-12)


@pytest.mark.parametrize("by", [("data",), ("layers",), ("data", "layers")])
def test_mixing_pays_above_the_break_even_and_not_below(small, by):
    pools, task = [(H100, 4), (A100, 4)], replace(TASK, global_batch=32)
    even = mixed(small, pools, Link(10.0, 1.0), task, by).break_even_gbs
    assert 0 < even < np.inf
    assert mixed(small, pools, Link(even * 1.001, 1.0), task, by).gain > -1e-6
    assert mixed(small, pools, Link(even / 1.01, 1.0), task, by).gain < 0


def test_no_bandwidth_pays_where_latency_alone_costs_more(small):
    assert mixed(small, [(H100, 8), (H20, 1)], Link(10.0, 5000.0)).break_even_gbs == np.inf


def test_gain_and_share_of_the_sum_are_those_of_the_tokens(small):
    made = mixed(small, [(H100, 4), (A100, 4)], Link(50.0, 1.0))
    rates = [one["tokens_per_s"] for one in made.to_dict()["alone"]]
    assert made.splits[0].tokens_per_s == pytest.approx(max(rates) * (1 + made.gain))
    assert made.splits[0].tokens_per_s == pytest.approx(sum(rates) * made.of_the_sum)


def test_where_no_pool_fits_alone_all_together_may(gpt3):
    made = mixed(gpt3, [(H100, 32), (H20, 24)], Link(25.0, 20.0), Training(2048, 64))
    assert all(one.best is None and "fits on no layout" in one.why for one in made.alone)
    assert [one.by for one in made.splits] == ["layers"]
    assert made.gain is None
    assert made.break_even_gbs is None
    assert made.step_s == best_s(made)


def test_where_two_of_three_pools_fit_the_third_stays_idle(gpt3):
    few = pool(CATALOGUE, H20, 1, {"memory_gb": 8.0})
    pools = [pool(CATALOGUE, H100, 32), few, pool(CATALOGUE, H20, 24)]
    made = estimate_pools(CATALOGUE, gpt3, Training(2048, 64), pools, Link(25.0, 20.0), ("layers",))
    assert made.splits == ()
    assert sorted(one.pool.chips for one in made.fewer.parts) == [24, 32]
    assert made.step_s == made.fewer.step_s


def test_a_model_that_fits_nowhere_says_the_nearest_miss(gpt3):
    with pytest.raises(NothingFits, match="together nor on one of them"):
        mixed(gpt3, [(H100, 2), (H20, 2)], Link(25.0, 20.0))


def test_what_can_not_be_mixed_is_refused(small):
    with pytest.raises(InputError, match="several pools"):
        mixed(small, [(H100, 8)], Link(1.0, 1.0))
    with pytest.raises(InputError, match="2 to 3"):
        mixed(small, [(H100, 8)] * 4, Link(1.0, 1.0))
    with pytest.raises(InputError, match="each of 2 pools a sequence"):
        mixed(small, [(H100, 8), (H20, 8)], Link(1.0, 1.0), Training(2048, 1))
    with pytest.raises(InputError, match="every share of a batch"):
        mixed(small, [(H100, 8), (H20, 8)], Link(1.0, 1.0), Training(2048, 10**6))
    with pytest.raises(Unsupported):
        mixed(describe(CATALOGUE, "dit-xl-2"), [(H100, 8), (H20, 8)], Link(1.0, 1.0))


def test_what_the_answer_does_not_rest_on_is_said(small):
    cpus = pool(CATALOGUE, "cpu-intel-6980p", 8, {"memory_gb": 768.0, "scaleup_bw_gbs": 100.0})
    made = estimate_pools(CATALOGUE, small, TASK, [cpus, pool(CATALOGUE, H20, 4)], Link(1.0, 1.0, every=8))
    said = " ".join(made.notes)
    assert "no measured case" in said
    assert "cpu-intel-6980p: unvalidated" in said
    assert "another algorithm" in said
