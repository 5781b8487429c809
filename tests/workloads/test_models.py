"""The shipped model records against their developers' published sizes."""

import json
from dataclasses import replace

import pytest

from polysilicon.facts import load
from polysilicon.facts.architectures import ModelCard
from polysilicon.records.errors import InputError, UnknownName, Unsupported
from polysilicon.workloads import (
    Diffusion,
    Recommender,
    Transformer,
    counts,
    describe,
    diffusion,
    recommender,
    transformer,
)
from polysilicon.workloads.describe import from_card

PUBLISHED_BN = {
    "llama-2-70b": 68.98,
    "llama-3.1-8b": 8.03,
    "llama-3.1-70b": 70.55,
    "llama-3.1-405b": 405.9,
    "llama-4-maverick": 400.7,
    "qwen2.5-32b": 32.76,
    "qwen3-32b": 32.76,
    "qwen3-30b-a3b": 30.53,
    "qwen3-235b-a22b": 235.1,
    "qwen3.5-397b-a17b": 397.0,
    "deepseek-v2": 235.7,
    "deepseek-v3": 671.0,
    "mixtral-8x7b": 46.70,
    "mixtral-8x22b": 140.6,
    "gpt-3-175b": 174.6,
    "kimi-k2": 1027.0,
    "glm-4.5": 352.8,
    "glm-4.5-air": 106.9,
    "glm-5": 744.0,
    "pangu-pro-moe": 71.99,
    "gpt-oss-120b": 116.8,
    "gpt-oss-20b": 20.91,
    "minimax-m2.5": 228.7,
    "gemma-2-27b": 27.23,
    "hy3-preview": 295.0,
    "nemotron-h-56b": 56.3,
    "nemotron-3-nano-30b-a3b": 31.6,
    "nemotron-3-super-120b-a12b": 120.6,
    "nemotron-3-ultra-550b-a55b": 550.0,
}
# Published counts of active parameters include the input embedding.
PUBLISHED_ACTIVE_BN = {"qwen3-235b-a22b": 22.2, "deepseek-v3": 37.6, "kimi-k2": 32.9, "pangu-pro-moe": 16.5}


@pytest.mark.parametrize(("name", "published"), PUBLISHED_BN.items())
def test_parameters_are_as_published(name: str, published: float) -> None:
    model = describe(load(), name)
    assert isinstance(model, Transformer)
    assert counts.parameters(model) / 1e9 == pytest.approx(published, rel=0.01)


@pytest.mark.parametrize(("name", "published"), PUBLISHED_ACTIVE_BN.items())
def test_active_parameters_are_as_published(name: str, published: float) -> None:
    model = describe(load(), name)
    assert isinstance(model, Transformer)
    looked_up = model.vocab * model.hidden
    assert (counts.active_parameters(model) + looked_up) / 1e9 == pytest.approx(published, rel=0.012)


@pytest.mark.parametrize(
    ("name", "total_bn", "active_bn"),
    # The larger is published as 1.6 trillion with the layer that drafts, of 25.84 billion, which no total here counts.
    [("deepseek-v4-pro", 1600.0 - 25.84, 49.0), ("deepseek-v4-flash", 284.0, 13.27)],
)
def test_weights_of_compressed_attention_are_as_published(name: str, total_bn: float, active_bn: float) -> None:
    model = describe(load(), name)
    assert isinstance(model, Transformer)
    assert counts.parameters(model) / 1e9 == pytest.approx(total_bn, rel=0.005)
    assert counts.active_parameters(model) / 1e9 == pytest.approx(active_bn, rel=0.005)


def test_every_record_is_described_or_says_why_not() -> None:
    reasons: list[str] = []
    for card in load().every(ModelCard):
        try:
            from_card(card)
        except Unsupported as refusal:
            reasons.append(str(refusal))
    assert reasons
    assert all("not modelled yet" in reason for reason in reasons)


def test_no_two_models_share_an_alias() -> None:
    cards = load().every(ModelCard)
    aliases = [alias for card in cards for alias in card.aliases]
    assert len(aliases) == len(set(aliases))


@pytest.mark.parametrize("name", ["deepseek-ai/DeepSeek-R1", "LLaMA v3.3 70B", "GPT-OSS 20B", "zhipuai/GLM-5", "dsv4"])
def test_spellings_of_published_tables_resolve(name: str) -> None:
    assert isinstance(describe(load(), name), Transformer)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("Llama-3.1-8B-Instruct", "llama-3.1-8b"),
        ("RedHatAI/Qwen3-32B-FP8", "qwen3-32b"),
        ("Kimi-K2-Instruct", "kimi-k2"),
        ("unsloth/Meta-Llama-3.1-70B", "llama-3.1-70b"),
    ],
)
def test_a_checkpoint_has_the_shape_of_its_model(name: str, model: str) -> None:
    assert replace(transformer(load(), name), named="") == describe(load(), model)


@pytest.mark.parametrize(
    ("name", "precision"),
    [("Qwen/Qwen3-32B-FP8", "fp8"), ("Qwen/Qwen3-32B", "bf16"), ("RedHatAI/Qwen3-32B-FP8", "bf16")],
)
def test_a_developer_s_own_checkpoint_in_eight_bits_is_published_so(name: str, precision: str) -> None:
    model = describe(load(), name)
    assert isinstance(model, Transformer)
    assert model.precision == precision


