import pytest

from polysilicon.facts import load
from polysilicon.performance import Cluster, Recipe
from polysilicon.performance.efficiency import efficiency_of
from polysilicon.performance.step import breakdown
from polysilicon.performance.training import job_of
from polysilicon.workloads.counts import Shape
from polysilicon.workloads.model import Transformer
from polysilicon.workloads.task import Training


@pytest.fixture(scope="session")
def catalogue():
    return load()


@pytest.fixture(scope="session")
def gpt3():
    """GPT-3 175B as Megatron-LM trains it."""
    return Transformer(
        name="GPT-3 175B",
        layers=96,
        hidden=12288,
        heads=96,
        kv_heads=96,
        head_dim=128,
        ffn_hidden=49152,
        vocab=51200,
        gated=False,
        tied_embeddings=True,
    )


@pytest.fixture(scope="session")
def small():
    """A model small enough to fit anywhere."""
    return Transformer(
        name="small",
        layers=16,
        hidden=2048,
        heads=16,
        kv_heads=8,
        head_dim=128,
        ffn_hidden=8192,
        vocab=32000,
    )


@pytest.fixture(scope="session")
def mixture():
    """A small mixture of experts."""
    return Transformer(
        name="mixture",
        layers=16,
        hidden=2048,
        heads=16,
        kv_heads=8,
        head_dim=128,
        ffn_hidden=8192,
        vocab=32000,
        experts=32,
        experts_per_token=4,
        expert_hidden=1024,
        shared_hidden=1024,
        dense_layers=1,
    )


@pytest.fixture(scope="session")
def step_of(catalogue):
    """Where a step goes, for a model, a layout and a recipe, on a chip or system with any other fabric."""

    def parts(model, layout, recipe=None, *, chip="nvidia-h100-sxm-80gb", chips=4096, task=None, **fabric):
        cluster = Cluster.from_catalogue(catalogue, chip, chips, fabric)
        efficiency = efficiency_of(catalogue, cluster.chip, "training")
        task = task or Training(4096, 512)
        job = job_of(catalogue, Shape.of(model), task, cluster, layout, recipe or Recipe(), efficiency)
        return breakdown(job)

    return parts
