"""The page of a scan, in one file that needs no network: the matrix, the effort, and every finding by target."""

from collections.abc import Mapping, Sequence

from polysilicon.facts.porting import PortRule
from polysilicon.porting import Scan
from polysilicon.porting.effort import PARTS, Effort
from polysilicon.report.figures import Chart, Series
from polysilicon.report.page import document
from polysilicon.report.porting import SAYS, WORST, matrix, read_line

MOST_ROWS = 3_000


def render(scan: Scan, rules: Mapping[str, PortRule], efforts: Sequence[Effort]) -> str:
    """The page as HTML."""
    table = matrix(scan)
    shown = [one for one in scan.findings if one.listed]
    return document(
        "porting.html",
        charts(scan),
        scan=scan,
        rules=rules,
        efforts=efforts,
        parts=PARTS,
        says=SAYS,
        read=read_line(scan),
        matrix=list(table.rows()),
        findings=sorted(
            shown, key=lambda one: (scan.targets.index(one.target), WORST.index(one.verdict), one.path, one.line)
        )[:MOST_ROWS],
        left_out=max(0, len(shown) - MOST_ROWS),
    )


def charts(scan: Scan) -> dict[str, Chart]:
    """Findings by verdict, a bar a target."""
    verdicts = [one for one in WORST if one != "note"]
    drawn = Chart(
        id="verdicts",
        title="Findings that count, by verdict",
        kind="stacked",
        categories=list(scan.targets),
        series=[
            Series(
                verdict,
                [
                    sum(one.counts and one.target == name and one.verdict == verdict for one in scan.findings)
                    for name in scan.targets
                ],
            )
            for verdict in verdicts
        ],
        unit="places",
        says="; ".join(f"{verdict}: {SAYS[verdict]}" for verdict in verdicts),
    )
    return {drawn.id: drawn}
