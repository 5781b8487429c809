"""`polysilicon validate training|serving|policy`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from polysilicon.cli.options import Facts, Json, catalogue

if TYPE_CHECKING:
    from polysilicon.validation.score import Score

Measured = Annotated[
    Path | None,
    Parameter(name="--cases", help="Your table of cases (CSV); the cases that ship with the catalogue if not given."),
]
Result = Annotated[Path | None, Parameter(name="--out", help="Where every row of the result is written, as CSV.")]
Rows = Annotated[int, Parameter(name="--rows", help="How many of the rows that are furthest off are printed.")]


def training(
    *, cases: Measured = None, out: Result = None, facts: Facts = None, rows: Rows = 20, json: Json = False
) -> None:
    """Predict every measured training step and say how far off we are."""
    from polysilicon.cli.cases import elsewhere
    from polysilicon.validation.training import validate

    elsewhere(cases, out)
    _publish(validate(catalogue(facts), cases), out, rows, as_json=json)


def serving(
    *, cases: Measured = None, out: Result = None, facts: Facts = None, rows: Rows = 20, json: Json = False
) -> None:
    """Predict every measured serving result and say how far off we are."""
    from polysilicon.cli.cases import elsewhere
    from polysilicon.validation.serving import validate

    elsewhere(cases, out)
    _publish(validate(catalogue(facts), cases), out, rows, as_json=json)


def policy(
    *, cases: Measured = None, out: Result = None, facts: Facts = None, rows: Rows = 20, json: Json = False
) -> None:
    """Judge every case and say how many agree."""
    from polysilicon.cli.cases import elsewhere
    from polysilicon.validation.policy import validate

    elsewhere(cases, out)
    _publish(validate(catalogue(facts), cases), out, rows, as_json=json)


def _publish(scores: "Sequence[Score]", out: Path | None, rows: int, *, as_json: bool) -> None:
    import msgspec

    from polysilicon.records import files
    from polysilicon.report.files import to_csv, to_json
    from polysilicon.report.scores import render, summary
    from polysilicon.report.terminal import console, text
    from polysilicon.validation.score import COLUMNS

    plain = [msgspec.structs.asdict(score) for score in scores]
    if out is not None:
        files.write(out, to_csv(plain, COLUMNS))
    if as_json:
        print(to_json({"summary": summary(scores), "rows": plain}), end="")
        return
    screen = console()
    screen.print(render(scores, max(0, rows)))
    if out is not None:
        screen.print(text(f"{len(plain)} rows: {out}"), soft_wrap=True)
