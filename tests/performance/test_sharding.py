import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.performance import Layouts, Recipe
from polysilicon.performance.sharding import expert_shard, moving_stage, shard_groups, shards
from polysilicon.workloads.task import Training

POWER = st.sampled_from([1, 2, 4, 8, 16, 64])


@given(POWER, POWER, st.sampled_from([0, 1, 2, 3]))
def test_groups_times_their_size_are_the_replicas(replicas, shard, stage):
    size = shards(float(replicas), float(shard), float(stage))
    assert size * shard_groups(float(replicas), size) == replicas
    assert size == (min(shard, replicas) if stage else replicas)
    assert shards(float(replicas), 0.0, float(stage)) == replicas


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_a_group_of_all_replicas_is_plain_zero(gpt3, step_of, stage):
    whole = step_of(gpt3, Layouts.one(tp=8, dp=64, zero_stage=stage))
    grouped = step_of(gpt3, Layouts.one(tp=8, dp=64, zero_stage=stage, shard=64))
    assert grouped.data_s == whole.data_s
    assert grouped.step_s == whole.step_s


def test_a_group_inside_the_domain_pays_once_a_step_for_what_it_saves_with_every_micro_batch(gpt3, step_of):
    def data_s(batches, shard):
        task = Training(4096, 512 * batches)
        return step_of(gpt3, Layouts.one(dp=512, zero_stage=3, shard=shard), task=task).data_s

    assert data_s(8, 8) < data_s(8, 0)
    assert data_s(2, 8) - data_s(1, 8) < data_s(2, 0) - data_s(1, 0)


def test_a_pipeline_moves_weights_and_gradients_once_a_step_however_they_are_split():
    assert np.array_equal(moving_stage(np.array([0.0, 1.0, 2.0, 3.0]), 1.0), [0.0, 1.0, 2.0, 3.0])
    assert np.array_equal(moving_stage(np.array([0.0, 1.0, 2.0, 3.0]), 4.0), [0.0, 1.0, 1.0, 1.0])


def test_frozen_weights_that_are_split_are_gathered_in_a_pipeline_too(gpt3, step_of):
    frozen, cut = Recipe(frozen=1.0, adapter_share=0.01), {"tp": 8, "pp": 8, "dp": 8}
    kept, split = (step_of(gpt3, Layouts.one(**cut, zero_stage=stage), frozen).data_s for stage in (1, 3))
    assert kept == 0.0
    assert split > 0.0


@pytest.mark.parametrize(("pp", "more"), [(1, True), (8, False)])
def test_more_micro_batches_move_split_states_again_but_not_in_a_pipeline(gpt3, step_of, pp, more):
    cut = Layouts.one(tp=8, pp=pp, dp=64 // pp, zero_stage=3)
    few, many = (step_of(gpt3, cut, task=Training(4096, 512 * batches)).data_s for batches in (4, 8))
    assert (many > few) == more


@settings(max_examples=20, deadline=None)
@given(shard=POWER, stage=st.sampled_from([1, 2, 3]))
def test_fewer_shards_never_make_the_optimizer_faster(mixture, step_of, shard, stage):
    sizes = [step_of(mixture, Layouts.one(dp=64, ep=8, zero_stage=stage, shard=one)) for one in (shard, 64)]
    assert sizes[0].optimizer_s >= sizes[1].optimizer_s


def test_the_experts_group_is_what_their_own_cut_leaves():
    assert expert_shard(16.0, 4.0) == 4.0
    assert expert_shard(4.0, 16.0) == 1.0
    assert np.array_equal(expert_shard(np.array([0.0, 8.0]), 2.0), [0.0, 4.0])
