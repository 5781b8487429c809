from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from polysilicon.sweep import Ledger, run, workers

PARTS = [range(first, first + 7) for first in range(0, 70, 7)]


def total(part: Sequence[int]):
    return {"total": np.array([sum(part)])}


def totals(**options):
    return sorted(int(one["total"][0]) for one in run(total, PARTS, weight=len, **options))


ALONE = [sum(part) for part in PARTS]


def test_an_executor_finds_the_same():
    with ThreadPoolExecutor(2) as executor:
        assert totals(executor=executor) == ALONE == totals()


def test_a_pool_of_processes_finds_the_same():
    with workers(2) as executor:
        assert totals(executor=executor) == ALONE


def test_progress_ends_at_the_whole():
    seen = []
    totals(progress=lambda done, whole: seen.append((done, whole)))
    assert seen[0] == (7, 70)
    assert seen[-1] == (70, 70)


def test_a_stopped_sweep_goes_on_and_loses_nothing(tmp_path):
    evaluated = []

    def watched(part):
        evaluated.append(part)
        return total(part)

    stopped = run(watched, PARTS, weight=len, ledger=Ledger(tmp_path / "kept", "q", len(PARTS)))
    early = [next(stopped) for _ in range(4)]
    stopped.close()
    assert len(evaluated) == len(early) == len(Ledger(tmp_path / "kept", "q", len(PARTS)))
    again = run(watched, PARTS, weight=len, ledger=Ledger(tmp_path / "kept", "q", len(PARTS)))
    assert sorted(int(one["total"][0]) for one in again) == ALONE
    assert evaluated == PARTS


def test_stopping_calls_off_what_has_not_begun():
    with ThreadPoolExecutor(1) as executor:
        begun = []

        def slow(part):
            begun.append(part)
            return total(part)

        sweep = run(slow, [range(3)] * 1000, weight=len, executor=executor)
        next(sweep)
        sweep.close()
    assert len(begun) < 1000


def test_a_failing_part_fails_the_sweep():
    def fails(part):
        raise ArithmeticError("no")

    with ThreadPoolExecutor(1) as executor, pytest.raises(ArithmeticError):
        list(run(fails, PARTS, weight=len, executor=executor))
