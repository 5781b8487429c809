"""`polysilicon judge`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
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

Activity = Literal[
    "export", "reexport", "transfer", "import", "use", "send_data", "train", "place_on_market", "offer", "operate"
]
Kind = Literal["processor", "memory", "material", "equipment", "model", "data", "site", "service"]
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
    "region": "--region",
    "exporter_role": "--exporter-role",
    "party_kind": "--party-kind",
    "listed_ownership_pct": "--listed-ownership-pct",
    "site_fp64_pflops": "--site-fp64-pflops",
    "site_fp32_pflops": "--site-fp32-pflops",
}

# Words of a row that are no figure of the thing.
OF_THE_ACT = {"chip_id", "kind", "activity", *OPTIONS}

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
        What is done: by default an export; of a site its operation, of data their sending, of a service its offer.
    party_kind
        What the party is, where a rule asks: AI company.
    end_use
        What it is for, in a rule's word.
    onward_to
        Where it goes next.
    region
        The subdivision of the place, in ISO 3166-2: CN-BJ, US-CA.
    exporter_role
        What the exporter is, where a rule asks: foundry or OSAT.
    listed_ownership_pct
        The share of the party that listed parties own, in aggregate [%].
    site_fp64_pflops
        Double precision of the computing it goes into, within 41,600 cubic feet [PFLOP/s].
    site_fp32_pflops
        Single precision of the same [PFLOP/s].
    """

    to: str | None = None
    on: str | None = None
    from_: Annotated[str | None, Parameter(name="--from")] = None
    headquarters: Annotated[str | None, Parameter(name=["--headquarters", "--entity-hq"])] = None
    party: str | None = None
    activity: Activity | None = None
    party_kind: str | None = None
    end_use: str | None = None
    onward_to: str | None = None
    region: str | None = None
    exporter_role: str | None = None
    listed_ownership_pct: float | None = None
    site_fp64_pflops: float | None = None
    site_fp32_pflops: float | None = None

    def said(self) -> dict[str, str]:
        """What was said, named as in a table of policy cases."""
        named = {"on": "date", "from_": "exported_from"}
        return {named.get(name, name): str(value) for name, value in vars(self).items() if value is not None}


_ACT = Act()


