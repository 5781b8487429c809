"""Runs of MLPerf: what the rules ask, and what a run that begins and ends empty shows."""

import pytest

from polysilicon.facts import load
from polysilicon.performance.serving_candidates import Candidates
from polysilicon.performance.serving_engine import emptied_share
from polysilicon.performance.serving_table import evaluate
from polysilicon.performance.serving_tails import most_load
from polysilicon.records.document import read_csv
from polysilicon.records.errors import UnknownName
from polysilicon.validation import mlperf
from polysilicon.validation.serving import CASES
from polysilicon.validation.serving_cases import Question, question


def asked(mode: str, model: str) -> Question:
    rows = (row for _, row in read_csv(CASES) if row["mode"] == mode and row["model"].startswith(model))
    return question(load(), next(rows))


def test_a_server_run_is_asked_under_its_promise() -> None:
    found = asked("MLPerf Interactive", "llama2")
    assert found.promise == mlperf.Promise(99.0, 450.0, 40.0)
    figures = evaluate(Candidates.of([found.asked]))
    assert figures.tpot_ms[0] <= 40.0
    # Ninety-nine of a hundred keep both; an estimate of a constant number in flight has some that start together.
    arrivals = mlperf.Benchmark.of(load(), "llama-2-70b", "interactive", "", 8).arrivals
    tail = most_load(found.asked, arrivals, found.promise)
    assert tail.running == pytest.approx(found.asked.concurrency, rel=0.05)
    assert tail.ttft_ms <= 450.0
    assert tail.tpot_ms <= 40.0


def test_targets_come_from_the_row_and_else_from_the_rules() -> None:
    stated = mlperf.Benchmark.of(load(), "llama-2-70b", "server", "TTFT<=3s TPOT<=90ms p99; available")
    ruled = mlperf.Benchmark.of(load(), "mixtral-8x7b", "server", "available")
    assert stated.promise == mlperf.Promise(99.0, 3000.0, 90.0)
    assert ruled.promise == mlperf.Promise(99.0, 2000.0, 200.0)


def test_an_offline_run_promises_nothing() -> None:
    assert asked("MLPerf Offline", "llama2").promise is None


def test_a_dataset_that_is_not_known_is_refused() -> None:
    with pytest.raises(UnknownName):
        mlperf.Benchmark.of(load(), "qwen3-32b", "server", "")


def test_long_answers_leave_chips_idle_at_the_end_of_a_run() -> None:
    long, short = asked("MLPerf Offline", "deepseek-r1"), asked("MLPerf Offline", "llama3.1-8b")
    assert long.share < 0.9
    assert 0.99 < short.share <= 1.0


def test_a_long_run_hides_its_end() -> None:
    assert emptied_share(660.0, 0.0125, 20_000.0, 4_000.0) == pytest.approx(660.0 / 860.0)
    assert emptied_share(1e9, 0.0125, 20_000.0, 4_000.0) == pytest.approx(1.0, abs=1e-6)
    assert emptied_share(660.0, 0.0125, 4_000.0, 4_000.0) == 1.0
