import numpy as np
import pytest
from tests.performance.replays.made import made_traffic

from polysilicon.performance.replays.traffic import alike
from polysilicon.records.errors import InputError

SHARED = made_traffic([0.0, 1.0, 4.0], [600, 700, 1200], [1, 2, 3], [[0], [0], [0, 1]])


def test_twice_as_fast_is_half_the_time():
    assert SHARED.faster(2).arrival_s.tolist() == [0, 0.5, 2]


def test_the_first_of_a_trace():
    cut = SHARED.of_length(2)
    assert cut.arrival_s.tolist() == [0, 1]
    assert cut.blocks.tolist() == [0, 0]


def test_laps_follow_a_mean_gap_apart_and_bring_prompts_of_their_own():
    laps = SHARED.of_length(7)
    assert laps.arrival_s.tolist() == [0, 1, 4, 6, 7, 10, 12]
    assert laps.prompt.tolist() == [600, 700, 1200, 600, 700, 1200, 600]
    assert laps.offset.tolist() == [0, 1, 2, 4, 5, 6, 8, 9]
    assert laps.blocks.tolist() == [0, 0, 0, 1, 2, 2, 2, 3, 4]
    assert laps.distinct_blocks == 6


def test_random_arrivals_come_at_their_rate_and_by_their_seed():
    drawn = alike(10, 20, 100_000, 5.0, 3)
    assert drawn.requests_per_s == pytest.approx(5.0, rel=0.01)
    # Source: the gaps of a Poisson process are exponential: their deviation is their mean.
    assert np.std(np.diff(drawn.arrival_s)) == pytest.approx(0.2, rel=0.01)
    assert np.array_equal(drawn.arrival_s, alike(10, 20, 100_000, 5.0, 3).arrival_s)
    assert not np.array_equal(drawn.arrival_s, alike(10, 20, 100_000, 5.0, 4).arrival_s)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: SHARED.faster(0),
        lambda: SHARED.faster(float("nan")),
        lambda: SHARED.of_length(0),
        lambda: SHARED.of_length(10**9),
        lambda: SHARED.poisson(-1.0, 0),
        lambda: alike(0, 1, 1, 1.0, 0),
        lambda: alike(1, 10**9, 1, 1.0, 0),
        lambda: made_traffic([], [], []).of_length(5),
    ],
)
def test_what_makes_no_sense_is_refused(ask):
    with pytest.raises(InputError):
        ask()
