import pytest

from polysilicon.performance import Layouts
from polysilicon.report.search import choices


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ({}, "bf16, ZeRO-1"),
        ({"tp": 8, "sequence_parallel": 1, "zero_stage": 3, "shard": 8}, "bf16, ZeRO-3 over 8, SP"),
        ({"recompute": "full", "recomputed_share": 0.5, "precision": "fp8"}, "fp8, ZeRO-1, full recompute of 50%"),
        ({"recompute": "full"}, "bf16, ZeRO-1, full recompute"),
        ({"pp": 4, "schedule": "zero_bubble"}, "bf16, ZeRO-1, zero bubble"),
        (
            {"offload_optimizer": 0.5, "offload_weights": 1},
            "bf16, ZeRO-1, optimizer offloaded 50%, weights offloaded 100%",
        ),
        ({"tp": 8, "expert_tp": 1}, "bf16, ZeRO-1, experts' tp 1"),
        ({"cp": 2, "context": "all_to_all"}, "bf16, ZeRO-1, all to all context"),
    ],
)
def test_choices_are_said_as_an_engineer_writes_them(layout, said):
    assert choices(Layouts.one(**layout).said(0)) == said
