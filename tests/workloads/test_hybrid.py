"""Files that list attention, state-space layers and feed-forward blocks one by one."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.records.errors import InputError, Unsupported
from polysilicon.workloads import counts
from polysilicon.workloads.huggingface import from_config
from polysilicon.workloads.hybrid import LETTERS
from polysilicon.workloads.model import StateSpace, Transformer

MINE: Mapping[str, Any] = {
    "model_type": "nemotron_h",
    "hidden_size": 2048,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "intermediate_size": 4096,
    "vocab_size": 32000,
    "mamba_num_heads": 32,
    "mamba_head_dim": 64,
    "ssm_state_size": 128,
    "n_groups": 8,
}
EXPERTS: Mapping[str, Any] = {"n_routed_experts": 64, "num_experts_per_tok": 4, "moe_intermediate_size": 1024}


def hybrid(pattern: str, **more: object) -> Transformer:
    return from_config({**MINE, "hybrid_override_pattern": pattern, **more}, "mine")


def test_a_layer_is_a_block_and_what_mixes_tokens_before_it() -> None:
    model = hybrid("M-M-M*-M-", num_hidden_layers=9)
    assert (model.layers, model.lone_layers, model.linear_layers, model.softmax_layers) == (4, 1, 4, 1)
    assert model.linear == StateSpace(heads=32, head_dim=64, state=128, groups=8, convolution=4, chunk=128)
    assert not model.gated
    assert not model.experts


def test_words_say_what_letters_say() -> None:
    letters = "MEM*EM-"
    words = [LETTERS[one] for one in letters]
    spelled = from_config({**MINE, **EXPERTS, "layers_block_type": words}, "mine")
    assert spelled == hybrid(letters, **EXPERTS)
    assert (spelled.layers, spelled.dense_layers, spelled.lone_layers) == (3, 1, 1)


@given(mamba=st.integers(1, 30), attention=st.integers(0, 9), blocks=st.integers(1, 30))
def test_weights_are_the_sum_over_the_listed_layers(mamba: int, attention: int, blocks: int) -> None:
    if blocks > mamba + attention:
        with pytest.raises(Unsupported, match="feed-forward blocks"):
            hybrid("M" * mamba + "*" * attention + "-" * blocks)
        return
    model = hybrid("M" * mamba + "*" * attention + "-" * blocks)
    inner, groups = 32 * 64, 8 * 128
    state = 2048 * (2 * inner + 2 * groups + 32) + inner * 2048 + 4 * (inner + 2 * groups)
    softmax, block = 2048 * 128 * (2 * 16 + 2 * 2), 2 * 2048 * 4096
    whole = mamba * state + attention * softmax + blocks * block + 2 * 32000 * 2048
    assert counts.parameters(model) == pytest.approx(whole, rel=1e-12)


def test_experts_that_work_in_a_narrower_width_are_smaller_and_get_products_into_it_and_out() -> None:
    wide, narrow = (counts.Shape.of(hybrid("ME*E", **EXPERTS, moe_latent_size=one)) for one in (None, 512))
    assert (wide.sent_width, narrow.sent_width) == (2048.0, 512.0)
    assert narrow.expert_weights == wide.expert_weights / 4
    assert narrow.router_weights - wide.router_weights == 2 * 2048 * 512


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"hybrid_override_pattern": None}, "layers_block_type: must be a pattern or a list of layers"),
        ({"hybrid_override_pattern": "MXM-"}, "unknown kind of layer; found 'X'"),
        ({"hybrid_override_pattern": ["mamba", 7, "mlp"]}, "unknown kind of layer; found 7"),
        ({"num_hidden_layers": 5}, "does not have one entry a layer; found '4 entries'; allowed: 5 entries"),
        ({"mamba_num_heads": 0}, "mamba_num_heads: must be above zero"),
        ({"hybrid_override_pattern": "M" * 10_001}, "must be a pattern or a list of layers"),
        (dict(EXPERTS), "a model with experts has layers of them, and no other has; found '64 experts, 0 such layers'"),
        ({"hybrid_override_pattern": "MEM-"}, "found 'no experts, 1 such layers'"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused_with_the_reason(changed: Mapping[str, Any], said: str) -> None:
    with pytest.raises(InputError) as complaint:
        from_config({**MINE, "hybrid_override_pattern": "M*M-", **changed}, "mine")
    assert said in str(complaint.value)


def test_a_model_without_feed_forward_blocks_is_unsupported() -> None:
    with pytest.raises(Unsupported, match="0 feed-forward blocks"):
        hybrid("MMMM")
