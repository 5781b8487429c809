"""`polysilicon validate training|serving|operators|policy`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from polysilicon.cli.options import MOST, Facts, Json, catalogue, within

if TYPE_CHECKING:
    from polysilicon.validation.score import Score

Measured = Annotated[
    Path | None,
    Parameter(name="--cases", help="Your table of cases (CSV); the cases that ship with the catalogue if not given."),
]
Result = Annotated[Path | None, Parameter(name="--out", help="Where every row of the result is written, as CSV.")]
Rows = Annotated[
    int | Literal["all"],
    Parameter(name="--rows", help="How many of the rows are printed, those furthest off first; `all` for every row."),
]
By = Annotated[
    Literal["vendor", "chip", "source", "kind", "quantity"] | None,
    Parameter(name="--by", help="The group to break the errors down by, and apart for sources never fitted."),
]
Picture = Annotated[
    Path | None,
    Parameter(name="--chart", help="Where a page with charts and the table of every row is written (HTML)."),
]


def training(
    *,
    cases: Measured = None,
    out: Result = None,
    chart: Picture = None,
    by: By = None,
    rows: Rows = 20,
    facts: Facts = None,
    json: Json = False,
) -> None:
    """Predict every measured training step and say how far off we are."""
    from polysilicon.cli.cases import elsewhere
    from polysilicon.validation.fit_record import MEMORY_LEFT_OUT, read_left_out
    from polysilicon.validation.training import TIMED_STEPS, validate

    elsewhere(cases, out)
    elsewhere(cases, chart)
    known = catalogue(facts)
    scores = validate(known, cases)
    left = [*read_left_out(), *read_left_out(MEMORY_LEFT_OUT)] if cases is None else []
    also = validate(known, TIMED_STEPS) if cases is None else []
    _publish("training", scores, out, chart, by, rows, left, also, as_json=json)


def serving(
    *,
    cases: Measured = None,
    out: Result = None,
    chart: Picture = None,
    by: By = None,
    rows: Rows = 20,
    facts: Facts = None,
    json: Json = False,
) -> None:
    """Predict every measured serving result and say how far off we are."""
    from polysilicon.cli.cases import elsewhere
    from polysilicon.validation.fit_record import SERVING_LEFT_OUT, read_left_out
    from polysilicon.validation.serving import validate

    elsewhere(cases, out)
    elsewhere(cases, chart)
    left = read_left_out(SERVING_LEFT_OUT) if cases is None else []
    _publish("serving", validate(catalogue(facts), cases), out, chart, by, rows, left, as_json=json)


def operators(
    *,
    cases: Measured = None,
    out: Result = None,
    chart: Picture = None,
    by: By = None,
    rows: Rows = 20,
    facts: Facts = None,
    json: Json = False,
) -> None:
    """Predict every timed kernel, collective and exchange between experts and say how far off we are."""
    from polysilicon.cli.cases import elsewhere
    from polysilicon.validation.operators import validate

    elsewhere(cases, out)
    elsewhere(cases, chart)
    _publish("operators", validate(catalogue(facts), cases), out, chart, by, rows, as_json=json)


def policy(
    *,
    cases: Measured = None,
    out: Result = None,
    by: By = None,
    rows: Rows = 20,
    facts: Facts = None,
    json: Json = False,
) -> None:
    """Judge every case and say how many agree."""
    from polysilicon.cli.cases import elsewhere
    from polysilicon.validation.policy import validate

    elsewhere(cases, out)
    _publish("policy", validate(catalogue(facts), cases), out, None, by, rows, as_json=json)


def _publish(
    subject: str,
    scores: "Sequence[Score]",
    out: Path | None,
    chart: Path | None,
    by: str | None,
    rows: int | str,
    left: "Sequence[Score]" = (),
    also: "Sequence[Score]" = (),
    *,
    as_json: bool,
) -> None:
    import msgspec

    from polysilicon.records import files
    from polysilicon.records.errors import InputError, Place
    from polysilicon.report.files import to_csv, to_json
    from polysilicon.report.scores import render, summary
    from polysilicon.report.terminal import console, text
    from polysilicon.validation.score import COLUMNS

    page = page_at(chart)
    if out is not None and chart is not None and out.absolute() == chart.absolute():
        raise InputError("would replace the table of --out", place=Place(field="--chart"), found=str(chart))
    within(0, MOST, rows=None if isinstance(rows, str) else rows)
    plain = [msgspec.structs.asdict(score) for score in scores]
    if out is not None:
        files.write(out, to_csv(plain, COLUMNS))
    if page is not None:
        from polysilicon.report.scores_page import render as drawn

        files.write(page, drawn(subject, scores, left, also))
    if as_json:
        print(to_json({"summary": summary(scores, left, also), "rows": plain}), end="")
        return
    screen = console()
    screen.print(render(scores, rows if isinstance(rows, int) else None, by, left, also))
    if out is not None:
        screen.print(text(f"{len(plain)} rows: {out}"), soft_wrap=True)
    if page is not None:
        screen.print(text(f"charts: {page}"), soft_wrap=True)


def page_at(chart: Path | None) -> Path | None:
    """The page to draw, refused before any work where its name says another kind of file.

    Raises:
        InputError: the name does not end in .html.
    """
    from polysilicon.records.errors import InputError

    if chart is not None and chart.suffix.lower() not in (".html", ".htm"):
        raise InputError(
            "charts are drawn on a page", found=str(chart), allowed="a name that ends in .html", remedy="--chart x.html"
        )
    return chart
