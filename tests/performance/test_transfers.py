from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.performance import Layouts, Recipe
from polysilicon.performance.collectives import ALGORITHMS
from polysilicon.performance.communication import causal_wait, hidden_share
from polysilicon.performance.sharding import owned_tensors
from polysilicon.workloads.task import Training

WIDE = {"tp": 8, "pp": 2, "dp": 8, "cp": 2, "ep": 8, "zero_stage": 2}
OVERLAPS = {
    "tensor_hidden": "tensor_s",
    "context_hidden": "context_s",
    "expert_hidden": "expert_s",
    "pipeline_hidden": "pipeline_s",
    "data_hidden": "data_s",
}


@pytest.mark.parametrize(("field", "part"), OVERLAPS.items())
@settings(max_examples=10, deadline=None)
@given(share=st.floats(0, 1))
def test_overlap_can_be_asked_for_and_switched_off(mixture, step_of, field, part, share):
    layout = Layouts.one(**WIDE)
    off, some, most = (step_of(mixture, layout, Recipe(**{field: one})) for one in (0.0, share, 1.0))
    exposed = [float(np.ravel(getattr(one, part))[0]) for one in (off, some, most)]
    assert exposed[0] >= exposed[1] * (1 - 1e-12) >= exposed[2] * (1 - 1e-9)
    measured = float(np.ravel(getattr(step_of(mixture, layout), part))[0])
    assert exposed[0] >= measured >= exposed[2] * (1 - 1e-12)  # to ask for all is never slower than to ask nothing


# Numbers too small for a float's whole precision are no times.
@given(*(st.floats(0, most, allow_subnormal=False) for most in (1, 1, 10, 10)))
def test_no_more_is_hidden_than_there_is_compute_beside_or_measured_runs_hid(asked, fitted, transfer, beside):
    share = hidden_share(asked, fitted, transfer, beside)
    assert share * transfer <= max(beside, fitted * transfer) * (1 + 1e-12)
    assert share <= asked
    assert hidden_share(-1.0, fitted, transfer, beside) == fitted


def test_another_micro_batch_hides_more_of_an_exchange_than_shared_experts(mixture, step_of):
    layout = Layouts.one(dp=64, ep=32)
    shared, dual = (step_of(mixture, layout, Recipe(expert_hidden=1.0, dual_batch=one)) for one in (0.0, 1.0))
    assert dual.expert_s < shared.expert_s


@given(ep=st.sampled_from([2, 8, 16, 64]), chosen=st.integers(1, 16))
@settings(max_examples=20, deadline=None)
def test_a_token_that_goes_once_to_each_chip_never_travels_more(mixture, step_of, ep, chosen):
    model = replace(mixture, experts=64, experts_per_token=chosen)
    each, once = (step_of(model, Layouts.one(dp=64, ep=ep), Recipe(sent_once=one)).expert_s for one in (0.0, 1.0))
    assert once <= each * (1 + 1e-12)
    if chosen == 1:
        assert once == pytest.approx(each)  # there is no second copy to spare
    else:
        assert once < each


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_auto_is_the_fastest_algorithm_and_hierarchical_the_fitted_one(gpt3, step_of, algorithm):
    layout = Layouts.one(tp=8, dp=64, zero_stage=0)
    named = {one: step_of(gpt3, layout, Recipe(algorithm=float(at))) for at, one in enumerate(ALGORITHMS)}
    assert named["auto"].step_s <= named[algorithm].step_s * (1 + 1e-12)
    assert named["hierarchical"].step_s == step_of(gpt3, layout).step_s


def test_all_to_alls_pay_where_a_long_ring_has_many_heads_to_send(gpt3, step_of):
    task = Training(131072, 8)
    ring, exchanged = (
        step_of(gpt3, Layouts.one(tp=8, cp=4, dp=8, context=one), task=task) for one in ("ring", "all_to_all")
    )
    assert ring.context_s != exchanged.context_s
    assert exchanged.layers_s == ring.layers_s
    for context in ("ring", "all_to_all"):
        assert step_of(gpt3, Layouts.one(tp=8, context=context)).context_s == 0


def test_dealing_a_causal_sequence_out_in_order_makes_ranks_wait(small, step_of):
    task, layout = Training(65536, 8), Layouts.one(cp=8)
    even, order = (step_of(small, layout, Recipe(balanced_context=one), task=task) for one in (1.0, 0.0))
    assert order.layers_s > even.layers_s
    swapped = Layouts.one(cp=8, context="all_to_all")
    assert step_of(small, swapped, Recipe(balanced_context=0.0), task=task).layers_s == even.layers_s
    assert causal_wait(8.0, 1.0, 0.0, 0.0) == 16 / 9
    assert causal_wait(8.0, 0.0, 0.0, 0.0) == causal_wait(8.0, 1.0, 1.0, 0.0) == causal_wait(1.0, 1.0, 0.0, 0.0) == 1


