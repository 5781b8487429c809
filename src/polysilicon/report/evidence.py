"""A verification on a screen and on a page that a reviewer can sign."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType

from polysilicon.porting.verifying.evidence import Evidence, plain
from polysilicon.porting.verifying.levels import TITLES, Result
from polysilicon.porting.verifying.trial import Compared
from polysilicon.records import files
from polysilicon.records.table import Table
from polysilicon.report.figures import Chart, Series
from polysilicon.report.files import to_json
from polysilicon.report.page import document
from polysilicon.report.terminal import pairs, table, text
from polysilicon.report.words import number

STYLES = {"pass": "green", "look": "yellow", "fail": "bold red", "unsupported": "yellow"}
ON_PAGE = 400
# Above this a ratio says only that what has to be exact is not.
EXACT = 1e12


def to_dict(found: Evidence) -> dict[str, Any]:
    """The evidence as `--json` prints it."""
    return plain(found)


def write(found: Evidence, folder: Path) -> None:
    """evidence.json and evidence.html, each written beside its place and renamed."""
    files.write(folder / "evidence.json", to_json(to_dict(found)))
    files.write(folder / "evidence.html", render(found))


def verdicts(found: Evidence) -> Table:
    """One row a runtime, one column a level, with the largest ratio to the floor."""
    levels = list(dict.fromkeys(one.level for one in found.results))
    by = {(one.runtime, one.level): one for one in found.results}
    columns: dict[str, list[Any]] = {"runtime": list(found.verdicts)}
    for level in levels:
        columns[f"{level} {TITLES[level]}"] = [_cell(by.get((name, level))) for name in found.verdicts]
    note = (
        "beside a verdict: the largest distance from the reference in units of the noise floor; pass to 3, look to 30"
    )
    return Table("verdict by level", columns, notes=(note,))


def _cell(result: Result | None) -> str:
    if result is None:
        return ""
    worst = result.worst
    return result.verdict if worst is None else f"{result.verdict} {ratio(worst.ratio)}"


def ratio(value: float) -> str:
    """A ratio to the floor in a word; what must be exact and is not has none."""
    return number(value, 2) if value < EXACT else "inexact"


def shown(found: Evidence, out: Path | None) -> RenderableType:
    """A verification on a screen."""
    parts: list[RenderableType] = [
        text(f"{found.model}: {found.verdict}", STYLES[found.verdict]),
        table(verdicts(found)),
    ]
    missing = [(one.name, one.missing) for one in found.runtimes if one.missing]
    if missing:
        parts += ["", text("not here", "bold"), pairs(missing)]
    blamed = [(one.runtime, _blamed(one)) for one in found.blames]
    if blamed:
        parts += ["", text("first wrong operator", "bold"), pairs(blamed)]
    told = [(f"{one.level} {one.runtime}", "; ".join(one.notes[:2])) for one in found.results if one.verdict != "pass"]
    if told:
        parts += ["", text("to look at", "bold"), pairs((name, words) for name, words in told if words)]
    parts += [text(one, "dim") for one in found.notes]
    kept = f"; written to {out}" if out is not None else "; --out keeps the whole of it"
    parts += ["", text(f"evidence {found.sha256[:16]}{kept}", "dim")]
    return Group(*parts)


def _blamed(one: Any) -> str:
    where = f" in {one.scope}" if one.scope else ""
    if one.why:
        return f"{one.operators[0]}{where} ({one.case}): {one.why}"
    names = " … ".join(dict.fromkeys((one.operators[0], one.operators[-1])))
    together = "" if len(one.nodes) == 1 else f", {len(one.nodes)} nodes that are wrong only together"
    off = f"{ratio(one.ratio)} times the floor" if one.ratio < EXACT else "has to be exact and is not"
    return f"{names}{where} ({one.case}, node {one.nodes[0]}): {off}{together}"


def render(found: Evidence) -> str:
    """The page, in one file that needs no network."""
    return document(
        "evidence.html",
        _charts(found),
        found=found,
        titles=TITLES,
        table=verdicts(found),
        worst=[(one, one.worst) for one in found.results],
        ratio=ratio,
        blamed=_blamed,
        places=_places(found),
        compared=_gravest(found),
        ulps=("0", "1", "2–3", "4–15", "16–255", "more"),
    )


def _places(found: Evidence) -> list[Mapping[str, object]]:
    """How many nodes of each runtime ran where, in which format."""
    rows: list[Mapping[str, object]] = []
    for name, placed in found.placements.items():
        counts: dict[tuple[str, str], list[str]] = {}
        for one in placed:
            counts.setdefault((one.device, one.dtype), []).append(one.op)
        rows += [
            {"runtime": name, "device": device, "dtype": dtype, "nodes": len(ops), "operators": sorted(set(ops))}
            for (device, dtype), ops in counts.items()
        ]
    return rows


def _gravest(found: Evidence) -> list[tuple[str, Compared]]:
    """The values furthest above the floor, those of every level."""
    every = [(result.level, one) for result in found.results for one in result.compared]
    return sorted(every, key=lambda one: -one[1].ratio)[:ON_PAGE]


def _charts(found: Evidence) -> dict[str, Chart]:
    """The mean loss of each runtime less the reference's, where a curve was run."""
    if not found.courses:
        return {}
    reference = found.courses[0].losses
    steps = [str(at + 1) for at in range(reference.shape[1])]
    series = [Series(one.runtime, tuple(one.losses.mean(0).tolist()), "line") for one in found.courses]
    says = f"Mean over {len(reference)} seeds; curves that can't be told apart lie on one another."
    return {"curve": Chart("curve", "Loss of each step", says, "lines", "loss", steps, series, across="step")}
