from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.performance import Cluster, Space, estimate_training, search_training
from polysilicon.performance.space import divisors, layouts
from polysilicon.records.errors import NothingFits
from polysilicon.workloads.task import Training

CATALOGUE = load()
TASK = Training(2048, 64)


def h100(chips):
    return Cluster.from_catalogue(CATALOGUE, "nvidia-h100-sxm-80gb", chips)


@settings(max_examples=12, deadline=None)
@given(small_budget=st.integers(1, 80), more=st.integers(0, 80))
def test_a_larger_budget_never_slows_the_best(small, small_budget, more):
    space = Space(recompute=("full",), micro_batch=(1, 2))
    once = search_training(CATALOGUE, small, TASK, h100(small_budget), space)
    again = search_training(CATALOGUE, small, TASK, h100(small_budget + more), space)
    assert again.best.step_s[0] <= once.best.step_s[0]
    assert once.chips <= small_budget


def test_the_best_is_the_fastest_of_all_that_fit(mixture):
    cluster = h100(16)
    table = layouts(mixture, TASK, 16, 8, Space())
    every = estimate_training(CATALOGUE, mixture, TASK, cluster, table)
    found = search_training(CATALOGUE, mixture, TASK, cluster)
    assert found.best.step_s[0] <= np.min(every.step_s[every.fits])
    assert np.all(found.best.fits)
    assert np.all(np.diff(found.best.step_s) >= 0)


def test_every_layout_divides(mixture):
    table = layouts(mixture, TASK, 32, 8, Space(cp=(1, 2), precisions=("bf16", "fp8")))
    assert np.all(table.chips == 32)
    assert np.all(mixture.heads % table.tp == 0)
    assert np.all(TASK.global_batch % (table.dp * table.micro_batch) == 0)
    assert np.all(mixture.experts % table.ep == 0)
    assert len({tuple(table.row(at).items()) for at in range(len(table))}) == len(table)


def test_an_executor_finds_the_same(small):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as executor:
        shared = search_training(CATALOGUE, small, TASK, h100(16), executor=executor)
    alone = search_training(CATALOGUE, small, TASK, h100(16))
    assert list(shared.best.step_s) == list(alone.best.step_s)


def test_what_fits_nowhere_says_how_near_it_came(gpt3):
    with pytest.raises(NothingFits, match=r"nearest needs .* GiB of 80\.0 GiB a chip"):
        search_training(CATALOGUE, gpt3, Training(2048, 8), h100(8))


def test_a_batch_that_divides_nothing_says_so(small):
    with pytest.raises(NothingFits, match="batch"):
        search_training(CATALOGUE, replace(small, heads=1, layers=1), Training(2048, 1), h100(4), Space(tp=(2,)))


@given(st.integers(1, 5000))
def test_divisors_divide(number):
    assert divisors(number) == [one for one in range(1, number + 1) if number % one == 0]