def test_interleaved_stages_hand_over_beside_each_other_s_work(gpt3, step_of):
    """Each micro-batch is handed over four times as often, and most of it is hidden."""
    plain, interleaved = (step_of(gpt3, Layouts.one(pp=8, tp=8, interleave=one)).pipeline_s for one in (1, 4))
    assert 0 < interleaved < plain


@given(st.sampled_from([8, 64, 512, 1024]))
@settings(max_examples=4, deadline=None)
def test_owners_of_whole_tensors_take_longer_the_more_of_them_there_are(small, step_of, ranks):
    """Each sends its weights to all others through a chain that grows with them; ZeRO's slices are gathered at once."""
    sliced, whole, more = (
        step_of(small, Layouts.one(dp=dp, zero_stage=1), Recipe(whole_tensors=one))
        for dp, one in ((ranks, 0.0), (ranks, 1.0), (2 * ranks, 1.0))
    )
    assert sliced.data_s < whole.data_s < more.data_s


@pytest.mark.parametrize("layout", [{"dp": 1}, {"dp": 64, "zero_stage": 0}, {"dp": 64, "zero_stage": 3}])
def test_whole_tensors_have_owners_only_where_states_alone_are_split(mixture, step_of, layout):
    plain, asked = (step_of(mixture, Layouts.one(**layout), Recipe(whole_tensors=one)) for one in (0.0, 1.0))
    assert asked.step_s == plain.step_s


def test_owners_are_counted_within_their_group_and_stage(mixture, step_of):
    plain = Layouts.one(dp=64, zero_stage=1)
    whole = step_of(mixture, plain, Recipe(whole_tensors=1.0)).data_s
    grouped = step_of(mixture, Layouts.one(dp=64, zero_stage=1, shard=8), Recipe(whole_tensors=1.0)).data_s
    assert grouped < whole  # eight owners send inside a node what sixty-four send through all of them
    frozen = Recipe(whole_tensors=1.0, frozen=1.0, adapter_share=0.01)
    assert step_of(mixture, plain, frozen).data_s == step_of(mixture, plain, replace(frozen, whole_tensors=0.0)).data_s


def test_a_table_asks_for_owners_row_by_row(small, step_of):
    stages, flags = np.array([0.0, 1.0, 1.0, 3.0]), np.array([1.0, 1.0, 0.0, 1.0])
    table = replace(Layouts.one(dp=64), dp=np.full(4, 64.0))
    whole = np.broadcast_to(step_of(small, replace(table, zero_stage=stages), Recipe(whole_tensors=flags)).step_s, 4)
    for at in range(4):
        one = step_of(small, Layouts.one(dp=64, zero_stage=int(stages[at])), Recipe(whole_tensors=flags[at]))
        assert np.isclose(whole[at], float(np.ravel(one.step_s)[0]), rtol=1e-12)


@pytest.mark.parametrize("cut", [0, 1])
def test_a_layer_that_stops_early_sends_nothing_of_what_it_leaves_out(gpt3, step_of, cut):
    layout = Layouts.one(tp=8, recompute="full", sequence_parallel=cut)
    whole, lean = (step_of(gpt3, layout, Recipe(lean_recompute=one)) for one in (0.0, 1.0))
    # Of six all-reduces of a layer one is spared; of seven, with the extra gathers of a cut sequence, half of one.
    left = 5.0 / 6.0 if not cut else 6.5 / 7.0
    assert lean.tensor_s == pytest.approx(whole.tensor_s * left)
    assert lean.layers_s < whole.layers_s
    kept = Layouts.one(tp=8, sequence_parallel=cut)
    assert step_of(gpt3, kept, Recipe(lean_recompute=1.0)).step_s == step_of(gpt3, kept).step_s


def test_there_are_no_more_owners_than_ranks_nor_than_tensors():
    assert owned_tensors(7.0, 32.0, 1.0, 8.0) == 8.0
    assert owned_tensors(7.0, 32.0, 1.0, 1024.0) == 224.0
    assert owned_tensors(7.0, 32.0, 4.0, 1024.0) == 56.0


def test_a_table_mixes_what_its_rows_ask_for(mixture, step_of):
    asked = [
        {"schedule": "zero_bubble", "pp": 2},
        {"shard": 8, "dp": 64, "zero_stage": 3},
        {"expert_tp": 1, "tp": 4, "ep": 8, "dp": 8, "sequence_parallel": 1},
        {"context": "all_to_all", "cp": 4},
    ]
    rows = [Layouts.one(**one) for one in asked]
    names = Layouts.__dataclass_fields__
    table = Layouts(**{name: np.concatenate([getattr(one, name) + np.zeros(1) for one in rows]) for name in names})
    whole = step_of(mixture, table)
    for at, row in enumerate(rows):
        alone = step_of(mixture, row).columns()
        for name, value in whole.columns().items():
            assert np.isclose(np.broadcast_to(value, 4)[at], np.ravel(alone[name])[0], rtol=1e-12, atol=0), name
