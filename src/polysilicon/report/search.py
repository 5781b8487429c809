"""What a search found, for people: the best layout, the next best, the front, and a shortlist of systems."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

import numpy as np
from rich.console import Group, RenderableType

from polysilicon.performance.run import Run
from polysilicon.performance.search import Found
from polysilicon.performance.training import TrainingEstimate
from polysilicon.planning.shortlist import Entry, Shortlist
from polysilicon.records.table import Table
from polysilicon.records.units import GIB, KILO
from polysilicon.report.doubt import BEYOND, MARK
from polysilicon.report.estimate import beyond, training
from polysilicon.report.run import run
from polysilicon.report.terminal import pairs, table, text
from polysilicon.report.words import interval, label

# What a layout is called by in a row; the rest of it is words.
DEGREES = ("tp", "pp", "dp", "cp", "ep", "micro_batch", "interleave")
# So many rows of a front are shown; --json has them all.
FRONT_ROWS = 20


def training_search(found: Found) -> RenderableType:
    """The best layout, then the next best, then what nothing equals or beats in time, memory and energy."""
    tried = f"{found.enumerated:,} layouts tried, {found.timed:,} timed, {found.feasible:,} fit in memory"
    parts: list[RenderableType] = [training(found.best), "", text(tried, "dim"), ""]
    parts.append(table(layouts("best layouts", found.best, found.best_energy_j)))
    parts += beyond(found.best.outside)
    if found.front is not None and found.front_energy_j is not None:
        title = "nothing equals or beats these in time, memory and energy"
        parts += ["", table(layouts(title, found.front, found.front_energy_j), FRONT_ROWS)]
        parts += beyond(found.front.outside[:FRONT_ROWS])
    return Group(*parts)


def search_and_run(found: Found, of: Run) -> RenderableType:
    """What a search found, and the run of the best layout."""
    return Group(training_search(found), "", text("with the best layout:", "dim"), run(of))


def layouts(title: str, found: TrainingEstimate, energy_j: Any) -> Table:
    """Layouts as rows: degrees, the other choices in words, time, memory and energy of a step."""
    rows = [found.layouts.said(at) for at in range(len(found))]
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in DEGREES}
    if all(one == 1 for one in columns["ep"]):
        del columns["ep"]
    columns["step_s"] = found.step_s
    columns["memory_gib"] = np.asarray(found.memory.memory_bytes) / GIB
    columns["energy"] = np.asarray(energy_j) / KILO
    if any(found.outside):
        columns[BEYOND] = [BEYOND if reasons else "" for reasons in found.outside]
    columns["choices"] = [choices(row) for row in rows]
    return Table(title, columns, units={"energy": "kJ"})


def choices(row: Mapping[str, Any]) -> str:
    """What besides the degrees is chosen, as a performance engineer writes it."""
    said = [row["precision"], f"ZeRO-{row['zero_stage']}" + (f" over {row['shard']}" if "shard" in row else "")]
    if row["sequence_parallel"]:
        said.append("SP")
    if row["recompute"] != "none":
        share = row.get("recomputed_share", 1.0)
        said.append(f"{row['recompute']} recompute" + (f" of {share:.0%}" if share < 1.0 else ""))
    if "schedule" in row:
        said.append(label(row["schedule"]))
    if "context" in row and row["cp"] > 1:
        said.append(f"{label(row['context'])} context")
    if "expert_tp" in row:
        said.append(f"experts' tp {row['expert_tp']}")
    states = ("optimizer", "activations", "weights")
    said += [f"{one} offloaded {row[f'offload_{one}']:.0%}" for one in states if f"offload_{one}" in row]
    return ", ".join(said)


def shortlist(found: Shortlist) -> RenderableType:
    """The systems, best first, by what the law says of them; the layout of the first; and why the others can't."""
    parts: list[RenderableType] = []
    for permission, entries in groupby(found.entries, key=lambda one: one.permission):
        title = f"by {found.by}" + (f": {label(permission)}" if permission else "")
        parts += [table(_systems(title, list(entries))), ""]
    if any(one.best.doubts for one in found.entries):
        parts += [text(f"{MARK} rests on figures of low confidence", "dim"), ""]
    if any(any(one.best.outside) for one in found.entries):
        parts += [text(f"{BEYOND} its best layout lies outside what was ever validated; --json says why", "dim"), ""]
    parts.append(training(found.entries[0].best))
    if found.without:
        parts += ["", text(f"{len(found.without)} systems can't:", "bold"), pairs(found.without)]
    return Group(*parts)


def _systems(title: str, entries: list[Entry]) -> Table:
    rows = [one.row() for one in entries]
    columns: dict[str, Any] = {
        "system": [
            row["system"] + f" {MARK}" * bool(row["doubts"]) + f" {BEYOND}" * bool(row["outside"]) for row in rows
        ],
        "step_s": [row["step_s"] for row in rows],
        "90 %": [interval(row["low_s"], row["high_s"]).removeprefix("90 %: ") for row in rows],
        "cost": [row["usd_per_mtoken"] for row in rows],
        "energy": [row["kj_per_mtoken"] for row in rows],
        "chips": [row["chips"] for row in rows],
        "mfu_pct": [row["mfu_pct"] for row in rows],
    }
    if not any(one.rent for one in entries):
        del columns["cost"]
    return Table(title, columns, units={"cost": "USD/Mtoken", "energy": "kJ/Mtoken"})
