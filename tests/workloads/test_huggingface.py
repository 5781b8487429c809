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
    with pytest.raises(Unsupported, match="Mamba"):
        from_config({**LLAMA, "model_type": "nemotron_h"}, "mine")


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
