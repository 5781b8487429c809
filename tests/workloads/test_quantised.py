"""What a published file leaves in 16 bits is read from the modules that it names."""

import json
from pathlib import Path
from typing import Any

import pytest

from polysilicon.facts import load
from polysilicon.performance.serving_formats import format_of
from polysilicon.records.errors import InputError
from polysilicon.workloads import quantised, transformer
from polysilicon.workloads.huggingface import from_config
from polysilicon.workloads.model import Checkpoint

SMALL = {
    "model_type": "qwen3_moe",
    "num_hidden_layers": 4,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 96,
    "vocab_size": 128,
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
}


def every(*modules: str, layers: int = 4) -> list[str]:
    return [f"language_model.model.layers.{layer}.{one}" for layer in range(layers) for one in modules]


def stated(said: Any) -> tuple[str, tuple[Checkpoint, ...]]:
    return quantised.stated([{"quantization_config": said}], layers=4, name="mine")


# The lists that NVIDIA publishes with its checkpoints name modules layer by layer.
@pytest.mark.parametrize(
    ("ignored", "attention", "output", "feed_forward"),
    [
        (["lm_head"], "nvfp4", "nvfp4", "nvfp4"),
        (["lm_head", *every("self_attn*")], "bf16", "bf16", "nvfp4"),
        (["lm_head", *every("self_attn.q_a_proj", "self_attn.q_b_proj")], "bf16", "nvfp4", "nvfp4"),
        (["lm_head", *every("self_attn*", "mlp.shared_experts*")], "bf16", "bf16", "bf16"),
        ([*every("linear_attn*")[:3], *every("self_attn*")[3:], "*.mlp.shared_expert.*"], "bf16", "bf16", "bf16"),
        (["lm_head", *every("self_attn*")[:1] * 4], "nvfp4", "nvfp4", "nvfp4"),
        (["lm_head", "model.layers.*.self_attn", "model.layers.*.mlp.router"], "bf16", "bf16", "nvfp4"),
        ([f"vision_tower.encoder.layers.{n}.self_attn.q_proj" for n in range(27)], "nvfp4", "nvfp4", "nvfp4"),
        (["lm_head", *every("mixer.in_proj", "mixer.shared_experts.up_proj")], "bf16", "nvfp4", "bf16"),
        (["lm_head", "*.mixer.out_proj"], "nvfp4", "bf16", "nvfp4"),
        (
            [r"re:.*self_attn\.(q|k|v)_proj$", r"re:.*layers\.[0-9]+\.mlp\.(gate|up|down)_proj.*"],
            "bf16",
            "nvfp4",
            "bf16",
        ),
    ],
)
def test_what_model_optimizer_leaves_alone_is_told_part_by_part(
    ignored: list[str], attention: str, output: str, feed_forward: str
) -> None:
    said = {"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": ignored}
    assert stated(said) == ("nvfp4", (Checkpoint("nvfp4", attention, output, feed_forward),))
    other_name = {"quant_method": "modelopt", "quant_algo": "NVFP4", "exclude_modules": ignored}
    assert stated(other_name) == stated(said)


@pytest.mark.parametrize(
    ("weights", "precision"),
    [
        ({"num_bits": 8, "type": "float"}, "fp8"),
        ({"num_bits": 4, "type": "float"}, "nvfp4"),
        ({"num_bits": 8, "type": "int"}, "int8"),
        ({"num_bits": 4, "type": "int"}, "int4"),
    ],
)
def test_compressed_tensors_say_their_format_by_bits_and_kind(weights: dict[str, Any], precision: str) -> None:
    said = {
        "quant_method": "compressed-tensors",
        "config_groups": {"group_0": {"weights": weights, "targets": ["Linear"]}},
        "ignore": ["lm_head", "re:.*self_attn.*", r"re:.*mlp\.gate$"],
    }
    assert stated(said) == (precision, (Checkpoint(precision, "bf16", "bf16", precision),))


@pytest.mark.parametrize(
    ("activations", "precision"),
    [
        ({"num_bits": 8, "type": "int"}, "w4a8"),
        ({"num_bits": 8, "type": "float"}, "int4"),
        (None, "int4"),
    ],
)
def test_four_bits_are_multiplied_in_eight_where_activations_are_narrowed_to_integers(
    activations: dict[str, Any] | None, precision: str
) -> None:
    group = {"weights": {"num_bits": 4, "type": "int"}, "input_activations": activations}
    said = {"quant_method": "compressed-tensors", "config_groups": {"group_0": group}, "ignore": ["lm_head"]}
    assert stated(said)[0] == precision


