"""A whole run on screen."""

import numpy as np
import pytest

from polysilicon.facts import load
from polysilicon.performance import Cluster, Layouts, estimate_training
from polysilicon.performance.run import Run, Upkeep, run_training
from polysilicon.report.run import run, with_run
from polysilicon.report.terminal import console
from polysilicon.workloads import Training, transformer

KNOWN = load()
MODEL = transformer(KNOWN, "llama-3.1-8b")


def made(tokens: float, upkeep: Upkeep | None = None, **cut: float):
    task = Training(2048, 64, tokens)
    cluster = Cluster.from_catalogue(KNOWN, "nvidia-h100-sxm-80gb", 8)
    estimate = estimate_training(KNOWN, MODEL, task, cluster, Layouts.one(**cut))
    return estimate, run_training(KNOWN, MODEL, task, estimate, upkeep=upkeep)


def shown(found: Run, capsys: pytest.CaptureFixture[str], width: int = 80) -> str:
    console(width).print(run(found))
    return capsys.readouterr().out


def test_every_figure_has_its_unit_and_interval(capsys):
    said = shown(made(1e12, tp=8)[1], capsys, 200)
    for words in ("a run of 1 T tokens", " days (90 %:", "chip-hours", "MWh (90 %:", "% of the pace", "spare nodes"):
        assert words in said
    assert "observed on this chip" in said
    assert "interruption-downtime-min" in said


def test_what_the_user_says_is_not_assumed(capsys):
    upkeep = Upkeep(restart_min=5.0, storage_gbs=10.0, chip_days=1000.0)
    said = shown(made(1e12, upkeep, tp=8)[1], capsys, 200)
    assert "your own figure" in said
    assert "interruption-downtime-min" not in said
    assert "checkpoint-write" not in said


@pytest.mark.parametrize(("tokens", "unit"), [(1e6, " s "), (1e8, " min "), (1e9, " h "), (1e12, " days ")])
def test_a_short_run_is_told_in_short_units(tokens, unit, capsys):
    line = next(one for one in shown(made(tokens, tp=8)[1], capsys).splitlines() if one.startswith("time"))
    assert unit in line


def test_a_run_of_what_does_not_fit_says_so(capsys):
    estimate, found = made(1e9, dp=8, micro_batch=8)
    assert not np.all(estimate.fits)
    console().print(with_run(estimate, found))
    assert "as if it fitted in memory, which it does not" in capsys.readouterr().out


@pytest.mark.parametrize("width", [40, 80])
def test_it_fits_the_screen(width, capsys):
    assert max(map(len, shown(made(1e12, tp=8)[1], capsys, width).splitlines())) <= width
