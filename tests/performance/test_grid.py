import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.performance.grid import COLUMNS, Grid, table_of


def grid_of(cuts, *lengths):
    axes = ({"zero_stage": np.arange(float(lengths[0]))}, {"recompute": np.arange(float(lengths[1]))})
    return Grid({"tp": np.arange(1.0, cuts + 1.0), "dp": np.arange(1.0, cuts + 1.0) ** 2}, axes)


SIZES = st.tuples(st.integers(1, 9), st.integers(1, 4), st.integers(1, 5))


@given(sizes=SIZES)
def test_rows_are_what_the_columns_broadcast_to(sizes):
    grid = grid_of(*sizes)
    shaped, rows = grid.layouts(), grid.rows(np.arange(len(grid)))
    for at, name in enumerate(COLUMNS):
        assert np.array_equal(np.broadcast_to(getattr(shaped, name), grid.shape).ravel(), rows[:, at]), name
        assert np.array_equal(getattr(table_of(rows), name), rows[:, at])


@settings(max_examples=60)
@given(sizes=SIZES, most=st.integers(1, 60), least_cuts=st.integers(1, 5))
def test_parts_hold_every_candidate_once(sizes, most, least_cuts):
    grid = grid_of(*sizes)
    parts = list(grid.parts(most, least_cuts))
    rows = np.concatenate([one.rows(np.arange(len(one))) for one in parts])
    assert {tuple(row) for row in rows} == {tuple(row) for row in grid.rows(np.arange(len(grid)))}
    assert len(rows) == len(grid)
    assert all(len(one) <= max(most, len(one) // one.shape[-1]) for one in parts)


def test_taking_cuts_keeps_the_choices():
    grid = grid_of(4, 2, 3)
    some = grid.take(np.array([True, False, True, False]))
    assert some.shape == (2, 3, 2)
    assert list(some.cuts["dp"]) == [1.0, 9.0]
