"""`estimate serve` of a language model: what its options refuse, in the words that were typed."""

import pytest

ASKED = ("estimate", "serve", "qwen3-30b-a3b", "--chip", "nvidia-h100-sxm-80gb")
LENGTHS = ("--input", 1024, "--output", 256)


@pytest.mark.parametrize("option", ["--tp", "--pp", "--attn-dp", "--ep", "--draft-tokens", "--input", "--output"])
def test_counts_are_never_rounded(run, option):
    ran = run(*ASKED, option, 8.5)
    assert ran.code == 2
    assert f"{option}: is no whole number; found '8.5'" in ran.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--concurrency", 0), "--concurrency: "),
        (("--attn-dp", 5000), "--attn-dp: is no sane quantity; found 5000; allowed: 1 to 4,096"),
        (("--draft-tokens", 40), "--draft-tokens: is no sane quantity; found 40; allowed: 0 to 16"),
        (("--draft-tokens", 1, "--acceptance", 2), "--acceptance: is no sane quantity; found 2.0; allowed: 0 to 1"),
        (("--ttft-ms", "inf"), "--ttft-ms: is no sane quantity; found inf; allowed: 1e-06 to 1,000,000,000"),
        (("--tpot-ms", "1e300"), "--tpot-ms: is no sane quantity"),
        (("--precision", "fp7"), "--precision: unknown weight format; found 'fp7'"),
    ],
)
def test_a_refusal_names_the_option_and_what_is_allowed(run, options, said):
    ran = run(*ASKED, *LENGTHS, *options)
    assert ran.code == 2
    assert said in ran.err


def test_the_system_is_named_beside_its_chip(run):
    asked = ("estimate", "serve", "qwen3-30b-a3b", *LENGTHS, "--concurrency", 8, "--chip")
    assert "1 x nvidia-h100-sxm-80gb of dgx-h100, vllm" in run(*asked, "dgx-h100").out
    assert "1 x nvidia-h100-sxm-80gb, vllm" in run(*asked, "nvidia-h100-sxm-80gb").out


def test_memory_that_holds_too_few_is_told_with_what_the_engine_fills(run):
    asked = ("llama-3.1-70b", "--chip", "nvidia-h100-sxm-80gb", "--tp", "2", "--input", "2000", "--output", "500")
    said = " ".join(run("estimate", "serve", *asked, "--engine", "sglang", "--concurrency", "500").out.split())
    assert "GiB a chip that it fills: room for" in said
    assert "the others wait" in said
    alone = " ".join(run("estimate", "serve", *asked, "--engine", "sglang", "--concurrency", "1").out.split())
    assert "the others wait" not in alone
