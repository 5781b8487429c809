import pytest

from polysilicon.performance import Cluster
from polysilicon.performance.explain_samples import explain_samples
from polysilicon.performance.sample_jobs import SampleLayout, TableLayout
from polysilicon.performance.sample_training import estimate_samples
from polysilicon.workloads import describe

JOBS = [
    (
        "dlrm-dcnv2",
        65536,
        TableLayout(sharding="row"),
        ("embedding-bytes-training", "recommender-all", "model dlrm-dcnv2"),
    ),
    ("flux.1-schnell-256", 512, SampleLayout(tp=2, precision="fp8"), ("diffusion-all", "layout: tp", "fp8_tflops")),
    ("bert-large-mlperf", 768, None, ("encoder-all", "task: global batch")),
]


def walk(step):
    yield step
    for one in step.inputs:
        yield from walk(one)


@pytest.mark.parametrize(("name", "batch", "cut", "words"), JOBS)
def test_the_tree_of_a_step_reaches_records_and_its_root_is_the_printed_figure(catalogue, name, batch, cut, words):
    model, cluster = describe(catalogue, name), Cluster.from_catalogue(catalogue, "nvidia-h100-sxm-80gb", 16)
    tree = explain_samples(catalogue, model, batch, cluster, cut)
    assert tree.name == "step_s"
    assert tree.value == pytest.approx(estimate_samples(catalogue, model, batch, cluster, cut).step_s.value, rel=1e-12)
    assert all(one.source for one in walk(tree) if one.inputs)
    told = " ".join(f"{one.name} {one.source}" for one in walk(tree))
    for word in (*words, "nvidia-h100-sxm-80gb: memory_bw_gbs"):
        assert word in told
