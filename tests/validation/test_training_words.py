import pytest

from polysilicon.records.errors import InputError
from polysilicon.validation.training_words import precision_of, recompute_of


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
