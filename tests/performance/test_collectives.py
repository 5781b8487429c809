import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.performance.collectives import (
    all_reduce_s,
    all_to_all_s,
    broadcasts_s,
    chosen_all_reduce_s,
    gather_s,
    in_network_all_reduce_s,
    inside,
    ring_bytes_per_s,
    ring_gather_s,
    tree_all_reduce_s,
)

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


@given(RANKS, st.floats(1e3, 1e11), st.integers(1, 64))
def test_many_broadcasts_take_as_long_as_one_of_all_and_the_way_of_each(ranks, size, messages):
    near = inside(ranks, 1.0, 8.0)
    pace = ring_bytes_per_s(ranks, near, *LINKS[:2])
    one, many = (broadcasts_s(size, number, ranks, near, pace, *LINKS[2:]) for number in (1.0, float(messages)))
    assert (one == 0.0) == (ranks == 1)
    way = broadcasts_s(0.0, 1.0, ranks, near, pace, *LINKS[2:])
    assert np.isclose(many, one + (messages - 1) * way, rtol=1e-12)


def test_a_gather_inside_one_domain_is_the_ring_formula():
    size, ranks = 1e9, 8.0
    expected = size * 7 / 8 / LINKS[0] + 7 * LINKS[2]
    assert np.isclose(gather_s(size, ranks, inside(ranks, 1.0, 8.0), *LINKS), expected)


def test_a_stride_as_wide_as_the_domain_leaves_every_rank_alone():
    assert inside(16.0, 8.0, 8.0) == 1.0
    assert inside(16.0, 2.0, 8.0) == 4.0
    assert inside(2.0, 2.0, 8.0) == 2.0


@given(RANKS, st.floats(1e3, 1e11), st.sampled_from([1, 2, 8]))
def test_every_algorithm_sends_nothing_alone_and_no_less_than_the_data_once(ranks, size, stride):
    near = inside(float(ranks), stride, 8.0)
    pace = ring_bytes_per_s(float(ranks), near, *LINKS[:2])
    times = [
        all_reduce_s(size, float(ranks), near, *LINKS),
        2 * ring_gather_s(size, float(ranks), near, pace, *LINKS[2:]),
        tree_all_reduce_s(size, float(ranks), near, pace, *LINKS[2:]),
        in_network_all_reduce_s(size, float(ranks), near, *LINKS, 1.0, 1.0),
    ]
    if ranks == 1:
        assert all(one == 0 for one in times)
    else:
        assert all(one >= size / LINKS[0] for one in times)
    assert chosen_all_reduce_s(*times, 4.0) == min(times)
    assert [chosen_all_reduce_s(*times, float(at)) for at in range(4)] == times


@given(RANKS, st.floats(1e3, 1e11))
def test_switches_that_add_up_never_lose_to_rings_and_without_them_rings_remain(ranks, size):
    near = inside(float(ranks), 1.0, 8.0)
    ring = all_reduce_s(size, float(ranks), near, *LINKS)
    assert np.isclose(in_network_all_reduce_s(size, float(ranks), near, *LINKS, 0.0, 0.0), ring, rtol=1e-12)
    assert in_network_all_reduce_s(size, float(ranks), near, *LINKS, 1.0, 1.0) <= ring * (1 + 1e-12)


def test_each_algorithm_has_the_case_it_was_made_for():
    near = inside(512.0, 1.0, 8.0)
    pace = ring_bytes_per_s(512.0, near, *LINKS[:2])
    for size, wins in ((1e3, "tree"), (1e13, "ring")):
        ring = 2 * ring_gather_s(size, 512.0, near, pace, *LINKS[2:])
        tree = tree_all_reduce_s(size, 512.0, near, pace, *LINKS[2:])
        assert (tree < ring) == (wins == "tree")
    whole = in_network_all_reduce_s(1e10, 8.0, 8.0, *LINKS, 1.0, 0.0)
    assert np.isclose(all_reduce_s(1e10, 8.0, 8.0, *LINKS) / whole, (2 * 7 / 8) / (9 / 8), rtol=1e-2)
