import pytest

from polysilicon.facts import load
from polysilicon.workloads.model import Transformer


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
