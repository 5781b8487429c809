import numpy as np
import pytest

from polysilicon.facts import load
from polysilicon.performance import Cluster, Recipe, Space, tally
from polysilicon.performance.search import asked
from polysilicon.performance.tally import Tally, evaluate
from polysilicon.workloads import Training

CATALOGUE = load()


@pytest.fixture(scope="module")
def question_and_grids(mixture):
    cluster = Cluster.from_catalogue(CATALOGUE, "nvidia-h100-sxm-80gb", 24)
    space = Space.wide(cp=(1, 2), shards=(0, 2), offload_weights=(0.0,), offload_activations=(0.0,))
    return asked(CATALOGUE, mixture, Training(2048, 48), cluster, space, Recipe(), 20, with_front=True)


def same(one, other):
    kept = one.arrays().keys() - {"counts"}
    assert all(np.array_equal(one.arrays()[name], other.arrays()[name]) for name in kept)
    assert (one.enumerated, one.feasible) == (other.enumerated, other.feasible)


@pytest.mark.parametrize(("block", "least_cuts"), [(1024, 1), (4096, 8), (1 << 19, 64)])
def test_the_size_of_a_block_changes_nothing(question_and_grids, monkeypatch, block, least_cuts):
    question, grids = question_and_grids
    whole = Tally.read(evaluate(question, grids))
    monkeypatch.setattr(tally, "BLOCK", block)
    monkeypatch.setattr(tally, "LEAST_CUTS", least_cuts)
    same(Tally.read(evaluate(question, grids)), whole)


def test_parts_add_up_in_any_order(question_and_grids):
    question, grids = question_and_grids
    whole = Tally.read(evaluate(question, grids))
    for parts in (grids, list(reversed(grids))):
        summed = Tally()
        for grid in parts:
            summed.add(question, Tally.read(evaluate(question, [grid])))
        same(summed, whole)
        assert summed.timed == whole.timed


def test_what_fits_nowhere_is_not_timed_and_the_nearest_is_kept(question_and_grids):
    from dataclasses import replace

    question, grids = question_and_grids
    tiny = replace(question, cluster=replace(question.cluster, memory_bytes=1e6))
    found = Tally.read(evaluate(tiny, grids))
    assert found.timed == found.feasible == len(found.best) == 0
    assert 1e6 < found.least_bytes < np.inf
    assert len(found.least) == 1


def test_only_cuts_that_memory_leaves_a_chance_are_timed(question_and_grids):
    question, grids = question_and_grids
    found = Tally.read(evaluate(question, grids))
    assert found.feasible <= found.timed <= found.enumerated == sum(len(one) for one in grids)
