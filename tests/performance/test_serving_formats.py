"""Formats of weights are told apart by name."""

from dataclasses import replace

import pytest

from polysilicon.facts import load
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.serving import Layout
from polysilicon.performance.serving_estimate import ask
from polysilicon.performance.serving_formats import BYTES, EXPERTS, cached_value_bytes, format_of
from polysilicon.records.errors import UnknownName
from polysilicon.workloads import Serving, transformer
from polysilicon.workloads.counts import Shape, dense_parts
from polysilicon.workloads.model import Checkpoint


@pytest.mark.parametrize("name", ["deepseek-v3", "llama-3.1-70b"])
def test_an_unknown_format_is_refused_with_its_field_and_the_nearest_name(name: str) -> None:
    with pytest.raises(UnknownName, match="did you mean fp8") as refused:
        format_of("fp7", transformer(load(), name))
    assert refused.value.place.field == "precision"


def test_experts_in_four_bits_beside_eight_are_a_format_of_mixtures_alone() -> None:
    form = format_of("mxfp4-fp8", transformer(load(), "deepseek-v4-pro"))
    assert (form.dense_bytes, form.expert_bytes) == (1.0, BYTES["mxfp4"])
    assert (form.dense_products, form.expert_product) == ((("fp8", 1.0),), "mxfp4")
    with pytest.raises(UnknownName, match="nvfp4"):
        format_of("mxfp4-fp8", transformer(load(), "llama-3.1-70b"))


def test_what_a_checkpoint_keeps_wide_counts_by_its_weights() -> None:
    # DeepSeek's projections into attention are wide, those out of it and what is shared are not.
    model = transformer(load(), "deepseek-v3")
    parts, form = dense_parts(model), format_of("nvfp4", model)
    narrow = (parts.attention_output + parts.feed_forward) / sum(parts)
    assert dict(form.dense) == pytest.approx({"bf16": 1.0 - narrow, "nvfp4": narrow})
    assert form.dense_bytes == pytest.approx(2.0 - narrow * (2.0 - BYTES["nvfp4"]))
    assert parts.attention_output == 61 * 128 * 128 * 7168
    assert format_of("fp4", model) == form


def test_integers_of_four_bits_are_multiplied_in_sixteen() -> None:
    form = format_of("int4", transformer(load(), "llama-3.1-70b"))
    assert form.dense_products == (("bf16", 1.0),)
    assert form.expert_product == "bf16"
    assert form.dense_bytes == BYTES["int4"]


def test_integers_of_four_bits_are_multiplied_in_eight_where_activations_are() -> None:
    form = format_of("w4a8", transformer(load(), "llama-3.1-70b"))
    assert form.dense_products == (("int8", 1.0),)
    assert form.dense_bytes == BYTES["int4"]


def test_what_a_developer_publishes_in_its_own_format_says_nothing_of_the_cache() -> None:
    own, by_others = (format_of("fp8", transformer(load(), name)) for name in ("deepseek-v3", "llama-3.1-70b"))
    assert (own.cache_bytes, by_others.cache_bytes) == (2.0, 1.0)
    assert format_of("nvfp4", transformer(load(), "deepseek-v3")).cache_bytes == 1.0


def test_a_checkpoint_of_a_user_s_own_is_cached_as_it_states() -> None:
    own = Checkpoint("nvfp4", "nvfp4", "nvfp4", "nvfp4", cache="fp8")
    model = replace(transformer(load(), "qwen3-8b"), precision="nvfp4", checkpoints=(own,))
    cluster = Cluster.from_catalogue(load(), "nvidia-b200-sxm", 1)
    layout = Layout(precision="nvfp4")
    for checkpoints, cache in (((own,), "fp8"), ((), "bf16")):
        told = replace(model, checkpoints=checkpoints)
        assert ask(load(), told, Serving(1000, 100), cluster, layout, 8.0, "trtllm").cache == cache


@pytest.mark.parametrize(
    "name", ["deepseek-v3", "qwen3.5-397b-a17b", "deepseek-v4-pro", "llama-3.1-70b", "gpt-oss-120b"]
)
def test_the_parts_sum_to_what_every_token_meets(name: str) -> None:
    model = transformer(load(), name)
    shape = Shape.of(model)
    chosen = shape.moe_layers * shape.experts_per_token * shape.expert_weights
    assert sum(dense_parts(model)) == pytest.approx(shape.active_weights - shape.vocab * shape.hidden - chosen)
    assert min(dense_parts(model)) >= 0.0


@pytest.mark.parametrize("name", ["deepseek-v4-pro", "deepseek-v4-flash", "gpt-oss-120b", "deepseek-v3.2"])
def test_a_mixture_is_published_in_a_format_that_is_known(name: str) -> None:
    assert transformer(load(), name).precision in EXPERTS


def test_an_entry_of_compressed_attention_keeps_its_position_in_sixteen_bits_and_has_scales() -> None:
    compressed, plain = (transformer(load(), name) for name in ("deepseek-v4-pro", "deepseek-v3"))
    assert cached_value_bytes(compressed, "fp8") * 512 == 448 + 2 * 64 + 7 + 1
    assert cached_value_bytes(compressed, "bf16") == cached_value_bytes(plain, "bf16") == 2.0
    assert cached_value_bytes(plain, "fp8") == 1.0
