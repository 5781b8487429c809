"""What an estimate says on screen."""

from dataclasses import replace

import pytest

from polysilicon.facts import load
from polysilicon.performance import Cluster, Layouts, estimate_training
from polysilicon.performance.training import TrainingEstimate
from polysilicon.report.estimate import training
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
