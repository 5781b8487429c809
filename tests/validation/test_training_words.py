import pytest

from polysilicon.records.errors import InputError
from polysilicon.validation.training_words import layout_said, overlap_said, precision_of, recompute_of, says_fused


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
        ("Megatron-FSDP shard group 64; cpu_offloading_num_layers=40", {"shard": 64.0, "offload_activations": 0.5}),
        ("ZeRO-3, optimizer+activation offload", {"offload_optimizer": 1.0, "offload_activations": 1.0}),
        ("right-sized: ZeRO-2, no checkpointing, no offload", {}),
        ("pipeline schedule zbv", {"schedule": 1.0}),
        ("", {}),
    ],
)
def test_words_name_columns_of_a_layout(tricks: str, said: dict[str, float]) -> None:
    assert layout_said(tricks, layers=80) == said


def test_words_say_that_nothing_overlaps() -> None:
    assert set(overlap_said("Megatron-LM, 8 micro-batches, no overlap").values()) == {0.0}
    assert overlap_said("FSDP 32 x TP 8, vanilla TP, bf16") == {"tensor_hidden": 0.0}
    assert overlap_said("mc2 TP overlap; overlap grad reduce") == {}


def test_attention_is_fused_as_the_words_say_else_as_was_usual() -> None:
    assert says_fused("FlashAttention", usual=False)
    assert not says_fused("Megatron-LM 2021 (no sequence parallel, no flash attention)", usual=True)
    assert says_fused("distributed optimizer", usual=True)
    assert not says_fused("distributed optimizer", usual=False)
