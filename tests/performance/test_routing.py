import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.performance import Cluster, Layouts, Recipe, estimate_training
from polysilicon.performance.routing import busiest_rows, expert_cut, expert_degree, local_rows
from polysilicon.workloads import Training


def test_experts_cut_as_the_model_change_nothing(mixture, step_of):
    layout = {"tp": 4, "dp": 8, "ep": 8, "sequence_parallel": 1}
    same, own = step_of(mixture, Layouts.one(**layout)), step_of(mixture, Layouts.one(**layout, expert_tp=4))
    assert same.columns() == own.columns()


@given(st.sampled_from([1, 2, 4, 8]), st.sampled_from([0, 1, 2, 4, 8]), st.sampled_from([1, 2, 8]))
def test_every_expert_weight_lies_on_as_many_chips_whatever_its_cut(tp, own, ep):
    degree = expert_degree(float(tp), float(min(own, tp)))
    cut = expert_cut(float(ep), float(tp), degree)
    held = 32.0 / cut / tp  # weights of a chip
    assert held * ep * degree == 32.0
    assert local_rows(100.0, float(tp), degree) * tp == 100.0 * degree


def test_whole_experts_spare_the_block_its_collective_and_feed_wider_products(mixture, step_of):
    layout = {"tp": 4, "dp": 8, "ep": 8, "sequence_parallel": 1, "micro_batch": 8}
    cut, whole = (step_of(mixture, Layouts.one(**layout, expert_tp=one)) for one in (0, 1))
    assert whole.tensor_s <= cut.tensor_s
    assert whole.layers_s < cut.layers_s


def test_experts_may_spread_over_tensor_ranks(mixture, step_of):
    """With experts of one rank each, 32 chips hold a different expert each, and none has a replica."""
    spread = step_of(mixture, Layouts.one(tp=4, dp=8, ep=32, expert_tp=1, sequence_parallel=1))
    apart = step_of(mixture, Layouts.one(tp=4, dp=8, ep=8, expert_tp=1, sequence_parallel=1))
    assert spread.optimizer_s < apart.optimizer_s * (1 + 1e-12)
    assert spread.expert_s > apart.expert_s


@settings(max_examples=20, deadline=None)
@given(imbalance=st.floats(1.0, 4.0))
def test_uneven_routing_only_costs_where_ranks_share_experts(mixture, step_of, imbalance):
    recipe = Recipe(imbalance=imbalance)
    for ep in (1, 8):
        even, uneven = (step_of(mixture, Layouts.one(dp=8, ep=ep), one) for one in (Recipe(), recipe))
        assert (uneven.step_s == even.step_s) if ep == 1 else (uneven.step_s >= even.step_s)


def test_a_capacity_bounds_what_the_busiest_rank_gets():
    assert busiest_rows(100.0, 8.0, 3.0, 0.0) == 300.0
    assert busiest_rows(100.0, 8.0, 3.0, 1.25) == 125.0
    assert list(busiest_rows(100.0, np.array([1.0, 8.0]), 3.0, 0.0)) == [100.0, 300.0]


@pytest.mark.parametrize("width", [1.0, 1.5])
def test_a_narrow_dispatch_shortens_the_exchange_in_proportion(mixture, step_of, width):
    layout = Layouts.one(dp=64, ep=32)
    wide, narrow = (step_of(mixture, layout, Recipe(dispatch_bytes=one)) for one in (2.0, width))
    assert width / 2 <= narrow.expert_s / wide.expert_s < 1


@pytest.mark.parametrize("ep", [1, 8])
def test_what_the_busiest_rank_works_on_it_also_keeps(catalogue, mixture, ep):
    """Rows beyond the mean take as much memory as they take time, whether they come of routing or of padding."""
    task, cluster = Training(4096, 64), Cluster.from_catalogue(catalogue, "nvidia-h100-sxm-80gb", 8)

    def made(**said):
        return estimate_training(catalogue, mixture, task, cluster, Layouts.one(dp=8, ep=ep), Recipe(**said))

    even, skewed, padded, dropped = (
        made(**said) for said in ({}, {"imbalance": 1.5}, {"capacity_factor": 1.5}, {"capacity_factor": 0.5})
    )
    kept = [one.memory.activation_bytes for one in (dropped, even, padded)]
    assert kept[0] < kept[1] < kept[2]
    assert kept[2] - kept[1] == pytest.approx(kept[1] - kept[0])
    same = padded if ep > 1 else even
    assert skewed.memory.memory_bytes == same.memory.memory_bytes
    assert skewed.parts.layers_s == same.parts.layers_s
