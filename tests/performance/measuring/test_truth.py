import pytest
from tests.performance.measuring.conftest import DTYPE

from polysilicon.performance.measuring.kernels import MODES
from polysilicon.performance.measuring.timing import NEVER, Timing
from polysilicon.performance.measuring.truth import check, jobs, predicted_s


@pytest.fixture
def asked(analytic):
    return jobs(DTYPE, analytic.parameters, analytic.silicon)


def checked(analytic, asked, slower, spread=0.01):
    def run(job):
        return Timing(slower * predicted_s(job, DTYPE, analytic.parameters, analytic.silicon), spread, 7, trusted=True)

    return check("our-cpu", DTYPE, analytic.parameters, analytic.silicon, asked, run, lambda words, share: None)


def test_a_dozen_shapes_are_run_in_every_mode(asked):
    assert {mode: sum(one.mode == mode for one in asked) for mode in MODES} == dict.fromkeys(MODES, 12)


@pytest.mark.parametrize(("slower", "spread", "met"), [(1.1, 0.01, True), (1.3, 0.01, False), (1.3, 0.2, True)])
def test_the_bar_is_15_percent_or_twice_the_spread(analytic, asked, slower, spread, met):
    verdicts = checked(analytic, asked, slower, spread).verdicts()
    assert [one["met"] for one in verdicts] == [met] * 3
    assert verdicts[0]["median_error_pct"] == pytest.approx(100.0 * (1.0 - 1.0 / slower))


def test_the_least_of_both_turns_counts(analytic, asked):
    turns = iter([Timing(2.0, 0.0, 7, trusted=False), Timing(1.0, 0.1, 7, trusted=True)])
    known = DTYPE, analytic.parameters, analytic.silicon
    found = check("c", *known, asked[:1], lambda job: next(turns), lambda words, share: None)
    assert found.rows[0].measured_s == 1.0
    assert found.rows[0].spread == pytest.approx(0.55)
    assert found.rows[0].trusted


def test_a_shape_that_cant_run_is_counted_and_left_out(analytic, asked):
    found = check(
        "c", DTYPE, analytic.parameters, analytic.silicon, asked[:2], lambda job: NEVER, lambda words, s: None
    )
    assert found.rows == ()
    assert found.failed == 2
    assert found.to_table().notes == ("2 shapes that could not run here",)


def test_every_row_is_shown(analytic, asked):
    shown = checked(analytic, asked, 1.1).to_table()
    assert len(shown) == 36
    assert shown.columns["error_pct"][0] == pytest.approx(-9.09, abs=0.01)
