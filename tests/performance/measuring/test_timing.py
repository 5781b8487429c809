import pytest

from polysilicon.performance.measuring.timing import LEAST_REPEATS, MOST_REPEATS, timed


class Clock:
    """A clock that a call moves on by the next of its times."""

    def __init__(self, times):
        self.times, self.now, self.calls = iter(times), 0.0, 0

    def call(self):
        self.now += next(self.times)
        self.calls += 1

    def __call__(self):
        return self.now


def taken(times, most_s=1e9):
    clock = Clock(times)
    return timed(clock.call, lambda: None, most_s, clock), clock


def test_the_least_of_seven_counts():
    found, _ = taken([9.0, 9.0, 9.0, *[2.0, 2.01, 2.02, 3.0, 3.0, 3.0, 3.0], 2.0])
    assert found.time_s == 2.0
    assert found.repeats == LEAST_REPEATS
    assert found.spread == pytest.approx(0.5)
    assert found.trusted


def test_more_samples_are_taken_until_some_agree():
    found, _ = taken([9.0] * 3 + [5.0, 1.0, 5.1, 5.2, 5.3, 5.4, 5.5, 6.0, 1.01, 1.02, 7.0])
    assert (found.time_s, found.repeats, found.trusted) == (1.0, 10, True)


def test_what_never_agrees_is_not_trusted():
    found, _ = taken([9.0] * 3 + [2.0**at for at in range(MOST_REPEATS + 5)], float("inf"))
    assert found.repeats == MOST_REPEATS
    assert not found.trusted


def test_patience_ends_with_the_budget():
    found, _ = taken([9.0] * 3 + [2.0**at for at in range(MOST_REPEATS + 5)], most_s=200.0)
    assert found.repeats == 8
    assert not found.trusted


def test_a_short_call_is_repeated_until_a_sample_can_be_read():
    found, clock = taken([1e-5] * 10_000)
    assert clock.calls == pytest.approx(3 + LEAST_REPEATS * 100, rel=0.05)
    assert found.time_s == pytest.approx(1e-5)
