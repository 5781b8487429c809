import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.performance import Layouts
from polysilicon.performance.sharding import expert_shard, shard_groups, shards
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


@settings(max_examples=20, deadline=None)
@given(shard=POWER, stage=st.sampled_from([1, 2, 3]))
def test_fewer_shards_never_make_the_optimizer_faster(mixture, step_of, shard, stage):
    sizes = [step_of(mixture, Layouts.one(dp=64, ep=8, zero_stage=stage, shard=one)) for one in (shard, 64)]
    assert sizes[0].optimizer_s >= sizes[1].optimizer_s


def test_the_experts_group_is_what_their_own_cut_leaves():
    assert expert_shard(16.0, 4.0) == 4.0
    assert expert_shard(4.0, 16.0) == 1.0
    assert np.array_equal(expert_shard(np.array([0.0, 8.0]), 2.0), [0.0, 4.0])
