"""Hardware trust as a security lead reads it: each demand, whether it is met, and the words on record."""

from collections.abc import Sequence
from itertools import groupby

from rich.console import Group, RenderableType

from polysilicon.policy.trust import Finding
from polysilicon.report.doubt import MARK, doubted
from polysilicon.report.terminal import plain_grid, text

TONES = {"yes": "green", "no": "red", "undetermined": "yellow"}
NOTE = "Undetermined does not count as met; absence of documents is not absence of the feature."


def render(findings: Sequence[Finding]) -> RenderableType:
    """A table for each chip, and where it was read."""
    parts: list[RenderableType] = []
    for chip, group in groupby(findings, key=lambda one: one.chip):
        rows = list(group)
        grid = plain_grid()
        for name in ("demand", "met", "standing", "on record"):
            grid.add_column(name, overflow="fold", no_wrap=name in ("met",))
        for one in rows:
            mark = f" {MARK}" if doubted(one.confidence) else ""
            grid.add_row(
                text(one.demand.replace("_", " ")),
                text(one.met, TONES[one.met]),
                text(one.standing.replace("_", " ") + mark),
                text(one.words, "dim"),
            )
        sources = ", ".join(dict.fromkeys(key for one in rows for key in one.sources))
        parts += [text(chip, "bold"), grid, text(f"read in: {sources or 'nothing'}", "dim"), ""]
    return Group(*parts, text(NOTE, "dim"))
