from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.performance.constraints import CONSTRAINTS, Limits, first_broken
from polysilicon.performance.grid import COLUMNS, Grid, table_of
from polysilicon.performance.layouts import CONTEXTS, RECOMPUTE, SCHEDULES, Layouts
from polysilicon.performance.space import AXES, Space, Terms, divisors, grids, layouts, stages
from polysilicon.workloads.task import Training

TASK = Training(2048, 64)


def rows_of(found: list[Grid]):
    return np.concatenate([np.zeros((0, len(COLUMNS))), *(one.rows(np.arange(len(one))) for one in found)])


def wide(model, sizes, space=None, **terms):
    return rows_of(grids(Terms(model, TASK, **terms), sizes, 8, space or Space.wide()))


def test_every_layout_divides(mixture):
    table = layouts(mixture, TASK, 32, 8, Space(cp=(1, 2), precisions=("bf16", "fp8")))
    assert np.all(table.chips == 32)
    assert np.all(mixture.heads % table.tp == 0)
    assert np.all(TASK.global_batch % (table.dp * table.micro_batch) == 0)
    assert np.all(mixture.experts % table.ep == 0)


@pytest.mark.parametrize("name", ["small", "mixture"])
def test_every_layout_of_the_widest_space_can_be_run(request, name):
    model = request.getfixturevalue(name)
    rows = wide(model, [16, 24], Space.wide(offload_weights=(0.0, 0.5)), fused_attention=False)
    limits = Limits(model.layers, model.heads, model.experts, TASK.sequence_length, TASK.global_batch, 24)
    broken = first_broken(limits, table_of(rows))
    assert not len(broken[broken >= 0]), CONSTRAINTS[int(broken[broken >= 0][0])].name
    assert len(rows) > 10_000


def test_no_layout_comes_twice(mixture):
    partly = Space.wide(offload_weights=(0.0,), offload_activations=(0.0, 0.5))
    rows = wide(mixture, [16], partly, fused_attention=False)
    assert len({row.tobytes() for row in rows}) == len(rows)


def test_a_choice_that_means_nothing_is_not_offered(small):
    table = table_of(wide(small, [16]))
    assert not np.any(table.recompute == RECOMPUTE.index("selective"))  # fused attention recomputes by itself
    alone = (table.dp * table.cp) == 1
    assert not np.any(table.zero_stage[alone])
    assert not np.any(table.schedule[table.pp == 1])
    assert not np.any(table.context[table.cp == 1])
    assert not np.any(table.sequence_parallel[table.tp == 1])


def test_selective_recomputation_by_operator_is_a_choice_beside_fused_attention(small):
    selective = RECOMPUTE.index("selective")
    rows = wide(small, [16], Space(recompute=("none", "selective")), drops_more=True)
    assert set(np.unique(table_of(rows).recompute)) == {0, selective}
    only = wide(small, [16], Space(recompute=("selective",)), drops_more=True)
    assert np.all(table_of(only).recompute == selective)


def test_every_choice_is_offered_where_it_means_something(small):
    table = table_of(wide(small, [16], fused_attention=False))
    assert set(np.unique(table.recompute)) == set(range(len(RECOMPUTE)))
    assert set(np.unique(table.schedule)) == set(range(len(SCHEDULES)))
    assert set(np.unique(table.context)) == set(range(len(CONTEXTS)))
    assert set(np.unique(table.zero_stage)) == {0, 1, 2, 3}
    assert set(np.unique(table.offload_activations)) == {0, 0.5, 1}
    assert len(np.unique(table.shard)) > 2


def test_recomputed_layers_are_whole(small):
    table = table_of(wide(small, [16], Space(recompute=("full",), recomputed_shares=(0.3, 0.5, 1.0))))
    covered = np.ceil(small.layers / table.pp) * table.recomputed_share
    assert np.allclose(covered, np.round(covered))


def test_what_is_asked_narrows(small):
    table = layouts(small, TASK, 16, 8, Space(tp=(4,), pp=(2,), micro_batch=(1,), zero_stages=(1,), interleave=(1,)))
    assert [table.said(0)[name] for name in ("tp", "pp", "dp", "micro_batch", "zero_stage")] == [4, 2, 2, 1, 1]
    assert len(table) == 2


def test_virtual_stages_that_are_asked_for_leave_out_pipelines_that_have_none(small):
    uneven = replace(small, layers=12)  # two in the longest of eight stages
    table = table_of(wide(uneven, [8, 16], Space(interleave=(3,))))
    assert set(np.unique(table.interleave[table.pp > 1])) == {3}
    assert 2 in table.pp
    assert 8 not in table.pp


def test_virtual_stages_cut_the_longest_stage_where_the_layers_do_not_come_out_even(small):
    table = table_of(wide(replace(small, layers=15), [16], Space()))
    assert set(np.unique(table.interleave[table.pp == 4])) == {1, 2, 4}


def test_more_asked_never_loses_a_layout(small):
    narrow, everything = (wide(small, [16], one) for one in (Space(), Space.wide(offload_weights=(0.0,))))
    assert {tuple(row) for row in narrow} <= {tuple(row) for row in everything}


def test_each_column_is_set_by_one_axis():
    cuts = {"tp", "pp", "dp", "cp", "ep", "expert_tp", "micro_batch", "interleave"}
    chosen = [name for axis in AXES for name in axis.columns]
    assert sorted([*cuts, *chosen]) == sorted(vars(Layouts()))


def test_a_model_without_a_common_divisor_has_no_layout(small):
    assert not grids(Terms(replace(small, heads=7), TASK), [11], 8, Space())


@given(st.integers(1, 5000))
def test_divisors_divide(number):
    assert divisors(number) == [one for one in range(1, number + 1) if number % one == 0]


def test_pipelines_may_end_a_layer_short():
    assert stages(6) == [1, 2, 3, 4, 6]


@given(st.integers(1, 2000))
def test_no_depth_is_left_out_whose_pace_no_shallower_one_keeps(layers):
    paces = {-(-layers // one): one for one in sorted(stages(layers), reverse=True)}
    assert all(paces[-(-layers // depth)] <= depth for depth in range(1, layers + 1))


def test_a_model_of_a_million_layers_has_few_depths_worth_a_look():
    assert len(stages(10**6)) < 2100


def test_a_depth_that_is_asked_for_is_tried_whatever_it_divides(small):
    assert 15 not in stages(small.layers)
    assert np.all(layouts(small, TASK, 30, 8, Space(pp=(15,))).pp == 15)
    assert not grids(Terms(small, TASK), [17], 8, Space(pp=(17,)))
