import pytest

from polysilicon.facts import load
from polysilicon.validation.peers import beside, peers, published
from polysilicon.validation.score import Score
from polysilicon.validation.training import TIMED_STEPS, validate

ROW = {"other_estimator": "somebody", "other_estimate": "11", "metric": "step_time_s", "value": "10"}


def test_a_peer_speaks_of_the_quantity_the_row_is_about():
    assert published(ROW, "step_time_s", 10.0) == ("somebody", 11.0)
    assert published(ROW, "mfu_pct", 40.0) is None
    assert published({}, "step_time_s", 10.0) is None
    assert published(ROW | {"other_estimate": "soon"}, "step_time_s", 10.0) is None


def test_chip_hours_are_read_as_the_rate_behind_them():
    row = ROW | {"metric": "gpu_hours", "value": "100", "other_estimate": "125"}
    assert published(row, "tokens_per_s_per_chip", 1000.0) == ("somebody", pytest.approx(800.0))


def test_the_papers_table_carries_its_peer():
    assert published({"calculon_seconds": "1.4"}, "step_time_s", 1.42) == ("Calculon", 1.4)
    assert published({"calculon_seconds": ""}, "step_time_s", 1.42) is None


def test_a_score_is_given_the_peer_s_error():
    made = beside(Score(case_id="a", quantity="step_time_s", measured=10.0), ROW)
    assert (made.peer, made.peer_predicted, made.peer_error_pct) == ("somebody", 11.0, pytest.approx(10.0))
    word = Score(case_id="a", quantity="oom", measured="oom")
    assert beside(word, ROW) is word


def test_one_measurement_in_two_tables_counts_once():
    told = {"quantity": "step_time_s", "measured": 10.0, "error_pct": -5.0, "peer": "x", "peer_error_pct": 20.0}
    found = peers([Score(case_id=one, predicted=9.5, **told) for one in ("a", "b")])
    assert [(one.peer, one.rows) for one in found] == [("x", 1)]
    assert found[0].our_mean_error_pct == found[0].our_worst_error_pct == pytest.approx(5.0)
    assert found[0].peer_mean_error_pct == pytest.approx(20.0)


def test_quantities_and_rows_never_fitted_stand_apart():
    told = {"predicted": 1.0, "error_pct": 5.0, "peer": "x", "peer_error_pct": 10.0}
    rows = [
        Score(case_id=str(at), quantity=quantity, measured=float(at + 1), fitted=at % 2 == 0, **told)
        for quantity in ("ttft_ms", "tpot_ms")
        for at in range(50)
    ]
    found = {(one.quantity, one.never_fitted): (one.rows, one.fitted) for one in peers(rows)}
    assert found == {
        ("ttft_ms", False): (50, 25),
        ("ttft_ms", True): (25, 0),
        ("tpot_ms", False): (50, 25),
        ("tpot_ms", True): (25, 0),
    }


def test_the_peer_s_recorded_errors_are_those_of_its_figures():
    scores = validate(load(), TIMED_STEPS)
    compared = {one.case_id: one for one in scores if one.peer}
    assert len(compared) >= 12
    assert {one.quantity for one in compared.values()} == {"step_time_s"}
    assert compared["K22-T5-22B-full"].peer_error_pct == pytest.approx(-1.72, abs=0.01)
