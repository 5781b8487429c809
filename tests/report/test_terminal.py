import io
import json

import numpy as np
import pytest
from rich.console import Console

from polysilicon.records.recorder import Step
from polysilicon.records.table import Table
from polysilicon.report import explanation, files, scores, terminal
from polysilicon.report.doubt import BEYOND
from polysilicon.validation.score import Score


def shown(what: object, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, markup=False, highlight=False)
    console.print(what)
    return console.file.getvalue()


def test_a_table_has_a_row_of_units():
    said = shown(terminal.table(Table("Speed", {"chip": ["a", "b"], "step_s": [1.5, None], "memory_gib": [80, 96]})))
    assert "GiB" in said
    assert "1.5" in said
    assert "–" in said


def test_a_value_of_low_confidence_is_marked_and_footnoted():
    columns = {"field": ["price", "memory"], "value": [1.0, 2.0], "confidence": ["press", "datasheet"]}
    said = shown(terminal.table(Table("Chip", columns)))
    assert "1 †" in said
    assert "2 †" not in said
    assert "low-confidence" in said


def test_a_table_cut_short_says_so():
    assert "first 2 of 5" in shown(terminal.table(Table("Rows", {"n": list(range(5))}), first=2))


def test_markup_in_a_cell_is_shown_as_it_stands():
    assert "[bold]x[/bold]" in shown(terminal.table(Table("[T]", {"name": ["[bold]x[/bold]"]})))


def test_a_csv_holds_every_row_and_leaves_gaps_empty():
    table = Table("Rows", {"name": ["a,b", "c"], "step_s": [np.float64(1.5), float("nan")], "ok": [True, False]})
    assert files.to_csv(table.rows(), table.columns) == 'name,step_s,ok\n"a,b",1.5,1\nc,,0\n'


def test_an_explanation_shows_formulas_records_and_doubt():
    price = Step("price_usd", 3.5, "USD", source="system/x price_usd", confidence="press")
    cost = Step("cost_usd", 7.0, "USD", what="Twice the price.", source="A. Author (2020)", inputs=[price, price])
    said = shown(explanation.tree(cost))
    assert "cost_usd = 7 USD" in said
    assert "A. Author (2020)" in said
    assert "price_usd = 3.5 USD †" in said
    assert json.dumps(explanation.to_dict(cost))


def test_an_explanation_opens_a_shared_formula_once():
    leaf = Step("length_m", 1.0)
    shared = Step("area_mm2", 2.0, inputs=[leaf])
    said = shown(explanation.tree(Step("total", 4.0, inputs=[shared, shared])))
    assert said.count("length_m") == 1
    assert "as above" in said


def test_arrays_are_explained_by_their_range():
    assert explanation.plain_value(np.array([1.0])) == 1.0
    assert explanation.plain_value(np.array([1.0, 3.0])) == {"shape": [2], "from": 1.0, "to": 3.0}


def row(**changes: object) -> Score:
    given = {
        "case_id": "a",
        "quantity": "step_time_s",
        "predicted": 1.1,
        "measured": 1.0,
        "unit": "s",
        "error_pct": 10.0,
    }
    return Score(**given | changes)


def test_errors_are_counted_over_the_rows_that_were_predicted():
    rows = [
        row(low=0.9, high=1.2),
        row(case_id="b", error_pct=-30.0, low=0.6, high=0.9, predicted=0.7, fitted=True),
        row(case_id="c", predicted=None, error_pct=None, status="unsupported", why="no such model"),
    ]
    told = scores.summary(rows)
    assert told["by_status"] == {"ok": 2, "unsupported": 1}
    assert told["all"]["median_error_pct"] == 20.0
    assert told["all"]["inside_90_pct"] == 50.0
    assert told["fitted"]["predicted"] == 1
    assert told["reasons"] == {"no such model": 1}


def test_words_are_compared_for_agreement():
    rows = [
        row(quantity="item_class", predicted="3A090.a", measured="3A090.a", error_pct=0.0),
        row(quantity="item_class", predicted="3A090.b", measured="3A090.a", error_pct=100.0),
    ]
    told = scores.summary(rows)["all"]
    assert told["agree_pct"] == 50.0
    assert told["median_error_pct"] is None


def test_the_report_names_statuses_vendors_and_the_rows_furthest_off():
    rows = [
        row(vendor="NVIDIA"),
        row(case_id="b", vendor="AMD", error_pct=90.0),
        row(case_id="c", status="unsupported"),
    ]
    said = shown(scores.render(rows, rows=2))
    for words in ("ok: 2, unsupported: 1", "NVIDIA", "AMD", "first 2 of 3"):
        assert words in said
    assert said.index("90 %") < said.index("10 %")


@pytest.mark.parametrize("width", range(40, 100))
def test_no_heading_is_cut(width):
    columns = {"name": ["a", "b"], **{f"column{n}_/ of it": [n, n + 0.25] for n in range(6)}}
    header = shown(terminal.table(Table("T", columns)), width).split("─")[0]
    assert header.count("column") == header.count("/ of it") > 0


def test_the_mark_of_what_was_never_validated_stays_on_a_narrow_screen():
    columns = {"name": ["a", "b"], "figure_s": [1.0, 2.0], "memory_gib": [100.5, 200.5], BEYOND: ["", BEYOND]}
    said = shown(terminal.table(Table("T", columns)), 16)
    assert said.count(BEYOND) == 2
    assert "memory_gib" in said.split("no room here")[1]
