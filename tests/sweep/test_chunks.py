from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.sweep import chunks, run


@given(st.integers(0, 10_000), st.integers(1, 3_000))
def test_chunks_cover_the_range_once_and_in_order(count, most):
    assert [one for part in chunks(count, most) for one in part] == list(range(count))
    assert all(0 < len(part) <= most for part in chunks(count, most))


def test_a_chunk_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one candidate"):
        list(chunks(5, 0))


def test_an_executor_finds_the_same_in_the_same_order():
    alone = list(run(sum, 1_000, most=37))
    with ThreadPoolExecutor(2) as executor:
        assert list(run(sum, 1_000, most=37, executor=executor)) == alone


def test_progress_ends_at_the_whole():
    seen = []
    list(run(sum, 100, most=30, progress=lambda done, count: seen.append((done, count))))
    assert seen == [(30, 100), (60, 100), (90, 100), (100, 100)]
