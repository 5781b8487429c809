"""What an estimate says on screen."""

from dataclasses import replace

import pytest
from rich.console import Group

from polysilicon.facts import load
from polysilicon.performance import Cluster, Layouts, Recipe, estimate_training
from polysilicon.performance.training import TrainingEstimate
from polysilicon.report.estimate import beyond, instead, training
from polysilicon.report.terminal import console
from polysilicon.workloads import Training, transformer

DOUBT = "MAY NOT FIT"


def made(**more: float) -> TrainingEstimate:
    known = load()
    cluster = Cluster.from_catalogue(known, "nvidia-h100-sxm-80gb", 8)
    layout = Layouts.one(tp=8, **more)
    return estimate_training(known, transformer(known, "llama-3.1-8b"), Training(2048, 16), cluster, layout)


@pytest.mark.parametrize(("most_gib", "told"), [(79.0, False), (99.0, True)])
def test_memory_that_may_not_suffice_is_flagged(
    capsys: pytest.CaptureFixture[str], *, most_gib: float, told: bool
) -> None:
    console().print(training(replace(made(), memory_high_bytes=most_gib * 2**30)))
    assert (f"{DOUBT}: up to 99 GiB at the high end" in capsys.readouterr().out.replace("\n", " ")) is told


@pytest.mark.parametrize(
    ("least_gib", "told"), [(79.0, ": PROBABLY DOES NOT FIT: 79 GiB at the low end of 90 %; do so"), (81.0, "")]
)
def test_memory_that_may_suffice_after_all_is_told(
    capsys: pytest.CaptureFixture[str], *, least_gib: float, told: str
) -> None:
    over = replace(made(), fits=False, memory_low_bytes=least_gib * 2**30, memory_high_bytes=99.0 * 2**30)
    console().print(training(over, remedy="do so"))
    assert (told or ": DOES NOT FIT; do so") in " ".join(capsys.readouterr().out.split())


def test_what_lies_outside_is_told_once_with_its_rows(capsys: pytest.CaptureFixture[str]) -> None:
    console().print(Group(*beyond((("a", "b"), ("a",), ("a", "b")))))
    assert capsys.readouterr().out.split("\n")[1:4] == [
        "outside what was ever validated:",
        "‡ a (every row)",
        "‡ b (rows 1, 3)",
    ]
    assert beyond(((), ())) == []


@pytest.mark.parametrize("width", [40, 60, 80])
def test_figures_come_before_bars_on_a_narrow_screen(capsys: pytest.CaptureFixture[str], width: int) -> None:
    console(width).print(training(made()))
    said = capsys.readouterr().out
    assert "…" not in said
    assert max(map(len, said.splitlines())) <= width


def test_the_allocators_peak_and_what_lies_on_the_host_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    plain, away = made(), made(offload_optimizer=1.0)
    console().print(training(plain))
    assert "on the host" not in capsys.readouterr().out
    console().print(training(away))
    shown = capsys.readouterr().out
    assert "of it allocated" in shown
    assert "on the host" in shown
    told = away.to_dict()
    assert told["peaks"]["allocated"][0] < told["peaks"]["process"][0] == told["memory"]["memory_bytes"][0]
    assert told["host_bytes"][0] == pytest.approx(plain.to_dict()["memory"]["optimizer_bytes"][0])


def test_chips_batch_and_sequence_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    console(100).print(training(made()))
    shown = capsys.readouterr().out
    assert "on 8 x nvidia-h100-sxm-80gb" in shown
    assert "16 sequences of 2,048 tokens a step" in shown.replace("\n", " ")
    assert made().to_dict()["global_batch"] == 16


def test_what_does_not_fit_says_what_would(capsys: pytest.CaptureFixture[str]) -> None:
    over = replace(made(), fits=[False], memory_low_bytes=99.0 * 2**30)
    console(200).print(training(over, remedy=instead(made(), Layouts.one(tp=8, zero_stage=3))))
    assert "DOES NOT FIT; the nearest layout that does: zero_stage 3" in capsys.readouterr().out
    assert "search train" in instead(made(), None)


def test_fixed_weights_qualify_the_utilisation(capsys: pytest.CaptureFixture[str]) -> None:
    console(100).print(training(replace(made(), recipe=Recipe(frozen=1.0))))
    assert "fixed weights without gradients" in capsys.readouterr().out
