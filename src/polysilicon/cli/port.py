"""`polysilicon port`: what ties code to one vendor, and how much work it is to move it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from polysilicon.cli.options import FILES, Facts, Json, Whole, answer, catalogue, needs, within

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from polysilicon.facts import Catalogue
    from polysilicon.facts.porting import PortRule
    from polysilicon.porting import Finding, Scan
    from polysilicon.porting.effort import Effort

Flag = Annotated[bool, Parameter(show_default=False)]
READ, WORK, LATER = (
    Group("What is read", sort_key=2),
    Group("Effort", sort_key=3),
    Group("Continuous integration", sort_key=4),
)
FAULTS = 1


@Parameter(name="*", group=READ)
@dataclass(frozen=True)
class Reading:
    """How the tree is read.

    Attributes
    ----------
    exclude
        Paths left out, as patterns: --exclude 'examples/*' (may be given several times).
    most_mb
        Larger files are passed over, and counted.
    jobs
        Processes; as many as there are cores where not said.
    no_cache
        Read every file again, and keep nothing.
    as_of
        The day of the question, YYYY-MM-DD; it stands in the answer.
    """

    exclude: tuple[str, ...] = ()
    most_mb: float = 4.0
    jobs: Whole | None = None
    no_cache: Flag = False
    as_of: str | None = None


@Parameter(name="*", group=WORK)
@dataclass(frozen=True)
class Work:
    """What the work of a port is.

    Attributes
    ----------
    effort
        Add the person-days, with their interval.
    days_per_line
        Your own figure for the person-days behind one new line; 0.02 where not said.
    team
        How many share the work, for calendar weeks.
    effort_out
        Where the person-months by stack are written, as facts that `plan` reads.
    """

    effort: Flag = False
    days_per_line: float | None = None
    team: Whole = 1
    effort_out: Path | None = None

    @property
    def wanted(self) -> bool:
        """Whether anybody asked for days."""
        return self.effort or self.days_per_line is not None or self.effort_out is not None


@Parameter(name="*", group=LATER)
@dataclass(frozen=True)
class Later:
    """What was known before.

    Attributes
    ----------
    ratchet
        Fail (exit code 1) on findings that this baseline does not know, and print those alone.
    baseline
        Write what is known now, for --ratchet.
    """

    ratchet: Path | None = None
    baseline: Path | None = None


_READING, _WORK, _LATER = Reading(), Work(), Later()


def scan(
    path: Path,
    /,
    *,
    target: tuple[str, ...],
    reading: Reading = _READING,
    work: Work = _WORK,
    later: Later = _LATER,
    notes: Flag = False,
    all_: Annotated[bool, Parameter(name="--all", group=FILES, show_default=False)] = False,
    sarif: Annotated[Path | None, Parameter(group=FILES)] = None,
    html: Annotated[Path | None, Parameter(group=FILES)] = None,
    facts: Facts = None,
    json: Json = False,
) -> int:
    """Find every place that ties a tree of code to one vendor, for each target.

    Parameters
    ----------
    path
        A folder, or one file.
    target
        Where the code shall run: rocm, ascend@950dt, musa, mlu, xpu, ... `facts list port-target` lists them. Several
        are separated by commas. `ascend@910b:torch-2.11.0` asks the tables of one chip and version.
    notes
        List also what is only worth knowing.
    all_
        Print every finding instead of the most frequent.
    sarif
        Write the findings as SARIF 2.1.0, for editors and code hosts.
    html
        Write a page that opens with no network.
    """
    from polysilicon.facts.porting import PortRule
    from polysilicon.records.errors import InputError, Place

    if work.days_per_line is not None:
        within(1e-4, 10, days_per_line=work.days_per_line)
    within(1, 100_000, team=work.team)
    needs((work.team != 1 and not work.wanted, "--team", "--effort"))
    known = catalogue(facts)
    wanted = [one for text in target for one in text.split(",") if one.strip()]
    if not wanted:
        raise InputError("no target is named", place=Place(field="--target"), allowed="such as rocm,ascend@950dt,musa")
    scanned = _scanned(known, path, wanted, reading, notes=notes)
    rules = {one.id: one for one in known.every(PortRule)}
    efforts = _efforts(known, scanned, work)
    added = _added(scanned, rules, later)
    _written(scanned, rules, efforts, work, later, sarif, html)

    from polysilicon.report import porting

    answer(
        lambda: porting.to_dict(scanned, rules, efforts, added),
        lambda: porting.render(scanned, rules, efforts, added, everything=all_, team=work.team),
        as_json=json,
    )
    return FAULTS if added else 0


def _scanned(known: "Catalogue", path: Path, wanted: "Sequence[str]", reading: Reading, *, notes: bool) -> "Scan":
    """The scan, with a bar on standard error while it reads."""
    from polysilicon.cli.progress import shown
    from polysilicon.porting import Options, scan
    from polysilicon.records.dates import day
    from polysilicon.records.errors import InputError, Place

    within(0.001, 1_000, most_mb=reading.most_mb)
    if reading.jobs is not None:
        within(1, 1_000, jobs=reading.jobs)
    try:
        as_of = day(reading.as_of) if reading.as_of else None
    except InputError as complaint:
        raise complaint.at(Place(field="--as-of")) from complaint
    with shown("reading") as advance:
        chosen = Options(
            leave_out=reading.exclude,
            most_bytes=int(reading.most_mb * 1e6),
            jobs=reading.jobs,
            cached=not reading.no_cache,
            notes=notes,
            advance=advance,
        )
        return scan(known, path, wanted, as_of, chosen)


def _efforts(known: "Catalogue", scanned: "Scan", work: Work) -> "list[Effort]":
    if not work.wanted:
        return []
    from polysilicon.porting.effort import effort

    return effort(known, scanned, work.days_per_line)


def _added(scanned: "Scan", rules: "Mapping[str, PortRule]", later: Later) -> "list[Finding] | None":
    """What a ratchet does not know; none where none was given."""
    if later.ratchet is None:
        return None
    from polysilicon.porting import ratchet

    return ratchet.new(scanned, ratchet.read(later.ratchet), rules)


def _written(
    scanned: "Scan",
    rules: "Mapping[str, PortRule]",
    efforts: "Sequence[Effort]",
    work: Work,
    later: Later,
    sarif: Path | None,
    html: Path | None,
) -> None:
    """The files that were asked for."""
    from polysilicon.records import files
    from polysilicon.report.files import to_json

    if sarif is not None:
        from polysilicon.report.porting_sarif import to_sarif

        files.write(sarif, to_json(to_sarif(scanned, rules)))
    if html is not None:
        from polysilicon.report import porting_page

        files.write(html, porting_page.render(scanned, rules, efforts))
    if later.baseline is not None:
        from polysilicon.porting.ratchet import baseline

        files.write(later.baseline, to_json(baseline(scanned, rules)))
    if work.effort_out is not None:
        from polysilicon.porting.effort import charge

        files.write(work.effort_out, to_json(charge(efforts)))
