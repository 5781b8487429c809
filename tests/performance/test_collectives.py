import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.performance.collectives import all_reduce_s, all_to_all_s, gather_s, inside

RANKS = st.sampled_from([1, 2, 4, 8, 16, 64, 256])
LINKS = (400e9, 50e9, 10e-6, 20e-6)


@given(RANKS, st.floats(1e3, 1e11))
def test_one_rank_sends_nothing(ranks, size):
    assert gather_s(size, 1.0, 1.0, *LINKS) == 0.0
    assert all_to_all_s(size, 1.0, 1.0, *LINKS) == 0.0


@given(RANKS, st.sampled_from([1, 2, 8]), st.floats(1e3, 1e11), st.floats(1.1, 10))
def test_more_bandwidth_never_slows_a_collective(ranks, stride, size, factor):
    near = inside(ranks, stride, 8.0)
    for one in (gather_s, all_reduce_s, all_to_all_s):
        slow = one(size, ranks, near, *LINKS)
        assert one(size, ranks, near, LINKS[0] * factor, *LINKS[1:]) <= slow
        assert one(size, ranks, near, LINKS[0], LINKS[1] * factor, *LINKS[2:]) <= slow


def test_a_gather_inside_one_domain_is_the_ring_formula():
    size, ranks = 1e9, 8.0
    expected = size * 7 / 8 / LINKS[0] + 7 * LINKS[2]
    assert np.isclose(gather_s(size, ranks, inside(ranks, 1.0, 8.0), *LINKS), expected)


def test_a_stride_as_wide_as_the_domain_leaves_every_rank_alone():
    assert inside(16.0, 8.0, 8.0) == 1.0
    assert inside(16.0, 2.0, 8.0) == 4.0
    assert inside(2.0, 2.0, 8.0) == 2.0
