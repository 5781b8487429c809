"""`polysilicon judge`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from polysilicon.cli.options import Cases, Facts, Json, Out, answer, catalogue, needs

if TYPE_CHECKING:
    from rich.console import RenderableType

    from polysilicon.facts import Catalogue
    from polysilicon.policy import Verdict, View
    from polysilicon.policy.screening import Screening
    from polysilicon.records.errors import InputError, Place

Heard = tuple[tuple[str, str], ...]

# The options that state what a row of a table states in a column.
OPTIONS = {
    "date": "--on",
    "to": "--to",
    "exported_from": "--from",
    "headquarters": "--headquarters",
    "party": "--party",
    "end_use": "--end-use",
    "onward_to": "--onward-to",
}

# Columns of the answers to --cases; those of a verdict keep its names.
SAID = ("item_class", "consequence", "permission", "regime", "undetermined", "assumed", "confidence", "known_until")
BEHIND = ("missing", "citations")
ANSWERS = ("case_id", "chip_id", "to", "on", *SAID, *BEHIND, "status", "why")


@Parameter(name="*")
@dataclass(frozen=True)
class Act:
    """What is done with the part.

    Attributes
    ----------
    to
        Where it goes: an ISO country code such as CN.
    on
        The day whose law is asked, YYYY-MM-DD. There is no hidden today.
    from_
        Where it is exported from.
    headquarters
        Where the party or its ultimate parent has its headquarters; the destination where it is not said.
    party
        The party, where a rule or a list names it.
    activity
        What is done.
    end_use
        What it is for, in a rule's word.
    onward_to
        Where it goes next.
    """

    to: str | None = None
    on: str | None = None
    from_: Annotated[str | None, Parameter(name="--from")] = None
    headquarters: Annotated[str | None, Parameter(name=["--headquarters", "--entity-hq"])] = None
    party: str | None = None
    activity: Literal["export", "reexport", "transfer", "import", "use"] = "export"
    end_use: str | None = None
    onward_to: str | None = None

    def said(self) -> dict[str, str]:
        """What was said, named as in a table of policy cases."""
        named = {"on": "date", "from_": "exported_from"}
        return {named.get(name, name): value for name, value in vars(self).items() if value}


_ACT = Act()


def judge(
    chip: str | None = None,
    /,
    *,
    act: Act = _ACT,
    view: Literal["enforced", "text"] = "enforced",
    entity: str | None = None,
    screening_list: Path | None = None,
    partial_list: bool = False,
    facts: Facts = None,
    cases: Cases = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Judge one chip, or every row of --cases; or screen a name.

    Parameters
    ----------
    chip
        The chip: an id, an alias, or a short name that fits one id.
    view
        The law as it is enforced, or as its text stands.
    entity
        A name to screen against --screening-list, with a chip or alone; what is like it is shown with its score.
    screening_list
        The Consolidated Screening List, as it is published (JSON or CSV).
    partial_list
        Take a screening list that looks cut short.
    """
    from polysilicon.cli.cases import answer_table, for_a_table, required
    from polysilicon.records.errors import InputError

    for_a_table(cases, out, chip, "CHIP")
    known = catalogue(facts)
    needs(
        (entity is not None and screening_list is None, "--entity", "--screening-list FILE"),
        (screening_list is not None and entity is None, "--screening-list", "--entity NAME"),
        (partial_list and screening_list is None, "--partial-list", "--screening-list FILE"),
        (entity is not None and cases is not None, "--entity", "a single question, without --cases"),
    )
    screened = _screened(entity, screening_list, known, partial=partial_list)
    if screened is not None and chip is None and not act.said().keys() & {"date", "to"}:
        from polysilicon.report.lookout import screened as shown

        found = screened
        answer(found.to_dict, lambda: shown(found), as_json=json)
        return
    if cases is not None:
        heard: dict[Heard, dict[str, Any]] = {}
        ask = partial(_row, known, view, heard)
        answer_table(cases, out, ANSWERS, ask, needs=("to", "date"), as_json=json)
        return
    required({"CHIP": chip, "--to": act.to, "--on": act.on})
    try:
        verdict = _verdict(known, {"chip_id": chip or "", **act.said()}, view)
    except InputError as complaint:
        raise _with_option(complaint) from complaint
    plain = verdict.to_dict if screened is None else lambda: {**verdict.to_dict(), "screening": screened.to_dict()}
    answer(plain, lambda: _shown(verdict, screened), as_json=json)


def _screened(entity: str | None, listed: Path | None, known: "Catalogue", *, partial: bool) -> "Screening | None":
    """What a screening list holds that is like a name; nothing where no name is asked for."""
    if entity is None or listed is None:
        return None
    from polysilicon.policy.screening import screen

    return screen(entity, listed, known, partial=partial)


def _with_option(complaint: "InputError") -> "InputError":
    """A complaint about a column, as one about the option that was typed."""
    from polysilicon.records.errors import Place

    column, _, problem = complaint.problem.partition(": ")
    if column in OPTIONS:
        complaint.problem = problem
    else:
        column = complaint.place.field or ""
    complaint.place = Place(field=OPTIONS.get(column))
    return complaint.at(Place())


def _shown(verdict: "Verdict", screened: "Screening | None") -> "RenderableType":
    from polysilicon.report.verdict import render

    if screened is None:
        return render(verdict)
    from rich.console import Group

    from polysilicon.report.lookout import screened as shown

    return Group(render(verdict), "", shown(screened))


def _verdict(known: "Catalogue", said: Mapping[str, str], view: "View", *, flips: bool = True) -> "Verdict":
    """The verdict on one case, its fields named as in a table of policy cases."""
    from polysilicon.policy import Transaction, verdict
    from polysilicon.records.dates import day
    from polysilicon.records.errors import InputError, Place

    try:
        on = day(said["date"])
    except InputError as complaint:
        raise complaint.at(Place(field="date")) from complaint
    act = Transaction(**{name: said[name] for name in Transaction.__dataclass_fields__ if said.get(name)})  # type: ignore[arg-type]
    return verdict(known, said["chip_id"], act, on, view, flips=flips)


def _row(
    known: "Catalogue", view: "View", heard: dict[Heard, dict[str, Any]], row: Mapping[str, str], place: "Place"
) -> dict[str, Any]:
    """The answer to a row; `heard` keeps those given, as a long table asks the same again and again."""
    asked: Heard = tuple((name, text) for name, text in row.items() if name != "case_id")
    if asked not in heard:
        heard[asked] = _judged(known, view, row, place)
    return heard[asked]


def _judged(known: "Catalogue", view: "View", row: Mapping[str, str], place: "Place") -> dict[str, Any]:
    """A row that states a part's figures is judged by them, any other by those of the catalogue's chip."""
    from polysilicon.cli.cases import needed
    from polysilicon.policy import explain
    from polysilicon.policy import judge as heard
    from polysilicon.policy.cases import COLUMNS, read_case

    said = {name: text.strip() for name, text in row.items() if text.strip()}
    needed(said, ("to", "date"))
    if all(name in row for name in COLUMNS):
        case = read_case(known, row, place)
        verdict = explain(heard(known, case.items, case.transaction, case.on, view), 0, flips=False)
    else:
        needed(said, ("chip_id",))
        verdict = _verdict(known, said, view, flips=False)
    return {
        "chip_id": verdict.item,
        "to": said["to"],
        "on": verdict.on,
        **{name: getattr(verdict, name) for name in (*SAID, *BEHIND)},
    }
