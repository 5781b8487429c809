"""Worked cases of export control and import practice against the rules: item class and consequence."""

from collections.abc import Iterator
from pathlib import Path

from polysilicon.facts import Catalogue
from polysilicon.facts.index import DATA
from polysilicon.policy import judge
from polysilicon.policy.cases import Row, check_columns, read_case
from polysilicon.records.document import read_csv
from polysilicon.records.errors import InputError, Place, PolysiliconError
from polysilicon.validation.score import Score

CASES = DATA / "measurements" / "policy_cases.csv"

EXPECTED = {"item_class": "expected_item_class", "consequence": "expected_consequence"}


def validate(catalogue: Catalogue, cases_path: Path | None = None) -> list[Score]:
    """Two scores a case, `item_class` and `consequence`; our own worked cases where no file is given.

    A case's own figures are judged, not those of the catalogue; `chip_id` only says which part is meant. The
    columns `activity, exported_from, headquarters, party, end_use, onward_to, chip_id, source` and the two
    expected ones may be absent.

    Raises:
        InputError: the file can't be read, lacks a column, or holds a value that can't be one.
    """
    path = cases_path or CASES
    scores: list[Score] = []
    for line, row in read_csv(path):
        place = Place(str(path), line)
        check_columns(row, place)
        scores.extend(_score(catalogue, row, place))
    if not scores:
        raise InputError("holds no cases", place=Place(str(path)))
    return scores


def _score(catalogue: Catalogue, row: Row, place: Place) -> Iterator[Score]:
    case = read_case(catalogue, row, place)
    answers: dict[str, str | None] = dict.fromkeys(EXPECTED)
    why = ""
    try:
        verdicts = judge(catalogue, case.items, case.transaction, case.on)
        answers = {"item_class": str(verdicts.item_class[0]), "consequence": str(verdicts.consequence[0])}
    except PolysiliconError as cause:
        why = str(cause)
    for quantity, column in EXPECTED.items():
        expected = row.get(column) or None
        agrees = answers[quantity] == expected
        yield Score(
            case_id=row["case_id"],
            quantity=quantity,
            predicted=answers[quantity],
            measured=expected,
            error_pct=None if why or expected is None else 0.0 if agrees else 100.0,
            status="unsupported" if why else "ok",
            why=why,
            vendor=row["vendor"],
            chip=row["chip"],
            source=row.get("source", ""),
            kind=row.get("basis", ""),
        )
