from pathlib import Path

import pytest

from polysilicon.facts import Catalogue, load
from polysilicon.policy.cases import COLUMNS
from polysilicon.records.errors import InputError
from polysilicon.validation.policy import CASES, validate


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load()


def test_every_worked_case_agrees_in_class_and_consequence(catalogue: Catalogue) -> None:
    scores = validate(catalogue)
    assert len(scores) == 2 * 106
    assert [(one.case_id, one.quantity, one.predicted, one.measured) for one in scores if one.error_pct] == []
    assert {one.status for one in scores} == {"ok"}


def write(tmp_path: Path, header: str, *rows: str) -> Path:
    path = tmp_path / "cases.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def header() -> str:
    return CASES.read_text(encoding="utf-8").splitlines()[0]


ROW = "T1,part,NVIDIA,2368,814,2.91,4000,900,yes,CN,{date},not_3A090,unknown,computed,ours,,export,{to},,,,,"


def test_a_case_that_disagrees_is_scored_not_hidden(catalogue: Catalogue, tmp_path: Path) -> None:
    scores = validate(catalogue, write(tmp_path, header(), ROW.format(date="2025-06-01", to="CN")))
    assert [(one.quantity, one.error_pct) for one in scores] == [("item_class", 0.0), ("consequence", 100.0)]
    assert scores[1].predicted == "licence_required:is_informed_letter"


def test_a_case_that_can_t_be_expressed_says_why(catalogue: Catalogue, tmp_path: Path) -> None:
    scores = validate(catalogue, write(tmp_path, header(), ROW.format(date="2025-06-01", to="XX")))
    assert {one.status for one in scores} == {"unsupported"}
    assert all("XX" in one.why for one in scores)


def test_a_case_without_an_expectation_is_predicted_all_the_same(catalogue: Catalogue, tmp_path: Path) -> None:
    plain = ",".join(COLUMNS)
    scores = validate(catalogue, write(tmp_path, plain, "T1,part,x,5000,800,,100,50,yes,2024-06-01,CN"))
    assert [one.predicted for one in scores] == ["3A090.a", "licence_required:presumption_of_denial"]
    assert all(one.error_pct is None for one in scores)


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([ROW.format(date="2025-02-30", to="CN")], "date"),
        ([ROW.format(date="2025-06-01", to="CN").replace("2368", "-5")], "tpp"),
        ([ROW.format(date="2025-06-01", to="CN").replace("2368", "many")], "tpp"),
        ([ROW.format(date="2025-06-01", to="CN") + ",more"], "cells"),
        ([], "no cases"),
    ],
)
def test_a_malformed_file_is_refused_with_its_place(
    catalogue: Catalogue, tmp_path: Path, rows: list[str], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        validate(catalogue, write(tmp_path, header(), *rows))


def test_a_missing_column_is_named(catalogue: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'vendor'"):
        validate(catalogue, write(tmp_path, "case_id,chip,tpp", "T1,part,1"))


def test_a_missing_file_is_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read"):
        validate(catalogue, tmp_path / "none.csv")
