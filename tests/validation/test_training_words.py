import pytest

from polysilicon.records.errors import InputError
from polysilicon.validation.training_words import (
    BLOCKS_AGAIN,
    ONCE,
    ahead_said,
    layout_said,
    overlap_said,
    precision_of,
    recompute_of,
    released,
    says_fused,
    vendor_kernels,
)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("", "bf16"),
        ("BF16+SR", "bf16"),
        ("fp16 AMP", "fp16"),
        ("mixed", "bf16"),
        ("fp16/bf16", "bf16"),
        ("bf16/fp8", "fp8"),
        ("fp8-hybrid", "fp8"),
        ("float16", "fp16"),
        ("NVFP4 (W4A4)", "nvfp4"),
        ("W8A8", "int8"),
    ],
)
def test_the_narrowest_format_named_is_that_of_the_products(word, meant):
    assert precision_of(word) == meant


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("Full", "full"),
        ("full (uniform, 1)", "full"),
        ("No", "none"),
        ("core_attn", "selective"),
        ("block", "partial-full"),
        ("", ""),
    ],
)
def test_words_of_frameworks_mean_one_of_ours(word, meant):
    assert recompute_of(word) == meant


@pytest.mark.parametrize(("read", "word"), [(precision_of, "hif8"), (recompute_of, "often")])
def test_an_unknown_word_is_refused_with_the_known_ones(read, word):
    with pytest.raises(InputError, match=word):
        read(word)


@pytest.mark.parametrize(
    ("tricks", "said"),
    [
        ("micro_num 4; optimizer states sharded over 8 DP ranks (Hybrid ZeRO)", {"shard": 8.0}),
        ("optimizer states sharded over all DP ranks", {}),
        ("micro_num 1; zero1 size 8; pack_sample_into_one", {"shard": 8.0}),
        ("Megatron-FSDP shard group 64; cpu_offloading_num_layers=40", {"shard": 64.0, "offload_activations": 0.5}),
        ("ZeRO-3, optimizer+activation offload", {"offload_optimizer": 1.0, "offload_activations": 1.0}),
        ("expert-TP 1; recompute mla_up_proj", {"expert_tp": 1.0}),
        ("ETP 4", {"expert_tp": 4.0}),
        ("remat custom, decoder layer input offloaded", {"offload_activations": 1.0}),
        ("right-sized: ZeRO-2, no checkpointing, no offload", {}),
        ("pipeline schedule zbv", {"schedule": 1.0}),
        ("", {}),
    ],
)
def test_words_name_columns_of_a_layout(tricks: str, said: dict[str, float]) -> None:
    assert layout_said(tricks, layers=80) == said


def test_words_name_the_vendor_s_kernels_beside_full_sharding() -> None:
    assert vendor_kernels("quantisation recipe FP8-CS; Megatron-FSDP shard group 8")
    assert vendor_kernels("PyTorch FSDP2 shard 8; TE + DeepEP; local batch 4")
    assert not vendor_kernels("PyTorch FSDP2 shard 8; TE + DeepEP + FlexAttn; local batch 2")
    assert not vendor_kernels("PyTorch FSDP FULL_SHARD")


def test_words_say_that_nothing_overlaps() -> None:
    assert set(overlap_said("Megatron-LM, 8 micro-batches, no overlap").values()) == {0.0}
    assert overlap_said("FSDP 32 x TP 8, vanilla TP, bf16") == {"tensor_hidden": 0.0}
    assert overlap_said("mc2 TP overlap; overlap grad reduce") == {}


@pytest.mark.parametrize(
    ("tricks", "once", "again", "ahead"),
    [
        ("dispatcher=hybridep; recompute_modules=moe,layernorm", True, True, None),
        ("TE + DeepEP; local batch 4", True, False, None),
        ("dispatcher=alltoall; recompute_modules=moe_act,layernorm", False, False, None),
        ("recompute_modules=core_attn,moe; MTP layer included (layout ends in m)", False, True, 1.0),
        ("DualPipe, MTP depth 2, node-limited routing", False, False, 2.0),
        ("token-drop; w/o MTP", False, False, None),
    ],
)
def test_words_say_how_tokens_travel_what_runs_again_and_how_far_ahead(tricks, once, again, ahead) -> None:
    assert (bool(ONCE.search(tricks)), bool(BLOCKS_AGAIN.search(tricks)), ahead_said(tricks)) == (once, again, ahead)


def test_attention_is_fused_as_the_words_say_else_as_was_usual() -> None:
    assert says_fused("FlashAttention", usual=False)
    assert not says_fused("Megatron-LM 2021 (no sequence parallel, no flash attention)", usual=True)
    assert says_fused("distributed optimizer", usual=True)
    assert not says_fused("distributed optimizer", usual=False)


def test_a_release_is_dated_by_its_name() -> None:
    assert released("performance-summary-archive.md 26.04.01 pretrain") == pytest.approx(2026 + 3.5 / 12)
    assert released("llama3.1/README.md", "DGX Cloud Benchmarking recipes v25.05.02") == pytest.approx(2025 + 4.5 / 12)
    assert released("branch 1.0.RC1 table", "") is None
    assert released("FLOP rate of 24.99") is None
