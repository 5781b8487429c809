from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from polysilicon.facts import load
from polysilicon.report.scores import markdown, public, recorded, render, summary
from polysilicon.validation.score import Score

README = Path(__file__).parents[2] / "README.md"


def test_the_recorded_validation_is_what_validating_finds() -> None:
    found, kept = public(load()), recorded()
    assert found.keys() == kept.keys()
    for subject, told in found.items():
        assert kept[subject]["by_status"] == told["by_status"], "run scripts/record_validation.py"
        for group in ("all", "fitted", "not_fitted", "truth", "left_out"):
            was, found_now = (each[group].get("all", each[group]) for each in (kept[subject], told))
            for name, value in found_now.items():
                expected = value if value is None else pytest.approx(value, rel=1e-6)
                assert was[name] == expected, "run scripts/record_validation.py"


def test_the_readme_says_how_true_it_is() -> None:
    assert markdown(recorded()) in README.read_text(encoding="utf-8"), "run scripts/record_validation.py"


def said(scores: list[Score], **asked: object) -> str:
    screen = Console(file=StringIO(), width=100, color_system=None)
    screen.print(render(scores, **asked))
    return screen.file.getvalue()


def score(at: int, **told: object) -> Score:
    base = {
        "case_id": f"case-{at}",
        "quantity": "step_time_s",
        "predicted": 1.0 + at / 10,
        "low": 0.5,
        "high": 3.0,
        "measured": 1.0,
        "error_pct": 10.0 * at,
        "vendor": "A" if at % 2 else "B",
        "source": "a paper",
    }
    return Score(**(base | told))


SCORES = [score(at) for at in range(8)]


def test_the_worst_rows_come_first_and_as_many_as_asked() -> None:
    shown = said(SCORES, rows=2)
    assert "case-7" in shown
    assert "case-5" not in shown
    assert all(one.case_id in said(SCORES, rows=None) for one in SCORES)
    assert "case-7" not in said(SCORES, rows=0)


def test_a_group_is_broken_down_where_asked() -> None:
    assert "Errors by vendor" in said(SCORES)
    assert "Errors by source" not in said(SCORES)
    apart = said(SCORES, field="source", left=[score(9)])
    assert "sources never fitted" in apart
    assert "each source left out of the fit in turn" in apart


def test_a_peer_stands_beside_us_on_the_rows_that_both_predict() -> None:
    shown = said([*SCORES, score(3, peer="another", peer_predicted=1.2, peer_error_pct=20.0)])
    assert "Other estimators" in shown
    assert "another" in shown
    assert "Other estimators" not in said(SCORES)


def test_the_spread_puts_exact_agreement_in_the_middle() -> None:
    (line,) = [one for one in said([score(0)]).splitlines() if "█" in one]
    strip = line.split()[-1]
    assert strip[len(strip) // 2] == "█"
    assert len(strip) % 2 == 1


def test_a_summary_keeps_its_parts_and_groups() -> None:
    told = summary([*SCORES, score(9, fitted=True, source="ours")])
    assert told["all"]["predicted"] == 9
    assert told["fitted"]["predicted"] == 1
    assert told["source_never_fitted"]["predicted"] == 8
    assert told["split_by"]["fitted"]["by_source"]["ours"]["median_error_pct"] == 90.0
    assert told["by_vendor"]["A"]["predicted"] + told["by_vendor"]["B"]["predicted"] == 9


def test_peaks_of_memory_are_told_apart_by_what_their_source_prints() -> None:
    peaks = [score(at, quantity="peak_mem_gib", peak="process" if at % 2 else "reserved") for at in range(4)]
    left = [score(9, quantity="peak_mem_gib", peak="process"), score(8)]
    told = summary([*SCORES, *peaks], left)
    assert told["peaks"]["process"]["all"]["predicted"] == told["peaks"]["reserved"]["all"]["predicted"] == 2
    assert told["peaks"]["process"]["left_out"]["median_error_pct"] == 90.0
    assert told["left_out"]["all"]["predicted"] == 1
    shown = said([*SCORES, *peaks], left=left)
    assert "Peak memory, by what the source prints" in shown
    assert "Peak memory" not in said(SCORES)
