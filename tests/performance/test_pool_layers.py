import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.performance import Cluster, Layouts, estimate_training
from polysilicon.performance.pool_layers import stretched
from polysilicon.performance.pool_splits import layer_split
from polysilicon.performance.pools import Link, Seat, pool
from polysilicon.workloads import Training

CATALOGUE = load()
H100 = "nvidia-h100-sxm-80gb"
TASK = Training(2048, 64)
FREE = Link(np.inf, 0.0)


def seat(model):
    return Seat.of(CATALOGUE, model, TASK, pool(CATALOGUE, H100, 16))


@settings(max_examples=30, deadline=None)
@given(
    tp=st.sampled_from([1, 2, 8]),
    pp=st.sampled_from([1, 2]),
    zero=st.sampled_from([0, 1]),
    micro=st.sampled_from([1, 2]),
    recompute=st.sampled_from(["none", "full"]),
    experts=st.booleans(),
    pools=st.sampled_from([2, 4]),
)
def test_equal_stretches_over_a_free_link_are_one_pipeline(
    small, mixture, tp, pp, zero, micro, recompute, experts, pools
):
    model, dp = mixture if experts else small, 16 // tp // pp
    cut = {"tp": tp, "dp": dp, "micro_batch": micro, "recompute": recompute, "zero_stage": zero}
    cut |= {"sequence_parallel": tp > 1, "ep": min(dp, 4) if experts else 1}
    made = layer_split(stretched([(seat(model), Layouts.one(**cut, pp=pp), 16 // pools)] * pools, FREE))
    cluster = Cluster.from_catalogue(CATALOGUE, H100, 16 * pools)
    one = estimate_training(CATALOGUE, model, TASK, cluster, Layouts.one(**cut, pp=pools * pp))
    if pools == 2:  # a middle stretch holds neither embedding nor head, which the plain pipeline gives every stage
        assert made.step_s == pytest.approx(one.step_s[0], rel=1e-9)
        assert made.low_s == pytest.approx(one.low_s[0], rel=1e-9)
        assert made.high_s == pytest.approx(one.high_s[0], rel=1e-9)
    assert made.step_s <= one.step_s[0] * (1 + 1e-9)
    assert made.parts[0].memory_bytes == pytest.approx(one.memory.memory_bytes[0], rel=1e-9)