@pytest.mark.parametrize(
    ("name", "asked", "own"),
    [
        ("nvidia/Qwen3-32B-NVFP4", "nvfp4", "bf16"),
        ("nvidia/Qwen3-30B-A3B-FP4", "nvfp4", "bf16"),
        ("RedHatAI/Qwen3-32B-FP8", "fp8", "bf16"),
        ("Qwen/Qwen3-32B-FP8", "fp8", "fp8"),
        ("Qwen/Qwen3-32B-AWQ", "int4", "bf16"),
        ("Qwen3-32B-GPTQ-Int8", "int8", "bf16"),
        ("Qwen3-8B-W8A8", "int8", "bf16"),
        ("nvidia/DeepSeek-R1-0528-NVFP4", "nvfp4", "fp8"),
        ("DeepSeekR1NVFP4", "nvfp4", "fp8"),
        ("Qwen/Qwen3-32B", "bf16", "bf16"),
        # The developer's own, however it is typed.
        ("Qwen3-32B-FP8", "fp8", "fp8"),
        ("qwen/qwen3-32b-fp8/", "fp8", "fp8"),
        ("nvidia/Qwen3-32B-FP8", "fp8", "bf16"),
        ("DeepSeek-V4-Flash-mxfp4-fp8", "mxfp4-fp8", "mxfp4-fp8"),
        # What else a name says is of activations, or of how it was made.
        ("RedHatAI/Qwen3-32B-FP8-dynamic", "fp8", "bf16"),
        ("RedHatAI/Qwen3-32B-quantized.w4a16", "int4", "bf16"),
        ("Qwen3-32B-AWQ-FP16", "int4", "bf16"),
        ("unsloth/Qwen3-32B-bnb-4bit", "int4", "bf16"),
    ],
)
def test_a_name_that_says_a_format_asks_for_it(name: str, asked: str, own: str) -> None:
    model = transformer(load(), name)
    assert (model.asked_precision, model.precision) == (asked, own)


@pytest.mark.parametrize("name", ["Phi-4", "gemma-3-27b-it", "instruct", "Qwen3-33B-FP8"])
def test_a_model_of_another_size_is_another_model(name: str) -> None:
    with pytest.raises(UnknownName):
        describe(load(), name)


def test_the_recommender_has_mlperfs_tables() -> None:
    model = describe(load(), "dlrm-dcnv2")
    assert isinstance(model, Recommender)
    assert len(model.rows) == 26
    assert sum(model.lookups) == 214
    assert recommender.table_parameters(model) == pytest.approx(204_184_588 * 128, rel=0.001)


def test_the_diffusion_transformers_have_their_published_sizes() -> None:
    flux, dit = describe(load(), "flux.1-dev"), describe(load(), "dit-xl-2")
    assert isinstance(flux, Diffusion)
    assert isinstance(dit, Diffusion)
    assert diffusion.parameters(flux) / 1e9 == pytest.approx(11.9, rel=0.01)
    assert diffusion.parameters(dit) / 1e6 == pytest.approx(675, rel=0.015)
    # The paper counts a multiply and an add as one: 118.6 Gflops for DiT-XL/2.
    assert diffusion.image_work(dit).flop / 2e9 == pytest.approx(118.6, rel=0.03)


def test_a_video_model_reads_its_text_through_cross_attention() -> None:
    wan = describe(load(), "wan-2.1-14b")
    assert isinstance(wan, Diffusion)
    assert diffusion.parameters(wan) / 1e9 == pytest.approx(14, rel=0.02)
    assert diffusion.tokens(wan) == wan.image_tokens


def test_the_perceptrons_of_a_recommender_work_as_much_as_they_hold() -> None:
    work = recommender.row_work(describe(load(), "dlrm-dcnv2"))
    assert work.product_flop == 2 * work.parameters


def test_a_path_that_holds_no_configuration_says_what_would(tmp_path):
    with pytest.raises(InputError, match="folder with a config"):
        describe(load(), str(tmp_path))


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("flux.1-dev", "num_layers"),
        ("flux.1-dev", "num_single_layers"),
        ("dlrm-dcnv2", "dcn_num_layers"),
        ("bert-large-mlperf", "num_hidden_layers"),
        ("stable-diffusion-xl", "layers_per_block"),
    ],
)
def test_more_layers_than_can_be_listed_are_refused(tmp_path, name: str, field: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(load().get(ModelCard, name).config | {field: 10**9}))
    with pytest.raises(InputError, match=rf"{field}: not a count; found 1000000000; allowed: 0 to 10000"):
        describe(load(), str(path))


@pytest.mark.parametrize("field", ["num_embeddings_per_feature", "multi_hot_sizes"])
def test_a_table_without_rows_or_look_ups_is_refused(field: str) -> None:
    config = dict(load().get(ModelCard, "dlrm-dcnv2").config)
    with pytest.raises(InputError, match=rf"{field}: must be above zero"):
        recommender.from_description(config | {field: [0] * 26}, "mine")
