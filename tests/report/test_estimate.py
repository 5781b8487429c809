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


def made() -> TrainingEstimate:
    known = load()
    cluster = Cluster.from_catalogue(known, "nvidia-h100-sxm-80gb", 8)
    return estimate_training(known, transformer(known, "llama-3.1-8b"), Training(2048, 16), cluster, Layouts.one(tp=8))


@pytest.mark.parametrize(("most_gib", "told"), [(79.0, False), (99.0, True)])
def test_memory_that_may_not_suffice_is_flagged(
    capsys: pytest.CaptureFixture[str], *, most_gib: float, told: bool
) -> None:
    console().print(training(replace(made(), memory_high_bytes=most_gib * 2**30)))
    assert (f"{DOUBT}: up to 99 GiB at the high end" in capsys.readouterr().out.replace("\n", " ")) is told
