"""Layouts that no engine could set up are refused, whatever the chips."""

import pytest

from polysilicon.facts import load
from polysilicon.performance.serving import Layout
from polysilicon.performance.serving_layouts import check_layout
from polysilicon.records.errors import InputError
from polysilicon.workloads import transformer


@pytest.mark.parametrize(
    ("model", "layout"),
    [
        ("llama-3.1-70b", Layout(tp=8, pp=2)),
        ("deepseek-v3", Layout(tp=8, ep=1)),
        ("deepseek-v3", Layout(tp=4, attn_dp=4, ep=16)),
        ("deepseek-v3", Layout(tp=8, attn_dp=32, ep=256)),
    ],
)
def test_what_an_engine_could_set_up_passes(model: str, layout: Layout) -> None:
    check_layout(transformer(load(), model), layout)


@pytest.mark.parametrize(
    ("model", "layout", "field", "said"),
    [
        ("llama-3.1-70b", Layout(tp=8, ep=64), "ep", "no experts to spread"),
        ("llama-3.1-70b", Layout(tp=4, attn_dp=2), "attn_dp", "run more replicas"),
        ("deepseek-v3", Layout(tp=8, ep=4096), "ep", "1 to 8"),
        ("deepseek-v3", Layout(tp=8, pp=2, ep=16), "ep", "1 to 8"),
        ("deepseek-v3", Layout(tp=8, attn_dp=64, ep=512), "ep", "256 experts"),
    ],
)
def test_experts_lie_on_the_chips_of_a_stage_and_dense_models_have_none(
    model: str, layout: Layout, field: str, said: str
) -> None:
    with pytest.raises(InputError, match=said) as refused:
        check_layout(transformer(load(), model), layout)
    assert refused.value.place.field == field
