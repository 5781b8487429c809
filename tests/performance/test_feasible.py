from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.performance import CONTEXTS, SCHEDULES, Cluster, Layouts, estimate_training
from polysilicon.performance.constraints import CONSTRAINTS, Limits, first_broken
from polysilicon.performance.feasible import check, nearest
from polysilicon.records.errors import InputError
from polysilicon.workloads import transformer
from polysilicon.workloads.task import Training

CATALOGUE = load()
TASK = Training(4096, 96)
H100 = "nvidia-h100-sxm-80gb"
CLUSTER = Cluster.from_catalogue(CATALOGUE, H100, 256)
ANY = st.integers(1, 24)


@st.composite
def wild_layout(draw):
    """Any layout a person might type, possible or not."""
    return Layouts.one(
        **{name: draw(ANY) for name in ("tp", "pp", "dp", "cp", "ep", "micro_batch", "interleave")},
        expert_tp=draw(st.integers(0, 8)),
        shard=draw(st.integers(0, 8)),
        zero_stage=draw(st.integers(0, 3)),
        sequence_parallel=draw(st.integers(0, 1)),
        schedule=draw(st.sampled_from(SCHEDULES)),
        context=draw(st.sampled_from(CONTEXTS)),
    )


@settings(max_examples=80, deadline=None)
@given(layout=wild_layout(), moe=st.booleans())
def test_the_nearest_layout_always_works(small, mixture, layout, moe):
    limits = Limits.of(mixture if moe else small, TASK, CLUSTER)
    near = nearest(limits, layout)
    assert first_broken(limits, near)[0] == -1
    if first_broken(limits, layout)[0] == -1:
        assert near is layout


@pytest.mark.parametrize(
    ("degrees", "name", "words"),
    [
        ({"dp": 512}, "chips", "at most 256 chips"),
        ({"tp": 3}, "heads", "divisors of 16 heads"),
        ({"tp": 4, "cp": 8, "context": "all_to_all"}, "context heads", "or a ring"),
        ({"cp": 3}, "sequence", "divisors of 4096 tokens"),
        ({"pp": 17}, "layers", "at most 16 stages"),
        ({"pp": 4, "interleave": 3}, "virtual stages", "divisors of the 4 layers of the longest stage: 1, 2, 4"),
        ({"interleave": 2}, "virtual stages", "pp above 1"),
        ({"pp": 2, "interleave": 2, "schedule": "zero_bubble"}, "zero-bubble", "schedule 1f1b"),
        ({"dp": 5}, "batch", "divisors of 96 sequences"),
        ({"dp": 8, "micro_batch": 5}, "micro-batch", "divisors of 12 sequences: 1, 2, 3, 4, 6, 12"),
        ({"pp": 8, "dp": 32, "interleave": 2}, "rounds", "multiple of pp"),
        ({"tp": 4, "expert_tp": 3}, "experts' tensor degree", "0 (as tp), 1, 2, 4"),
        ({"tp": 4, "expert_tp": 1}, "experts' tokens", "sequence_parallel 1"),
        ({"dp": 12, "ep": 12}, "experts", "divisors of 32 experts"),
        ({"dp": 2, "ep": 4}, "expert ranks", "1, 2"),
        ({"dp": 8, "shard": 3}, "shard group", "1, 2, 4, 8"),
        ({"dp": 8, "shard": 4, "zero_stage": 0}, "shard group", "with ZeRO"),
    ],
)
def test_an_impossible_layout_says_what_it_breaks_and_what_works(mixture, degrees, name, words):
    asked = Layouts.one(**degrees)
    assert CONSTRAINTS[first_broken(Limits.of(mixture, TASK, CLUSTER), asked)[0]].name == name
    with pytest.raises(InputError) as caught:
        estimate_training(CATALOGUE, mixture, TASK, CLUSTER, asked)
    assert words in str(caught.value)
    assert "the nearest layout that works" in str(caught.value)


def test_a_dense_model_has_no_experts_to_cut(small):
    with pytest.raises(InputError, match="the model has no experts"):
        check(small, TASK, CLUSTER, Layouts.one(dp=8, ep=8))


def test_the_nearest_layout_keeps_the_chips_and_changes_little(gpt3):
    limits = Limits.of(gpt3, Training(2048, 1536), replace(CLUSTER, chips=512.0))
    near = nearest(limits, Layouts.one(tp=8, pp=7, dp=9)).row(0)
    assert (near["tp"], near["pp"], near["dp"]) == (8, 8, 8)


def test_a_bad_row_of_a_table_is_named_by_its_place(small):
    table = Layouts(tp=np.array([1.0, 2.0, 3.0]))
    with pytest.raises(InputError, match="layout 3 of 3"):
        check(small, TASK, CLUSTER, table)


def test_the_published_pipeline_of_a_model_whose_layers_its_stages_do_not_divide_can_be_run():
    """Llama 3 405B on 16,384 H100: 126 layers over 16 stages, interleaved, 41 % MFU (arXiv 2407.21783, table 4)."""
    model, cluster = transformer(CATALOGUE, "llama-3.1-405b"), Cluster.from_catalogue(CATALOGUE, H100, 16_384)
    cut = Layouts.one(tp=8, pp=16, dp=128, interleave=8, sequence_parallel=1)
    made = estimate_training(CATALOGUE, model, Training(8192, 2048), cluster, cut)
    shortest, longest = (made.mfu_pct * made.step_s / end for end in (made.high_s, made.low_s))
    assert shortest[0] < 41.0 < longest[0]
