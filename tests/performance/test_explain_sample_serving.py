"""The tree's root is the figure that the estimate tells, whatever the model and the place of its tables."""

from typing import Any

import pytest

from polysilicon.facts import load
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.explain_sample_serving import explain_sample_serving
from polysilicon.performance.sample_answer import Demand
from polysilicon.performance.sample_serving import estimate_sample_serving
from polysilicon.performance.table_places import Tables
from polysilicon.records.recorder import Step
from polysilicon.workloads import describe


@pytest.mark.parametrize(
    ("name", "chips", "more"),
    [
        ("dlrm-dcnv2", 1, {}),
        ("dlrm-dcnv2", 8, {}),
        ("dlrm-dcnv2", 1, {"tables": Tables("host", 0.9)}),
        ("dlrm-dcnv2", 1, {"tables": Tables("cxl", cxl_gbs=30.0)}),
        ("stable-diffusion-2", 1, {}),
        ("flux.1-schnell-256", 1, {"precision": "fp8"}),
        ("bert-large-mlperf", 1, {}),
    ],
)
@pytest.mark.parametrize("bound", [None, 30_000.0])
def test_the_root_is_the_figure(name: str, chips: int, more: dict[str, Any], bound: float | None) -> None:
    model: Any = describe(load(), name)
    question = (load(), model, Demand(bound), Cluster.from_catalogue(load(), "nvidia-h100-sxm-80gb", chips))
    tree = explain_sample_serving(*question, **more)
    told = estimate_sample_serving(*question, **more).queries_per_s_per_chip.value
    assert tree.value == pytest.approx(told)
    assert tree.confidence == "unvalidated"
    # What has no source is a one or a zero: a single pass, nothing exchanged, nothing on the host.
    assert {one.value for one in leaves(tree) if not one.source} <= {0.0, 1.0}


def leaves(step: Step) -> list[Step]:
    below = [*step.inputs, *step.within]
    return [leaf for one in below for leaf in leaves(one)] if below else [step]