@pytest.mark.parametrize(
    ("scheme", "cache"),
    [
        ({"kv_cache_quant_algo": "FP8"}, "fp8"),
        ({"kv_cache_scheme": {"num_bits": 8, "type": "float", "dynamic": False}}, "fp8"),
        ({"kv_cache_quant_algo": None}, ""),
        ({"kv_cache_scheme": {"num_bits": 8, "type": "int"}}, ""),
        ({}, ""),
    ],
)
def test_a_cache_is_as_the_file_states_it(scheme: dict[str, Any], cache: str) -> None:
    _, (kept,) = stated({"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": ["lm_head"], **scheme})
    assert kept.cache == cache


@pytest.mark.parametrize(
    "said",
    [
        {"quant_method": "gptq", "bits": 8},
        {"quant_method": "nvfp4"},
        {"quant_method": None},
        {"quant_method": "compressed-tensors", "num_bits": [4], "type": "float"},
        {
            "quant_method": "compressed-tensors",
            "config_groups": {
                "attention": {"weights": {"num_bits": 8, "type": "float"}},
                "experts": {"weights": {"num_bits": 4, "type": "float"}},
            },
        },
        {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"},
        {"quant_method": "bitsandbytes"},
        {"quant_method": "compressed-tensors", "config_groups": {"one": {"weights": {"num_bits": 3, "type": "int"}}}},
        {"quant_method": "compressed-tensors", "config_groups": {"group_0": None}},
        {"quant_method": "modelopt", "quant_algo": ["NVFP4"]},
    ],
)
def test_a_format_that_is_not_read_is_taken_for_no_other(said: dict[str, Any]) -> None:
    precision, beside = stated(said)
    assert precision not in ("bf16", "fp16", "fp8", "int8", "nvfp4", "mxfp4", "int4")
    assert beside == ()


@pytest.mark.parametrize(
    ("said", "field"),
    [
        (["nvfp4"], "quantization_config"),
        ("nvfp4", "quantization_config"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": "lm_head"}, "quantization_config.ignore"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": [7]}, "quantization_config.ignore"),
        (
            {"quant_method": "fp8", "modules_to_not_convert": ["[" * 10_000]},
            "quantization_config.modules_to_not_convert",
        ),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": ["re:(a+)+"]}, "quantization_config.ignore"),
        (
            {"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": ["re:" + "(a|b)" * 9]},
            "quantization_config.ignore",
        ),
    ],
)
def test_what_is_no_list_of_modules_is_refused_with_its_field(said: Any, field: str) -> None:
    with pytest.raises(InputError) as refused:
        stated(said)
    assert (refused.value.place.file, refused.value.place.field) == ("mine", field)


def test_an_mx_group_tells_four_bits_apart() -> None:
    weights = {"num_bits": 4, "type": "float", "group_size": 32}
    assert stated({"quant_method": "compressed-tensors", "config_groups": {"one": {"weights": weights}}})[0] == "mxfp4"


def test_a_format_that_is_not_read_must_be_said_by_whoever_asks() -> None:
    model = from_config(SMALL | {"quantization_config": {"quant_method": "modelopt", "quant_algo": "MIXED"}}, "mine")
    with pytest.raises(InputError, match="not read") as refused:
        format_of(model.precision, model)
    assert "--precision" in str(refused.value)
    assert format_of("nvfp4", model).experts == "nvfp4"


def test_the_list_may_stand_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(SMALL))
    quantization = {"quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8", "exclude_modules": every("self_attn*")}
    (tmp_path / "hf_quant_config.json").write_text(json.dumps({"quantization": quantization}))
    model = transformer(load(), str(tmp_path / "config.json"))
    assert model.checkpoints == (Checkpoint("nvfp4", "bf16", "bf16", "nvfp4", "fp8"),)
    (tmp_path / "hf_quant_config.json").write_text("[]")
    with pytest.raises(InputError, match="quantization"):
        transformer(load(), str(tmp_path / "config.json"))


def test_a_file_without_a_word_on_it_is_in_sixteen_bits() -> None:
    assert quantised.stated([{}, {"quantization_config": None}], layers=4, name="mine") == ("bf16", ())


def test_a_file_of_a_quantised_checkpoint_brings_its_own_list() -> None:
    said = {"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": ["lm_head", *every("self_attn*")]}
    model = from_config(SMALL | {"quantization_config": said}, "mine")
    assert model.precision == "nvfp4"
    assert model.checkpoints == (Checkpoint("nvfp4", "bf16", "bf16", "nvfp4"),)


def test_published_checkpoints_stand_in_the_records() -> None:
    # As NVIDIA's hf_quant_config.json of Kimi-K2.5-NVFP4 and DeepSeek-V3.1-NVFP4 have it.
    kimi, deepseek = (transformer(load(), name) for name in ("kimi-k2.5", "deepseek-v3"))
    assert kimi.checkpoints == (Checkpoint("nvfp4", "bf16", "bf16", "nvfp4", "fp8"),)
    assert deepseek.checkpoints == (Checkpoint("nvfp4", "bf16", "nvfp4", "nvfp4", "fp8"),)
