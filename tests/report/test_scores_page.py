import json
import re

import pytest

from polysilicon.report.scores_page import charts, render
from polysilicon.validation.score import Score


def score(at, **told):
    base = {
        "case_id": f"case {at}",
        "quantity": "step_time_s",
        "predicted": 1.0 + at / 10,
        "low": 0.5,
        "high": 3.0,
        "measured": 1.0,
        "unit": "s",
        "error_pct": 10.0 * at,
        "vendor": "A" if at % 2 else "B",
        "source": "a paper",
    }
    return Score(**(base | told))


SCORES = [score(at) for at in range(8)]


def test_every_predicted_figure_is_drawn_once_with_its_interval():
    drawn = charts(SCORES)
    assert list(drawn) == ["step_time_s", "spread"]
    picture = drawn["step_time_s"]
    assert picture.unit == "s"
    assert [(one["x"], one["y"]) for one in picture.points] == [(one.measured, one.predicted) for one in SCORES]
    assert {(one["low"], one["high"]) for one in picture.points} == {(0.5, 3.0)}
    assert {one.name for one in picture.series} == {"A", "B"}


def test_the_spread_has_a_line_and_a_median_for_each_source():
    drawn = charts([*SCORES, score(2, source="a log"), score(4, source="a log")])["spread"]
    assert drawn.categories == ["a paper (8)", "a log (2)"]
    medians = {one["category"]: one["x"] for one in drawn.points if one["group"] == "median of all"}
    assert medians == pytest.approx({"a paper (8)": 1.35, "a log (2)": 1.3})


def test_what_was_not_predicted_is_in_the_table_but_not_in_the_picture():
    refused = Score(case_id="odd", quantity="step_time_s", measured=2.0, status="unsupported", why="it is odd")
    page = render("training", [*SCORES, refused])
    assert len(charts([*SCORES, refused])["step_time_s"].points) == len(SCORES)
    assert "it is odd" in page


def test_the_page_needs_no_network_and_escapes_what_others_wrote():
    hostile = "</script><script>alert(1)</script>"
    page = render("training", [*SCORES, score(1, case_id=hostile, source=hostile, chip=hostile)])
    assert "<script>alert(1)" not in page
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    embedded = page.split('<script type="application/json" id="charts">')[1].split("</script>")[0]
    assert any(hostile in point["name"] for point in json.loads(embedded)["step_time_s"]["points"])


def test_a_page_without_any_prediction_still_says_why():
    page = render("training", [Score(case_id="odd", quantity="none", status="unsupported", why="it is odd")])
    assert "it is odd" in page


@pytest.mark.parametrize(
    ("quantity", "title"),
    [
        ("samples_per_s", "throughput in samples"),
        ("model_tflops_per_chip", "model FLOP rate"),
        ("mfu_pct", "MFU"),
        ("step_time_s", "step time"),
    ],
)
def test_a_picture_is_called_by_what_it_shows(quantity, title):
    made = [score(at, quantity=quantity) for at in range(5)]
    assert charts(made)[quantity].title == title
