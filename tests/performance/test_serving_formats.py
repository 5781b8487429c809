"""Formats of weights are told apart by name."""

import pytest

from polysilicon.facts import load
from polysilicon.performance.serving_formats import EXPERTS, MXFP4_BYTES, cached_value_bytes, format_of
from polysilicon.records.errors import UnknownName
from polysilicon.workloads import transformer


@pytest.mark.parametrize("has_experts", [True, False])
def test_an_unknown_format_is_refused_with_its_field_and_the_nearest_name(has_experts: bool) -> None:
    with pytest.raises(UnknownName, match="did you mean fp8") as refused:
        format_of("fp7", has_experts)
    assert refused.value.place.field == "precision"


def test_experts_in_four_bits_beside_eight_are_a_format_of_mixtures_alone() -> None:
    form = format_of("mxfp4-fp8", has_experts=True)
    assert (form.dense_bytes, form.expert_bytes) == (1.0, MXFP4_BYTES)
    assert (form.dense_compute, form.expert_compute) == ("fp8", "mxfp4")
    with pytest.raises(UnknownName, match="mxfp4-fp8"):
        format_of("mxfp4-fp8", has_experts=False)


@pytest.mark.parametrize("name", ["deepseek-v4-pro", "deepseek-v4-flash", "gpt-oss-120b", "deepseek-v3.2"])
def test_a_mixture_is_published_in_a_format_that_is_known(name: str) -> None:
    assert transformer(load(), name).precision in EXPERTS


def test_an_entry_of_compressed_attention_keeps_its_position_in_sixteen_bits_and_has_scales() -> None:
    compressed, plain = (transformer(load(), name) for name in ("deepseek-v4-pro", "deepseek-v3"))
    assert cached_value_bytes(compressed, "fp8") * 512 == 448 + 2 * 64 + 7 + 1
    assert cached_value_bytes(compressed, "bf16") == cached_value_bytes(plain, "bf16") == 2.0
    assert cached_value_bytes(plain, "fp8") == 1.0
