import numpy as np
import pytest

from polysilicon.economics.unit_prices import usd_per_mtoken, usd_per_run
from polysilicon.records.bounded import Bounded


def test_deepseek_v3s_training_cost() -> None:
    """2.788 M H800 hours at 2 USD are 5.576 M USD. Source: DeepSeek-V3 technical report, arXiv 2412.19437."""
    assert usd_per_run(2.0, 2.788e6) == pytest.approx(5_576_000.0, rel=0.001)


def test_deepseeks_daily_serving_cost() -> None:
    """226.75 nodes of eight H800 at 2 USD cost 87,072 USD a day. Source: DeepSeek open-infra-index, 1 March 2025."""
    assert usd_per_run(226.75 * 8.0 * 2.0, 24.0) == pytest.approx(87_072.0, rel=1e-6)


def test_an_hour_of_work_is_shared_by_its_tokens() -> None:
    assert usd_per_mtoken(16.0, 14_800.0) == pytest.approx(0.3003, abs=1e-4)
    assert usd_per_mtoken(16.0, np.array([14_800.0, 29_600.0]))[1] == pytest.approx(0.15015, abs=1e-5)


def test_a_range_of_throughputs_turns_round() -> None:
    made = usd_per_mtoken(10.0, Bounded(1000.0, 500.0, 2000.0))
    assert made.low == pytest.approx(made.value / 2.0)
    assert made.high == pytest.approx(made.value * 2.0)
