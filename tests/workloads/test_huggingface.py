"""Reading other people's `config.json`."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.records.errors import InputError, PolysiliconError, Unsupported
from polysilicon.workloads import Transformer, describe, from_config
from polysilicon.workloads.counts import parameters

LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
}


def test_a_dense_model_has_no_experts() -> None:
    model = from_config(LLAMA, "mine")
    assert (model.experts, model.dense_layers, model.head_dim, model.kv_heads) == (0, 0, 128, 8)


@pytest.mark.parametrize("name", ["max_position_embeddings", "n_positions", "max_seq_len", "seq_length"])
def test_positions_are_read_where_they_are_stated(name: str) -> None:
    assert from_config(LLAMA, "mine").positions == 0
    assert from_config({**LLAMA, name: 8192}, "mine").positions == 8192


def test_the_text_part_of_a_multimodal_file_counts() -> None:
    assert from_config({"model_type": "llama4", "text_config": LLAMA}, "mine").layers == 32


def test_a_missing_key_is_named() -> None:
    with pytest.raises(InputError, match="missing field 'num_hidden_layers'"):
        from_config({key: value for key, value in LLAMA.items() if key != "num_hidden_layers"}, "mine")


@pytest.mark.parametrize("value", [-1, 0, 1.5, True, "many", [32], 10**30])
def test_a_senseless_count_is_refused(value: object) -> None:
    with pytest.raises(InputError, match="num_hidden_layers"):
        from_config({**LLAMA, "num_hidden_layers": value}, "mine")


def test_heads_must_divide() -> None:
    with pytest.raises(InputError, match="num_key_value_heads"):
        from_config({**LLAMA, "num_key_value_heads": 7}, "mine")


def test_an_unknown_architecture_is_unsupported_and_named() -> None:
    with pytest.raises(Unsupported, match="rwkv"):
        from_config({**LLAMA, "model_type": "rwkv"}, "mine")


def test_a_known_but_unmodelled_architecture_says_what_is_missing() -> None:
    with pytest.raises(Unsupported, match="two head sizes"):
        from_config({**LLAMA, "model_type": "gemma4"}, "mine")


def test_state_spaces_of_an_architecture_that_lists_no_layers_are_unsupported() -> None:
    with pytest.raises(Unsupported, match="state-space layers"):
        from_config({**LLAMA, "mamba_num_heads": 64}, "mine")


def test_windows_count_only_where_they_are_used() -> None:
    assert (
        from_config({**LLAMA, "model_type": "qwen2", "sliding_window": 4096, "use_sliding_window": False}, "q").window
        == 0
    )
    listed = {**LLAMA, "model_type": "gpt_oss", "sliding_window": 128}
    kinds = ["sliding_attention", "full_attention", "full_attention", "full_attention"] * 8
    assert from_config({**listed, "layer_types": kinds}, "g").windowed_layers == 8


@pytest.mark.parametrize(
    ("config", "billions"),
    [
        (
            {"model_type": "opt", "hidden_size": 4096, "ffn_dim": 16_384, "num_hidden_layers": 32}
            | {"num_attention_heads": 32, "vocab_size": 50_272},
            6.65,
        ),
        (
            {"model_type": "gptj", "n_embd": 4096, "n_layer": 28, "n_head": 16, "n_inner": None}
            | {"vocab_size": 50_400, "tie_word_embeddings": False},
            6.05,
        ),
        (
            {"model_type": "falcon", "hidden_size": 4544, "num_hidden_layers": 32, "num_attention_heads": 71}
            | {"multi_query": True, "vocab_size": 65_024},
            6.92,
        ),
        (
            {"model_type": "dbrx", "d_model": 6144, "n_heads": 48, "n_layers": 40, "vocab_size": 100_352}
            | {"ffn_config": {"ffn_hidden_size": 10_752, "moe_num_experts": 16, "moe_top_k": 4}}
            | {"attn_config": {"kv_n_heads": 8}},
            132.0,
        ),
    ],
)
def test_files_that_name_the_feed_forward_width_otherwise_or_not_at_all_are_read(
    config: dict[str, Any], billions: float
) -> None:
    """Against the published numbers of weights of OPT-6.7B, GPT-J-6B, Falcon-7B and DBRX, but for positions."""
    assert parameters(from_config(config, "mine")) / 1e9 == pytest.approx(billions, rel=0.01)


MIXED = {**LLAMA, "num_experts": 8, "num_experts_per_tok": 2}


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({**LLAMA, "text_config": "none"}, "text_config"),
        ({**LLAMA, "sliding_window": 128, "layer_types": ["sliding_attention"] * 33}, "layer_types"),
        ({**MIXED, "mlp_layer_types": ["dense"]}, "mlp_layer_types"),
        ({**MIXED, "moe_layer_freq": [0] * 40}, "moe_layer_freq"),
        ({**MIXED, "first_k_dense_replace": 33}, "first_k_dense_replace"),
        ({**MIXED, "mlp_only_layers": list(range(40))}, "first_k_dense_replace"),
    ],
)
def test_more_layers_of_a_kind_than_layers_are_refused(config: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as refusal:
        from_config(config, "mine")
    assert refusal.value.place.field == field


COMPRESSED: dict[str, Any] = {
    "model_type": "deepseek_v4",
    "num_hidden_layers": 6,
    "hidden_size": 1024,
    "num_attention_heads": 8,
    "num_key_value_heads": 1,
    "head_dim": 128,
    "vocab_size": 1000,
    "sliding_window": 64,
    "n_routed_experts": 8,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 256,
    "n_shared_experts": 1,
    "q_lora_rank": 96,
    "o_lora_rank": 64,
    "o_groups": 2,
    "qk_rope_head_dim": 16,
    "index_n_heads": 4,
    "index_head_dim": 32,
    "index_topk": 16,
    "compress_ratios": [0, 4, 128, 4, 128, 4, 0],
    "hc_mult": 4,
    "expert_dtype": "fp4",
    "quantization_config": {"quant_method": "fp8"},
}


def test_layers_of_compressed_attention_are_counted_by_their_ratio() -> None:
    model = from_config(COMPRESSED, "mine")
    own = model.compressed
    assert own
    assert (own.sparse_ratio, own.sparse_layers, own.heavy_ratio, own.heavy_layers) == (4, 3, 128, 2)
    assert (own.query_rank, own.output_rank, own.output_groups, own.rope_dim) == (96, 64, 2, 16)
    # Every layer reads a window; the last of the list drafts.
    assert (model.window, model.windowed_layers, model.streams, model.precision) == (64, 6, 4, "mxfp4-fp8")


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"compress_ratios": [4, 128]}, InputError, "one entry a layer"),
        ({"compress_ratios": [4] * 9}, InputError, "one entry a layer"),
        ({"compress_ratios": None}, InputError, "compress_ratios"),
        ({"compress_ratios": [0, 4, 128, 64, 0, 4]}, Unsupported, r"ratios \[64, 128\]"),
        ({"index_topk": None}, InputError, "index_topk"),
        ({"qk_rope_head_dim": 129}, InputError, "qk_rope_head_dim"),
        ({"hc_mult": 0}, InputError, "hc_mult"),
    ],
)
def test_compressed_attention_that_can_not_be_meant_is_refused(
    changes: dict[str, Any], error: type[PolysiliconError], said: str
) -> None:
    with pytest.raises(error, match=said):
        from_config({**COMPRESSED, **changes}, "mine")


def test_experts_in_eight_bits_are_the_format_of_the_rest() -> None:
    plain = {name: value for name, value in COMPRESSED.items() if name != "expert_dtype"}
    assert from_config(plain, "mine").precision == "fp8"


def test_a_file_is_read_and_its_line_named(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(LLAMA, indent=1))
    model = describe(load(), str(path))
    assert isinstance(model, Transformer)
    assert model.layers == 32
    path.write_text(json.dumps({**LLAMA, "vocab_size": "big"}, indent=1))
    with pytest.raises(InputError, match=r"config\.json:8: vocab_size"):
        describe(load(), str(path))


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read"):
        describe(load(), str(tmp_path / "config.json"))


NONSENSE = st.sampled_from([None, "", "many", -1.5, 1e300, float("nan"), [], [1, "x"], {}, True]) | st.integers(-2, 300)


@given(st.dictionaries(st.sampled_from([*LLAMA, "kv_lora_rank", "num_experts", "sliding_window"]), NONSENSE))
def test_nonsense_is_refused_politely(changes: dict[str, Any]) -> None:
    try:
        model = from_config({**LLAMA, **changes}, "mine")
    except PolysiliconError:
        return
    assert model.layers > 0
    assert model.heads % model.kv_heads == 0
