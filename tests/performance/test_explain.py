import numpy as np
import pytest

from polysilicon.performance import Cluster, Layouts, estimate_training, explain_training
from polysilicon.workloads.task import Training

TASK = Training(4096, 64)


def walk(step):
    yield step
    for one in step.inputs:
        yield from walk(one)


@pytest.mark.parametrize("kind", ["small", "mixture"])
def test_the_root_is_the_printed_step(catalogue, request, kind):
    model = request.getfixturevalue(kind)
    cluster = Cluster.from_catalogue(catalogue, "dgx-h100", 64)
    layout = Layouts.one(tp=2, pp=2, dp=16, recompute="full", precision="fp8", sequence_parallel=1)
    tree = explain_training(catalogue, model, TASK, cluster, layout)
    assert tree.name == "step_s"
    assert tree.value == pytest.approx(estimate_training(catalogue, model, TASK, cluster, layout).step_s[0], rel=1e-12)


def test_every_part_of_the_tree_is_a_formula_with_a_source_or_a_named_input(catalogue, small):
    cluster = Cluster.from_catalogue(catalogue, "huawei-ascend-910b2", 64)
    tree = explain_training(catalogue, small, TASK, cluster, Layouts.one(tp=4, dp=16))
    leaves = [one for one in walk(tree) if not one.inputs]
    assert all(one.source for one in walk(tree) if one.inputs)
    origins = " ".join(one.source for one in leaves)
    for word in ("huawei-ascend-910b2: bf16_tflops", "training-all", "model small", "layout: tp", "task: global batch"):
        assert word in origins


def test_the_chosen_candidate_of_a_table_is_explained(catalogue, small):
    cluster = Cluster.from_catalogue(catalogue, "nvidia-h100-sxm-80gb", 8)
    table = Layouts(tp=np.array([1.0, 2.0]), dp=np.array([8.0, 4.0]))
    made = estimate_training(catalogue, small, TASK, cluster, table)
    assert explain_training(catalogue, small, TASK, cluster, table, at=1).value == pytest.approx(made.step_s[1])
