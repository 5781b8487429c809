import numpy as np
import pytest
from tests.performance.replays.made import Made, made_traffic

from polysilicon.performance.replays.assembly import Policies
from polysilicon.performance.replays.state import COMPLETED

COSTS = Made(1e-3, prompt_token_s=1e-4, batch=16)
TURN = [0, 1, 2, 3]


def test_a_prompt_is_read_from_where_the_cache_ends(simulate):
    cluster = simulate(made_traffic([0.0, 10.0, 20.0], 2100, 10, [TURN, [*TURN, 4], [0, 9]]), COSTS)
    assert cluster.requests["cached"].tolist() == [0, 2048, 512]
    read_s = cluster.requests["first_s"] - cluster.requests["start_s"]
    assert read_s == pytest.approx([0.21, 0.0052, 0.1588], rel=1e-6)


def test_at_least_one_token_is_always_read(simulate):
    cluster = simulate(made_traffic([0.0, 10.0], 2048, 10, [TURN, TURN]), COSTS)
    assert cluster.requests["cached"].tolist() == [0, 1536]


def test_a_block_that_a_prompt_does_not_fill_is_not_shared(simulate):
    cluster = simulate(made_traffic([0.0, 10.0], 700, 10, [[0, 1], [0, 1]]), COSTS)
    assert cluster.requests["cached"].tolist() == [0, 512]


def test_the_least_recently_used_goes_first_and_ends_of_prompts_before_beginnings(simulate):
    # Room for eight hashed blocks of 32: two prompts of four with their answers don't both stay.
    costs = Made(1e-3, prompt_token_s=1e-4, batch=1, capacity=8 * 32)
    hashes = [[0, 1, 2, 3], [10, 11, 12, 13], [0, 1, 2, 3]]
    cluster = simulate(made_traffic([0.0, 10.0, 20.0], 2049, 32, hashes), costs)
    assert cluster.replicas["evicted"][0] >= 1
    # The first prompt lost its end to the second one's answer, but its beginning is still there.
    assert 0 < cluster.requests["cached"][2] < 2048


def test_a_sequence_that_runs_keeps_its_blocks(simulate):
    costs = Made(1e-3, prompt_token_s=1e-4, batch=4, capacity=140)
    hashes = [[0, 1, 2, 3], [10, 11, 12, 13]]
    cluster = simulate(made_traffic([0.0, 1.0], 2049, 64, hashes), costs)
    # Both need more than half: the second waits for the first, and then evicts what it left.
    assert cluster.requests["fate"].tolist() == [COMPLETED, COMPLETED]
    cluster = simulate(made_traffic([0.0, 0.01], 2049, 64, hashes), costs)
    assert cluster.requests["start_s"][1] >= cluster.requests["finish_s"][0]


def test_without_a_cache_everything_is_read(simulate):
    cluster = simulate(made_traffic([0.0, 10.0], 2100, 10, [TURN, TURN]), COSTS, Policies(prefix_cache=False))
    assert not cluster.requests["cached"].any()


def test_reuse_never_makes_a_mean_first_token_later_and_never_changes_the_counts(simulate):
    draw = np.random.default_rng(0)
    count = 400
    users = draw.integers(0, 20, count)
    prompt = draw.integers(600, 4000, count)
    hashes = [
        [int(user) * 100 + at for at in range(-(-int(one) // 512))] for user, one in zip(users, prompt, strict=True)
    ]
    traffic = made_traffic(np.sort(draw.uniform(0, 300, count)), prompt, 50, hashes)
    first_s = {}
    for kept in (True, False):
        cluster = simulate(traffic, COSTS, Policies(2, prefix_cache=kept))
        assert (cluster.requests["fate"] == COMPLETED).all()
        assert cluster.replicas["answer_tokens"].sum() == 50 * count
        first_s[kept] = (cluster.requests["first_s"] - cluster.requests["arrival_s"]).mean()
    assert first_s[True] < first_s[False]


def test_affinity_finds_more_than_turns_do(simulate):
    draw = np.random.default_rng(1)
    users = draw.integers(0, 40, 400)
    hashes = [[int(user) * 100 + at for at in range(6)] for user in users]
    traffic = made_traffic(np.sort(draw.uniform(0, 600, 400)), 3000, 20, hashes)
    found = {
        routing: simulate(traffic, COSTS, Policies(8, routing)).requests["cached"].sum()
        for routing in ("round-robin", "prefix-affinity")
    }
    assert found["prefix-affinity"] > 1.2 * found["round-robin"]
