from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.performance.course import (
    SHORT,
    Conditions,
    Course,
    follow,
    nodes_out,
    stall_s,
    with_interval,
    with_spares,
)

USUAL = Conditions(
    steps=100_000.0,
    step_s=10.0,
    busy_s=7.0,
    chips=4096.0,
    node_size=8.0,
    saved_bytes=1e12,
    holders=64.0,
    chip_days=40_000.0,
    downtime_s=900.0,
    fixed_s=0.5,
    snapshot_gbs=5.0,
    write_gbs=40.0,
    blocking=0.0,
    slowdown=0.02,
    node_share=0.5,
    repair_s=86_400.0,
    tdp_w=700.0,
    busy_share=0.9,
    waiting_share=0.5,
    idle_share=0.2,
)
CONDITIONS = st.builds(
    lambda chips, days, out, blocking: replace(USUAL, chips=chips, chip_days=days, downtime_s=out, blocking=blocking),
    st.sampled_from([8.0, 512.0, 16_384.0]),
    st.floats(5_000.0, 1e6),
    st.floats(60.0, 3600.0),
    st.sampled_from([0.0, 1.0]),
)


def decided(one, checkpoint_min=None, spare_nodes=None):
    return with_spares(with_interval(one, checkpoint_min), spare_nodes)


@given(CONDITIONS)
def test_the_parts_sum_to_the_whole_and_none_is_below_nought(one):
    course = follow(decided(one))
    parts = [float(getattr(course, name)) for name in Course.PARTS]
    assert min(parts) >= 0.0
    assert sum(parts) == pytest.approx(float(course.wall_s), rel=1e-9)


@given(CONDITIONS, st.floats(1.0, 10.0))
def test_chips_that_fail_less_often_never_make_a_run_with_the_same_spares_longer(one, times):
    often, seldom = (
        follow(decided(replace(one, chip_days=one.chip_days * by), spare_nodes=4.0)) for by in (1.0, times)
    )
    assert seldom.wall_s <= often.wall_s * (1.0 + 1e-9)
    assert seldom.interruptions <= often.interruptions * (1.0 + 1e-9)


@settings(max_examples=50)
@given(CONDITIONS, st.floats(0.2, 5.0))
def test_no_other_time_between_checkpoints_is_much_better_than_the_one_that_is_chosen(one, times):
    best = decided(one)
    other = decided(one, checkpoint_min=float(best.interval_s) * times / 60.0)
    assert follow(best).wall_s <= follow(other).wall_s * 1.002


def test_what_is_said_of_checkpoints_and_spares_holds_in_whole_steps():
    said = decided(USUAL, checkpoint_min=30.1, spare_nodes=3.0)
    assert said.interval_s == pytest.approx(1810.0)
    assert said.spares == 3.0


@given(CONDITIONS)
def test_spares_are_as_many_as_it_takes_to_hardly_wait_for_repairs(one):
    enough = decided(one)
    course = follow(enough)
    assert course.waiting_s <= SHORT * course.wall_s * (1.0 + 1e-9)
    if enough.spares > 0.0:
        fewer = follow(replace(enough, spares=enough.spares - 1.0))
        assert fewer.waiting_s > SHORT * fewer.wall_s * (1.0 - 1e-9)


def test_a_run_that_nothing_interrupts_takes_its_steps_and_checkpoints_and_their_energy():
    course = follow(decided(replace(USUAL, chip_days=1e15, fixed_s=0.0, snapshot_gbs=1e12, slowdown=0.0)))
    assert course.wall_s == pytest.approx(1e6, rel=1e-6)
    assert course.goodput_share == pytest.approx(1.0)
    busy_w = 700.0 * (0.7 * 0.9 + 0.3 * 0.5)
    assert course.energy_mwh == pytest.approx(4096.0 * busy_w * 1e6 / 3.6e9, rel=1e-6)


def test_training_that_waits_until_a_checkpoint_is_written_stands_longer():
    asynchronous, blocking = (stall_s(replace(USUAL, blocking=one)) for one in (0.0, 1.0))
    assert blocking - asynchronous == pytest.approx(1e12 / 40e9)


def test_a_table_of_conditions_gives_the_course_of_each():
    days = np.array([2_000.0, 40_000.0, 1e6])
    table = follow(decided(replace(USUAL, chip_days=days)))
    alone = [follow(decided(replace(USUAL, chip_days=one))) for one in days]
    assert list(table.wall_s) == pytest.approx([float(one.wall_s) for one in alone])
    assert list(nodes_out(replace(USUAL, chip_days=days))) == sorted(nodes_out(replace(USUAL, chip_days=days)))[::-1]
