from itertools import repeat

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.validation.score import Score
from polysilicon.validation.statistics import (
    grouped,
    interval_score,
    one_a_case,
    parts,
    slower,
    statistics,
    truth,
)


def score(predicted=110.0, measured=100.0, low=90.0, high=130.0, **told):
    error = 100.0 * (predicted / measured - 1.0)
    given_ = {"case_id": "a", "quantity": "step_time_s", "source": "s", **told}
    return Score(predicted=predicted, measured=measured, low=low, high=high, error_pct=error, **given_)


def test_the_statistics_of_one_score_are_its_own():
    told = statistics([score()])
    assert told.predicted == told.cases == 1
    assert told.median_error_pct == told.p90_error_pct == told.mean_error_pct == pytest.approx(10.0)
    assert told.bias_pct == pytest.approx(10.0)
    assert told.inside_90_pct == 100.0
    assert told.median_width_pct == pytest.approx(100 * 40 / 110)
    assert told.width_over_error == pytest.approx(told.median_width_pct / 10)
    assert told.interval_score_pct == pytest.approx(40.0)


def test_nothing_predicted_counts_as_nothing():
    told = statistics([Score(case_id="a", quantity="step_time_s", measured=1.0, status="unsupported", why="it is")])
    assert told.predicted == 0
    assert told.median_error_pct is told.inside_90_pct is told.interval_score_pct is told.bias_pct is None


def test_words_agree_or_not_and_have_no_error():
    said = [Score(case_id=one, quantity="oom", predicted="oom", measured=one) for one in ("oom", "fits")]
    told = statistics(said)
    assert told.agree_pct == 50.0
    assert told.median_error_pct is None


def test_a_rate_predicted_too_high_is_a_time_predicted_too_short():
    fast = score(120.0, quantity="tokens_per_s_per_chip")
    assert slower(fast) == pytest.approx(1 / 1.2)
    assert statistics([fast]).bias_pct == pytest.approx(100 / 1.2 - 100)
    assert slower(score(120.0)) == pytest.approx(1.2)
    assert slower(score(120.0, quantity="mfu_pct")) == pytest.approx(1 / 1.2)
    assert slower(score(120.0, quantity="peak_mem_gib")) == pytest.approx(1.2)


@given(low=st.floats(1, 50), width=st.floats(0, 50), measured=st.floats(0.1, 200), wider=st.floats(0, 10))
def test_the_interval_score_is_the_width_where_it_holds_and_more_where_it_does_not(low, width, measured, wider):
    high = low + width
    found = interval_score(np.array(low), np.array(high), np.array(measured))
    assert found >= (high - low) - 1e-9
    if low <= measured <= high:
        assert found == pytest.approx(high - low)
        assert interval_score(np.array(low - wider), np.array(high), np.array(measured)) >= found - 1e-9
    else:
        assert found == pytest.approx((high - low) + 20 * max(low - measured, measured - high))


def test_an_honest_interval_scores_best_on_what_it_bounds():
    drawn = np.random.default_rng(1).normal(size=20_000)
    width = {reach: float(np.mean(interval_score(*map(np.array, (-reach, reach)), drawn))) for reach in (1, 1.645, 3)}
    assert width[1.645] == min(width.values())


def test_parts_keep_whole_sources_apart():
    rows = [
        score(source="seen", fitted=True, case_id="1"),
        score(source="seen", case_id="2"),
        score(source="recorded as seen", source_fitted=True, case_id="3"),
        score(source="stranger", case_id="4"),
    ]
    named = {name: [one.case_id for one in part] for name, part in parts(rows).items()}
    assert named == {
        "all": ["1", "2", "3", "4"],
        "fitted": ["1"],
        "not_fitted": ["2", "3", "4"],
        "source_never_fitted": ["4"],
    }


def test_a_case_counts_once_by_its_time():
    quantities = ("mfu_pct", "peak_mem_gib", "step_time_s", "tokens_per_s_per_chip")
    rows = [score(quantity=one) for one in quantities] + [score(case_id="b", quantity="peak_mem_gib")]
    assert [one.quantity for one in one_a_case(rows)] == ["step_time_s"]


def test_truth_is_scored_on_well_described_strangers_only():
    good = {"fully_specified": True, "quality": "A"}
    rows = [
        score(case_id="counts", source="stranger", **good),
        score(case_id="vague", source="stranger", quality="A"),
        score(case_id="poor", source="stranger", fully_specified=True, quality="C"),
        score(case_id="known", source="known", source_fitted=True, **good),
        score(case_id="partly", source="stranger", status="underspecified", **good),
    ]
    assert [one.case_id for one in truth(rows)] == ["counts"]


@given(errors=st.lists(st.floats(-90, 300), min_size=1, max_size=30), cut=st.integers(0, 30))
def test_a_group_is_counted_as_if_alone(errors, cut):
    rows = [
        score(100 + error, vendor=vendor, case_id=str(at))
        for at, (error, vendor) in enumerate(zip(errors, [*repeat("x", cut), *repeat("y", 30)], strict=False))
    ]
    for vendor, told in grouped(rows, "vendor").items():
        assert told == statistics([one for one in rows if one.vendor == vendor])
    assert sum(told.predicted for told in grouped(rows, "vendor").values()) == len(rows)
