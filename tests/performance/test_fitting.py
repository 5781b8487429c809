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
