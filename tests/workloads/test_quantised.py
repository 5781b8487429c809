"""What a published file leaves in 16 bits is read from the modules that it names."""

from typing import Any

import pytest

from polysilicon.facts import load
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
    return quantised.stated([{"quantization_config": said}], layers=4)


# The lists that NVIDIA publishes with its checkpoints name modules layer by layer.
@pytest.mark.parametrize(
    ("ignored", "attention", "output", "feed_forward"),
    [
        (["lm_head"], "nvfp4", "nvfp4", "nvfp4"),
        (["lm_head", *every("self_attn*")], "bf16", "bf16", "nvfp4"),
        (["lm_head", *every("self_attn.q_a_proj", "self_attn.q_b_proj")], "bf16", "nvfp4", "nvfp4"),
        (["lm_head", *every("self_attn*", "mlp.shared_experts*")], "bf16", "bf16", "bf16"),
        ([*every("linear_attn*")[:3], *every("self_attn*")[3:], "*.mlp.shared_expert.*"], "bf16", "bf16", "bf16"),
        (["lm_head", *every("self_attn*")[:1]], "nvfp4", "nvfp4", "nvfp4"),
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
    "said",
    [
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


def test_a_file_without_a_word_on_it_is_in_sixteen_bits() -> None:
    assert quantised.stated([{}, {"quantization_config": None}], layers=4) == ("bf16", ())


def test_a_file_of_a_quantised_checkpoint_brings_its_own_list() -> None:
    said = {"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": ["lm_head", *every("self_attn*")]}
    model = from_config(SMALL | {"quantization_config": said}, "mine")
    assert model.precision == "nvfp4"
    assert model.checkpoints == (Checkpoint("nvfp4", "bf16", "bf16", "nvfp4"),)


def test_published_checkpoints_stand_in_the_records() -> None:
    # As NVIDIA's hf_quant_config.json of Kimi-K2.5-NVFP4 and DeepSeek-V3.1-NVFP4 have it.
    kimi, deepseek = (transformer(load(), name) for name in ("kimi-k2.5", "deepseek-v3"))
    assert kimi.checkpoints == (Checkpoint("nvfp4", "bf16", "bf16", "nvfp4"),)
    assert deepseek.checkpoints == (Checkpoint("nvfp4", "bf16", "nvfp4", "nvfp4"),)
