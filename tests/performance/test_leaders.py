import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.performance.grid import COLUMNS
from polysilicon.performance.leaders import Leaders, Map, front, leading, together

# Few values, so that ties are many.
FIGURES = st.lists(st.tuples(*[st.integers(1, 6)] * 3), min_size=1, max_size=60)


def leaders_of(figures):
    rows = np.ones((len(figures), len(COLUMNS)))
    rows[:, COLUMNS.index("micro_batch")] = np.arange(len(figures))
    return Leaders(rows, np.array(figures, float))


def unbeaten(figures):
    return {
        one
        for one in figures
        if not any(all(a <= b for a, b in zip(other, one, strict=True)) and other != one for other in figures)
    }


@given(figures=FIGURES)
def test_the_front_is_what_nothing_beats(figures):
    found = front(leaders_of(figures))
    kept = [tuple(int(x) for x in one) for one in found.figures]
    assert set(kept) == unbeaten(figures)
    assert len(kept) == len(set(kept))


@given(figures=FIGURES, order=st.randoms(use_true_random=False), cut=st.integers(0, 60))
def test_neither_order_nor_parts_change_what_is_kept(figures, order, cut):
    every = leaders_of(figures)
    shuffled = list(range(len(every)))
    order.shuffle(shuffled)
    first, second = (every.take(np.array(one, dtype=np.intp)) for one in (shuffled[:cut], shuffled[cut:]))
    for keep in (front, lambda found: leading(found, 5)):
        whole, parted = keep(every), keep(together([keep(first), keep(second)]))
        assert np.array_equal(whole.rows, parted.rows)
        assert np.array_equal(whole.figures, parted.figures)


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), some=st.integers(1, 40))
def test_the_map_never_hides_a_member(seed, some):
    random = np.random.default_rng(seed)
    figures = random.integers(1, 40, (300, 3)) * random.choice([1e-3, 1.0, 1e9], 3)
    every = leaders_of([tuple(one) for one in figures])
    open_ = Map(front(every.take(np.arange(some)))).open(*every.figures.T)
    assert np.array_equal(front(every.take(open_)).figures, front(every).figures)


def test_the_fastest_come_first_then_the_fewest_chips():
    found = leaders_of([(2, 1, 1), (1, 9, 9), (1, 9, 9)])
    found.rows[1, COLUMNS.index("tp")] = 4
    best = leading(found, 2)
    assert list(best.step_s) == [1, 1]
    assert list(best.rows[:, COLUMNS.index("tp")]) == [1, 4]


def test_what_is_kept_goes_through_a_file_unchanged():
    found = leaders_of([(1, 2, 3), (2, 1, 3)])
    again = Leaders.read("best", found.arrays("best"))
    assert np.array_equal(again.rows, found.rows)
    assert np.array_equal(again.figures, found.figures)