def judge(
    thing: str | None = None,
    /,
    *,
    act: Act = _ACT,
    kind: Kind | None = None,
    with_: Annotated[tuple[str, ...], Parameter(name="--with")] = (),
    suppose: tuple[str, ...] = (),
    view: Literal["enforced", "text"] = "enforced",
    entity: str | None = None,
    screening_list: Path | None = None,
    partial_list: bool = False,
    facts: Facts = None,
    cases: Cases = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Judge one chip, or any other thing that a law speaks of, or every row of --cases; or screen a name.

    Parameters
    ----------
    thing
        The chip: an id, an alias, or a short name that fits one id. With --kind, what the thing is called.
    kind
        What it is, where it is no chip of the catalogue.
    with_
        A figure or flag of it, NAME=VALUE, laid over the catalogue's: tpp=4799, pue=1.25, new_build=yes, a range
        die_area_mm2=700..800. May be given often.
    suppose
        A bill that is not in force, taken as law from that day: an id of `rules list --proposals`. May be given often.
    view
        The law as it is enforced, or as its text stands.
    entity
        A name to screen against --screening-list, with a chip or alone; what is like it is shown with its score.
    screening_list
        The Consolidated Screening List, as it is published (JSON or CSV).
    partial_list
        Take a screening list that looks cut short.
    """
    from polysilicon.cli.cases import answer_table, for_a_table

    for_a_table(cases, out, thing, "THING")
    known = catalogue(facts)
    needs(
        (entity is not None and screening_list is None, "--entity", "--screening-list FILE"),
        (screening_list is not None and entity is None, "--screening-list", "--entity NAME"),
        (partial_list and screening_list is None, "--partial-list", "--screening-list FILE"),
        (entity is not None and cases is not None, "--entity", "a single question, without --cases"),
    )
    screened = _screened(entity, screening_list, known, partial=partial_list)
    if screened is not None and thing is None and kind is None and not act.said().keys() & {"date", "to"}:
        from polysilicon.report.lookout import screened as shown

        found = screened
        answer(found.to_dict, lambda: shown(found), as_json=json)
        return
    if cases is not None:
        heard: dict[Heard, dict[str, Any]] = {}
        ask = partial(_row, known, view, heard)
        answer_table(cases, out, ANSWERS, ask, needs=("to", "date"), as_json=json)
        return
    if entity is not None and act.party is None:
        act = replace(act, party=entity)  # the name that is screened is the name that rules are asked about
    verdict = question(known, thing, kind, with_, act, view, suppose)
    plain = verdict.to_dict if screened is None else lambda: {**verdict.to_dict(), "screening": screened.to_dict()}
    answer(plain, lambda: _shown(verdict, screened), as_json=json)


def question(
    known: "Catalogue",
    thing: str | None,
    kind: str | None,
    with_: tuple[str, ...],
    act: Act,
    view: "View",
    suppose: tuple[str, ...] = (),
) -> "Verdict":
    """The verdict on what was typed; a complaint names the option that it is about."""
    from polysilicon.cli.cases import required
    from polysilicon.records.errors import InputError

    required({"THING (or --kind, or --with)": thing or kind or with_ or None, "--to": act.to, "--on": act.on})
    try:
        return _verdict(known, _described(thing, kind, with_, act), view, suppose)
    except InputError as complaint:
        raise _with_option(complaint) from complaint


def _described(thing: str | None, kind: str | None, with_: tuple[str, ...], act: Act) -> dict[str, str]:
    """What was typed, as a row of a table states it."""
    from polysilicon.records.errors import InputError, Place

    empty = next((name for name, value in act.said().items() if not value.strip()), None)
    if empty is not None:
        raise InputError("is empty", place=Place(field=OPTIONS.get(empty, "--activity")), remedy="leave the option out")
    words: dict[str, str] = {}
    for one in with_:
        name, equals, value = one.partition("=")
        if name.strip() in words:
            raise InputError("is said twice", place=Place(field="--with"), found=one, remedy="say it once")
        if not equals or not name.strip() or not value.strip():
            raise InputError("is no NAME=VALUE", place=Place(field="--with"), found=one, allowed="such as tpp=4799")
        words[name.strip()] = value.strip()
    reserved = words.keys() & OF_THE_ACT
    if reserved:
        name = min(reserved)
        remedy = f"use {OPTIONS.get(name, '--kind')}"
        raise InputError("is no figure of the thing", place=Place(field="--with"), found=name, remedy=remedy)
    return {**words, **act.said(), **({"chip_id": thing} if thing else {}), **({"kind": kind} if kind else {})}


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


def _verdict(
    known: "Catalogue", said: Mapping[str, str], view: "View", suppose: tuple[str, ...] = (), *, flips: bool = True
) -> "Verdict":
    """The verdict on one case, its fields named as in a table of policy cases."""
    from polysilicon.policy import Transaction, described, supposed, verdict
    from polysilicon.policy.vocabulary import ACTS_BY_KIND, GOODS
    from polysilicon.records.dates import day
    from polysilicon.records.errors import InputError, Place

    try:
        on = day(said["date"])
    except InputError as complaint:
        raise complaint.at(Place(field="date")) from complaint
    usual = ACTS_BY_KIND.get(said.get("kind", ""), GOODS)[0]
    act = Transaction.read({**said, "activity": said.get("activity") or usual})
    words = {name: value for name, value in said.items() if name not in OF_THE_ACT}
    thing = described(known, said.get("chip_id", ""), said.get("kind"), words)
    return verdict(known, thing, act, on, view, supposed(known, suppose, on), flips=flips)


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
    from polysilicon.policy.vocabulary import FIELDS, FLAGS

    said = {name: text.strip() for name, text in row.items() if text.strip()}
    needed(said, ("to", "date"))
    if all(name in row for name in COLUMNS):
        case = read_case(known, row, place)
        verdict = explain(heard(known, case.items, case.transaction, case.on, view), 0, flips=False)
    else:
        needed(said, () if "kind" in said else ("chip_id",))
        columns = {*OF_THE_ACT, "tpp", "performance_density", *FIELDS, *FLAGS, "vendor", "designer"}
        verdict = _verdict(known, {name: said[name] for name in said if name in columns}, view, flips=False)
    return {
        "chip_id": verdict.item,
        "to": said["to"],
        "on": verdict.on,
        **{name: getattr(verdict, name) for name in (*SAID, *BEHIND)},
    }
