"""What a measurement learned and how sure it is, and how a real transformer agrees with it."""

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Group, RenderableType

from polysilicon.performance.measuring.measure import Outcome
from polysilicon.performance.measuring.record import confidence
from polysilicon.performance.measuring.truth import Checked
from polysilicon.records.table import Table
from polysilicon.records.units import GIGA, TERA
from polysilicon.report.terminal import pairs, table, text
from polysilicon.report.words import number

# Parameters that make up a smooth remainder mean nothing one by one.
REMAINDER = ("surface_", "leftover_")


def kinds(outcome: Outcome) -> Table:
    """One row a kind of kernel: how many timings, how far off each would be predicted from the others."""
    learned = outcome.learned
    rows = [(one.kind, one.timings, np.abs(one.left_out_errors())) for one in learned.known.values()]
    rows += [(f"{one.mode} step", one.timings, np.abs(one.left_out)) for one in learned.reach.values()]
    return Table(
        "what was learned, by kind of kernel",
        {
            "kernel": [kind for kind, _, _ in rows],
            "timings": [len(timings) for _, timings, _ in rows],
            "left_out_error_pct": [_pct(errors, 0.5) for _, _, errors in rows],
            "worst_tenth_pct": [_pct(errors, 0.9) for _, _, errors in rows],
            "spread_pct": [_pct([one.spread for one in timings], 0.5) for _, timings, _ in rows],
        },
        units={"timings": ""},
        notes=("left out: each timing as all the others predict it; spread: median run over least, less one",),
    )


def parameters(outcome: Outcome) -> Table:
    """One row a parameter with its 90 % interval; how many timings are behind it stands beside its kind."""
    rows = [
        (name, *ends)
        for name, ends in outcome.learned.intervals().items()
        if not name.rpartition(".")[2].startswith(REMAINDER)
    ]
    columns = list(zip(*rows, strict=True)) or [()] * 4
    names = ("parameter", "value", "low", "high")
    return Table("parameters", {name: list(column) for name, column in zip(names, columns, strict=True)})


def measured(outcome: Outcome, path: Path) -> RenderableType:
    """What a measurement says on a screen."""
    learned, subject = outcome.learned, outcome.subject
    every = {one: float(value) / TERA for one, value in learned.silicon.peak_flop_per_s.items()}
    peaks = ", ".join(f"{number(value, 3)} {one}" for one, value in every.items())
    trust = confidence(learned)
    named = [
        ("device", f"{subject.described}, {learned.silicon.units:g} units, PyTorch {subject.torch}"),
        ("peaks", f"{peaks} TFLOP/s; memory {number(float(learned.silicon.memory_bytes_per_s) / GIGA, 3)} GB/s"),
        ("timings", f"{learned.timings} in {learned.spent_s:.0f} s; {learned.distrusted} not trusted and left out"),
        ("whole steps", f"{100.0 * learned.goal_error:.1f} % of uncertainty left by the timings, in the median"),
        ("spread", f"{100.0 * learned.spread:.1f} % of repeated runs, in the median"),
    ]
    doubt = (
        ()
        if trust == "measured"
        else (
            text(
                "the machine was too busy: the file calls its values an estimate; measure again when it is quiet",
                "bold",
            ),
        )
    )
    return Group(
        text(f"measured {subject.id} in {learned.dtype}", "bold"),
        pairs(named),
        "",
        table(kinds(outcome)),
        "",
        table(parameters(outcome)),
        *doubt,
        text(f"wrote {path}; next: polysilicon measure --check {path}", "dim"),
    )


def to_dict(outcome: Outcome, path: Path) -> dict[str, Any]:
    """What `--json` prints of a measurement."""
    learned, subject = outcome.learned, outcome.subject
    return {
        "wrote": str(path),
        "id": subject.id,
        "device": subject.described,
        "dtype": learned.dtype,
        "confidence": confidence(learned),
        "peak_tflops": {one: value / TERA for one, value in learned.silicon.peak_flop_per_s.items()},
        "memory_bw_gbs": learned.silicon.memory_bytes_per_s / GIGA,
        "timings": learned.timings,
        "distrusted": learned.distrusted,
        "spent_s": learned.spent_s,
        "spread_pct": 100.0 * learned.spread,
        "goal_error_pct": 100.0 * learned.goal_error,
        "kinds": kinds(outcome).to_dict()["rows"],
        "parameters": parameters(outcome).to_dict()["rows"],
    }


def checked(found: Checked) -> RenderableType:
    """Predicted beside measured, row by row, and the verdict of each mode."""
    verdicts = found.verdicts()
    names = ("mode", "shapes", "median_error_pct", "worst_error_pct", "median_spread_pct", "bar_pct", "met")
    summary = Table("against the bar", {name: [one[name] for one in verdicts] for name in names})
    return Group(table(found.to_table()), "", table(summary))


def checked_dict(found: Checked) -> dict[str, Any]:
    """What `--json` prints of a check."""
    return found.to_table().to_dict() | {"chip": found.chip, "dtype": found.dtype, "verdicts": found.verdicts()}


def _pct(errors: Any, share: float) -> float:
    return 100.0 * float(np.quantile(errors, share)) if len(errors) else float("nan")


__all__ = ["checked", "checked_dict", "kinds", "measured", "parameters", "to_dict"]
