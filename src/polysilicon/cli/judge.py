"""`polysilicon judge`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from polysilicon.cli.options import Cases, Facts, Json, Out, catalogue

if TYPE_CHECKING:
    from polysilicon.facts import Catalogue
    from polysilicon.policy import Verdict, View
    from polysilicon.records.errors import Place

# Columns of the answers to --cases; those of a verdict keep its names.
SAID = ("item_class", "consequence", "permission", "regime", "undetermined", "assumed", "confidence", "known_until")
BEHIND = ("missing", "citations")
ANSWERS = ("case_id", "chip_id", "to", "on", *SAID, *BEHIND, "status", "why")


def judge(
    chip: str | None = None,
    /,
    *,
    to: str | None = None,
    on: str | None = None,
    from_: Annotated[str | None, Parameter(name="--from")] = None,
    headquarters: Annotated[str | None, Parameter(name=["--headquarters", "--entity-hq"])] = None,
    party: str | None = None,
    activity: Literal["export", "reexport", "transfer", "import", "use"] = "export",
    end_use: str | None = None,
    onward_to: str | None = None,
    view: Literal["enforced", "text"] = "enforced",
    facts: Facts = None,
    cases: Cases = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Judge one chip, or every row of --cases.

    Parameters
    ----------
    chip
        The chip: an id, an alias, or a short name that fits one id.
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
    view
        The law as it is enforced, or as its text stands.
    """
    from polysilicon.cli.cases import answer_table, required
    from polysilicon.report.files import to_json
    from polysilicon.report.terminal import console

    known = catalogue(facts)
    if cases is not None:
        answer_table(cases, out, ANSWERS, lambda row, place: _row(known, row, place, view), as_json=json)
        return
    required(chip=chip, to=to, on=on)
    said = {
        "chip_id": chip,
        "to": to,
        "date": on,
        "exported_from": from_,
        "headquarters": headquarters,
        "party": party,
        "activity": activity,
        "end_use": end_use,
        "onward_to": onward_to,
    }
    verdict = _verdict(known, {name: value for name, value in said.items() if value}, view)
    if json:
        print(to_json(verdict), end="")
        return
    from polysilicon.report.verdict import render

    console().print(render(verdict))


def _verdict(known: "Catalogue", said: Mapping[str, str], view: "View") -> "Verdict":
    """The verdict on one case, its fields named as in a table of policy cases."""
    from polysilicon.policy import Transaction, verdict
    from polysilicon.records.dates import day
    from polysilicon.records.errors import InputError, Place

    try:
        on = day(said["date"])
    except InputError as complaint:
        raise complaint.at(Place(field="date")) from complaint
    act = Transaction(**{name: said[name] for name in Transaction.__dataclass_fields__ if said.get(name)})  # type: ignore[arg-type]
    return verdict(known, said["chip_id"], act, on, view)


def _row(known: "Catalogue", row: Mapping[str, str], place: "Place", view: "View") -> dict[str, Any]:
    """A row that states a part's figures is judged by them, any other by those of the catalogue's chip."""
    from polysilicon.cli.cases import needed
    from polysilicon.policy import judge as heard
    from polysilicon.policy.cases import COLUMNS, read_case

    said = {name: text.strip() for name, text in row.items() if text.strip()}
    needed(said, ("to", "date"))
    if all(name in row for name in COLUMNS):
        case = read_case(known, row, place)
        verdict = heard(known, case.items, case.transaction, case.on, view).explain(0)
    else:
        needed(said, ("chip_id",))
        verdict = _verdict(known, said, view)
    return {
        "chip_id": verdict.item,
        "to": said["to"],
        "on": verdict.on,
        **{name: getattr(verdict, name) for name in (*SAID, *BEHIND)},
    }
