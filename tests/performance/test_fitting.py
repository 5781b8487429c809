import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.performance import Cluster, Layouts, Recipe, estimate_training
from polysilicon.performance.fitting import nearest_fit
from polysilicon.workloads import Training, transformer

KNOWN = load()
LARGE, MIXED = (transformer(KNOWN, name) for name in ("llama-3.1-70b", "mixtral-8x7b"))
TASK = Training(4096, 512)


def cluster(chips: int) -> Cluster:
    return Cluster.from_catalogue(KNOWN, "nvidia-h100-sxm-80gb", chips)


@settings(max_examples=15, deadline=None)
@given(
    tp=st.sampled_from([1, 2, 8]),
    pp=st.sampled_from([1, 4]),
    micro=st.sampled_from([1, 2]),
    zero=st.integers(0, 3),
    moe=st.booleans(),
)
def test_the_nearest_layout_fits_on_as_many_chips(tp: int, pp: int, micro: int, zero: int, *, moe: bool) -> None:
    model, where = (MIXED if moe else LARGE), cluster(64)
    asked = Layouts.one(tp=tp, pp=pp, dp=64 // tp // pp, micro_batch=micro, zero_stage=zero)
    near = nearest_fit(KNOWN, model, TASK, where, asked, Recipe())
    assert near is not None
    assert near.chips == asked.chips
    assert estimate_training(KNOWN, model, TASK, where, near).fits.all()
    if estimate_training(KNOWN, model, TASK, where, asked).fits.all():
        assert near.row(0) == asked.row(0)


def test_one_choice_changes_where_one_suffices() -> None:
    asked = Layouts.one(dp=64, ep=8)
    near = nearest_fit(KNOWN, MIXED, TASK, cluster(64), asked, Recipe())
    assert near is not None
    before, after = asked.row(0), near.row(0)
    assert {name for name in before if before[name] != after[name]} == {"zero_stage"}


@pytest.mark.parametrize("precision", ["bf16", "fp8"])
def test_what_fits_nowhere_has_no_nearest(precision: str) -> None:
    asked = Layouts.one(tp=8, precision=precision)
    assert not np.any(estimate_training(KNOWN, LARGE, TASK, cluster(8), asked).fits)
    assert nearest_fit(KNOWN, LARGE, TASK, cluster(8), asked, Recipe()) is None


@pytest.mark.parametrize(
    "asked",
    [
        Layouts.one(tp=8, pp=8, schedule="zero_bubble", zero_stage=0, micro_batch=64),
        Layouts.one(tp=8, dp=8, cp=1, zero_stage=0, offload_weights=0.5),
        Layouts.one(tp=2, pp=4, dp=8, sequence_parallel=1, recompute="full", recomputed_share=0.1, micro_batch=16),
    ],
)
def test_the_nearest_layout_says_nothing_that_means_nothing(asked: Layouts) -> None:
    long = Training(32_768, 512)
    near = nearest_fit(KNOWN, LARGE, long, cluster(64), asked, Recipe())
    assert near is not None
    assert near.pp > 1 or near.schedule == 0
    assert near.tp > 1 or near.sequence_parallel == 0
    assert near.zero_stage < 3 or near.offload_weights == 0
    assert near.recompute == 2 or near.recomputed_share == 1


def test_a_share_of_recomputation_that_is_too_small_is_not_the_end() -> None:
    """No layout on 64 chips fits so long a sequence with a tenth of the layers computed again; all of them do."""
    asked = Layouts.one(tp=8, pp=8, recompute="full", recomputed_share=0.0, sequence_parallel=1)
    long = Training(131_072, 512)
    near = nearest_fit(KNOWN, LARGE, long, cluster(64), asked, Recipe())
    assert near is not None
    assert near.recomputed_share == 1
    assert estimate_training(KNOWN, LARGE, long, cluster(64), near).fits.all()
