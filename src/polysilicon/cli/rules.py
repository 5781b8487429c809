"""`polysilicon rules list|show|diff|timeline|bundle|new|check|schema`."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from polysilicon.cli.judge import Act, question
from polysilicon.cli.options import Facts, Json, answer, catalogue

if TYPE_CHECKING:
    from polysilicon.facts import Catalogue
    from polysilicon.policy import Transaction, Verdict
    from polysilicon.records.errors import InputError
    from polysilicon.report.bundle import SignOff

View = Literal["enforced", "text"]
_ACT = Act()


def list_(
    text: str = "",
    /,
    *,
    on: str | None = None,
    view: View = "enforced",
    regime: str = "",
    proposals: bool = False,
    facts: Facts = None,
    json: Json = False,
) -> None:
    """Every provision on record, with its dates and its grade.

    Parameters
    ----------
    text
        Only provisions that mention this.
    on
        Only those that speak on this day, YYYY-MM-DD.
    view
        The law as it is enforced, or as its text stands.
    regime
        Only one body of law, such as us-export or cn-site.
    proposals
        Bills and drafts instead: none is in force.
    """
    from polysilicon.policy import register
    from polysilicon.report.terminal import table

    known = catalogue(facts)
    day = _day(on, "--on") if on else None
    found = register.proposals(known) if proposals else register.register(known, day, view, regime=regime, text=text)
    answer(found.to_dict, lambda: table(found), as_json=json)


def show(name: str, /, *, facts: Facts = None, json: Json = False) -> None:
    """One provision: dates, whom it binds, its condition, what follows, sources.

    Parameters
    ----------
    name
        Its id, as `rules list` prints it.
    """
    import msgspec

    from polysilicon.policy.register import called
    from polysilicon.report.rules import provision

    known = catalogue(facts)
    found = called(known, name)
    cited = {key: known.source(key) for key in sorted(found.cites())}
    plain = {**msgspec.to_builtins(found), "cited": msgspec.to_builtins(cited)}
    answer(lambda: plain, lambda: provision(found, cited), as_json=json)


def diff(
    *,
    from_: Annotated[str, Parameter(name="--from")],
    to: str,
    view: View = "enforced",
    destinations: Annotated[tuple[str, ...], Parameter(name="--destination")] = ("CN",),
    facts: Facts = None,
    json: Json = False,
) -> None:
    """What changed in the law between two days, and which chips changed class.

    Parameters
    ----------
    from_
        The first day, YYYY-MM-DD.
    to
        The second day.
    view
        The law as it is enforced, or as its text stands.
    destinations
        Where each chip goes: its answer to an export there, and an import, is compared. May be given often.
    """
    from polysilicon.policy import Transaction
    from polysilicon.policy.register import changes
    from polysilicon.report.rules import changed

    known = catalogue(facts)
    acts = [Transaction(to, activity=act) for to in destinations for act in ("export", "import")]
    found = changes(known, _day(from_, "--from"), _day(to, "--to"), view, acts)
    answer(found.to_dict, lambda: changed(found), as_json=json)


def timeline(
    *chips: str,
    act: Act = _ACT,
    begin: str = "2022-01-01",
    end: str = "2027-12-31",
    view: Literal["enforced", "text", "both"] = "both",
    out: Path | None = None,
    facts: Facts = None,
    json: Json = False,
) -> None:
    """A chip's verdict over time: what held when, and which provision turned it.

    Parameters
    ----------
    chips
        One chip or several.
    begin
        The first day of the chart.
    end
        The last day of the chart.
    view
        The law as it is enforced, as its text stands, or both beside each other.
    out
        Write the chart as an HTML page here too.
    """
    from polysilicon.cli.cases import required
    from polysilicon.policy import Items, register
    from polysilicon.records import files
    from polysilicon.report.rules import over_time, timeline_page

    required({"CHIP": chips or None, "--to": act.to})
    known = catalogue(facts)
    asked = _transaction(act)
    views: tuple[View, ...] = ("enforced", "text") if view == "both" else (view,)
    first, last = _day(begin, "--begin"), _day(end, "--end")
    lanes = {}
    for chip in chips:
        items = Items.from_chips(known, [chip])
        spans = {one: register.timeline(known, items, asked, first, last, one) for one in views}
        if len(spans) > 1 and spans["enforced"] == spans["text"]:
            lanes[f"{items.ids[0]}, both views"] = spans["enforced"]
        else:
            lanes |= {f"{items.ids[0]}, {one} view": found for one, found in spans.items()}
    said = register.spoken(asked)
    if out is not None:
        files.write(out, timeline_page(lanes, said, known.hash))
    plain = {name: [one.to_dict() for one in spans] for name, spans in lanes.items()}
    answer(lambda: {"act": said, "lanes": plain}, lambda: over_time(lanes, said), as_json=json)


def bundle(
    what: str | None = None,
    /,
    *,
    act: Act = _ACT,
    view: View = "enforced",
    with_: Annotated[tuple[str, ...], Parameter(name="--with")] = (),
    out: Path | None = None,
    signed_by: str | None = None,
    signed_on: str | None = None,
    note: str = "",
    verify: Path | None = None,
    facts: Facts = None,
    json: Json = False,
) -> int:
    """Put a verdict, or every verdict behind a plan, into one zip file that can be checked later.

    Parameters
    ----------
    what
        A chip (with --to and --on, as `judge`), or a plan.json.
    view
        The law as it is enforced, or as its text stands.
    with_
        A figure or flag of the chip, NAME=VALUE, as `judge` takes it.
    out
        The zip file.
    signed_by
        Who signs it off.
    signed_on
        On which day, YYYY-MM-DD.
    note
        What the signer adds.
    verify
        Check this bundle instead: exit code 1 where an entry was changed, added or taken away.
    """
    from polysilicon.cli.app import ANSWERED, FAULTS
    from polysilicon.cli.cases import required
    from polysilicon.records import files
    from polysilicon.report.bundle import bundle as packed
    from polysilicon.report.bundle import faults
    from polysilicon.report.terminal import text

    if verify is not None:
        wrong = faults(verify)
        said = "\n".join(wrong or [f"{verify}: every entry is as its manifest says"])
        answer(lambda: {"bundle": str(verify), "faults": wrong}, lambda: text(said), as_json=json)
        return FAULTS if wrong else ANSWERED
    required({"CHIP or plan.json": what, "--out": out})
    known = catalogue(facts)
    signed = _signed(signed_by, signed_on, note)
    asked = what or ""
    if asked.endswith(".json"):
        known, verdicts, inputs = _of_plan(Path(asked), known)
    else:
        verdicts, inputs = [question(known, asked, None, with_, act, view)], {}
    blob = packed(known, verdicts, inputs, signed)
    files.write(out or Path(), blob)
    told = {"wrote": str(out), "verdicts": len(verdicts), "bytes": len(blob)}
    answer(lambda: told, lambda: text(f"{out}: {len(verdicts)} verdicts, {len(blob):,} bytes"), as_json=json)
    return ANSWERED


def _of_plan(path: Path, known: "Catalogue") -> tuple["Catalogue", "list[Verdict]", dict[str, bytes]]:
    from polysilicon.planning import read
    from polysilicon.planning.docket import verdicts_behind
    from polysilicon.planning.explanation import reopened

    plan = read(path)
    opened = reopened(plan, known)
    verdicts = verdicts_behind(opened.catalogue, opened.scenario, plan.legality)
    return opened.catalogue, verdicts, {"plan.json": path.read_bytes()}


def _signed(by: str | None, on: str | None, note: str) -> "SignOff | None":
    from polysilicon.records.errors import InputError, Place
    from polysilicon.report.bundle import SignOff

    if by is None and on is None:
        return None
    if by is None or on is None:
        missing = "--signed-by" if by is None else "--signed-on"
        raise InputError("a signature needs a name and a day", place=Place(field=missing), remedy=f"give {missing} too")
    return SignOff(by, _day(on, "--signed-on").isoformat(), note)


def new(
    file: Path,
    /,
    *,
    force: Annotated[bool, Parameter(name="--force", show_default=False)] = False,
    json: Json = False,
) -> None:
    """Write a small file of rules to start from.

    Parameters
    ----------
    file
        Where it is written.
    force
        Write over what is there already.
    """
    from importlib.resources import files as resources

    from polysilicon.records import files
    from polysilicon.records.errors import InputError, Place
    from polysilicon.report.terminal import text

    if file.exists() and not force:
        remedy = "choose another name, or --force to write over it"
        raise InputError("exists already", place=Place(str(file)), remedy=remedy)
    files.write(file, (resources("polysilicon.cli") / "rules.yaml").read_text(encoding="utf-8"))
    told = f"wrote {file}; next: polysilicon rules check {file}"
    answer(lambda: {"wrote": str(file)}, lambda: text(told), as_json=json)


def check(file: Path, /, *, json: Json = False) -> int:
    """Check your own rules before anyone relies on them: words, dates, places, and a trial of each on its days.

    Parameters
    ----------
    file
        A YAML file with `rules:` (and `sources:`, `groups:`, `definitions:`), as --facts takes it.
    """
    from polysilicon.cli.app import ANSWERED
    from polysilicon.policy.authoring import tried
    from polysilicon.records.errors import InputError
    from polysilicon.report.terminal import table

    try:
        found = tried(catalogue(file))
    except InputError as complaint:
        raise _with_line(complaint, file) from complaint
    answer(found.to_dict, lambda: table(found), as_json=json)
    return ANSWERED


def _with_line(complaint: "InputError", file: Path) -> "InputError":
    """A complaint about a record, with the line on which the record stands."""
    from polysilicon.records.document import read_yaml
    from polysilicon.records.errors import Place

    field = complaint.place.field
    if complaint.place.file is None or complaint.place.line is not None or field is None:
        return complaint
    complaint.place = read_yaml(file).place(tuple(field.split(".")))
    return complaint.at(Place())


def schema(*, of: Literal["own", "catalogue"] = "own", out: Path | None = None, json: Json = False) -> None:
    """The JSON Schema of a file of rules, so that an editor completes words and marks mistakes.

    Parameters
    ----------
    of
        Your own file (`rules:` at the top), or one of the catalogue's (rules by id).
    out
        Write it here instead of on standard output.
    """
    from polysilicon.policy.schema import catalogue_schema, rules_schema
    from polysilicon.records import files
    from polysilicon.report.files import to_json
    from polysilicon.report.terminal import text

    known = catalogue(None)
    written = to_json(rules_schema(known) if of == "own" else catalogue_schema(known))
    if out is None:
        print(written, end="")
    else:
        files.write(out, written)
        answer(lambda: {"wrote": str(out)}, lambda: text(f"wrote {out}"), as_json=json)


def _transaction(act: Act) -> "Transaction":
    from polysilicon.policy import Transaction

    return Transaction.read(act.said())


def _day(said: str, option: str) -> dt.date:
    from polysilicon.records.dates import day
    from polysilicon.records.errors import InputError, Place

    try:
        return day(said)
    except InputError as complaint:
        raise complaint.at(Place(field=option)) from complaint
