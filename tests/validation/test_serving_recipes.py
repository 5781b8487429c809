"""What a benchmark publishes of its runs stands in for what a row of it leaves out."""

import pytest

from polysilicon.facts import load
from polysilicon.validation.serving_cases import Question, question
from polysilicon.validation.serving_recipes import filled

APART = {
    "mode": "disaggregated",
    "precision": "fp8",
    "isl": "1024",
    "osl": "1024",
    "concurrency": "1184",
    "prefill_tp": "8",
    "prefill_ep": "8",
    "decode_tp": "8",
    "decode_ep": "8",
    "spec_decoding": "not recorded",
    "source_date": "2026-03-23",
}
TOGETHER = {"mode": "aggregated", "precision": "fp8", "isl": "1024", "osl": "8192", "concurrency": "64", "tp": "4"}
WHERE = ("deepseek-v3", "nvidia-b200-sxm", "trtllm")


def test_workers_ranks_and_drafting_are_those_of_the_one_configuration() -> None:
    row = filled(APART, *WHERE)
    assert (row["prefill_workers"], row["prefill_tp"], row["prefill_attn_dp"]) == ("1", "1", "8")
    assert (row["decode_workers"], row["decode_tp"], row["decode_attn_dp"]) == ("3", "1", "8")
    assert (row["spec_decoding"], row["draft_tokens"]) == ("mtp", "3")


def test_what_a_row_says_itself_stays() -> None:
    row = filled({**APART, "decode_workers": "7", "draft_tokens": "1", "decode_attn_dp": "8"}, *WHERE)
    assert (row["decode_workers"], row["draft_tokens"], row["decode_tp"]) == ("7", "1", "8")


@pytest.mark.parametrize("cell", [{"concurrency": "1185"}, {"isl": "1000"}, {"decode_tp": "3"}, {"precision": "int4"}])
def test_a_run_that_no_configuration_lists_is_left_as_it_is(cell: dict[str, str]) -> None:
    assert filled({**APART, **cell}, *WHERE) == {**APART, **cell}


def test_configurations_that_disagree_fill_nothing_but_what_they_share() -> None:
    # Both 3 prefill workers and 1 or 2 stood there for these lengths and this number in flight, at one time or another.
    lengths = {**APART, "isl": "8192", "concurrency": "512", "source_date": "2026-02-13"}
    row = filled(lengths, "deepseek-v3", "nvidia-b200-sxm", "sglang")
    assert "prefill_workers" not in row
    assert row["spec_decoding"] == "none"


def test_a_configuration_counts_in_its_time() -> None:
    named = ("deepseek-v3", "nvidia-b300-sxm", "trtllm")
    cells = {**APART, "precision": "fp4", "concurrency": "2342", "prefill_tp": "2", "prefill_ep": "2"}
    assert filled({**cells, "source_date": "2026-02-01"}, *named)["spec_decoding"] == "mtp"


def test_a_row_that_says_nothing_of_drafting_is_plain_wherever_it_may_be() -> None:
    # The list has these lengths and this load both with drafting and without.
    either = {**TOGETHER, "osl": "1024", "concurrency": "32", "tp": "8", "ep": "8"}
    named = ("deepseek-v3", "nvidia-h200-sxm-141gb", "trtllm")
    assert filled(either, *named)["spec_decoding"] == "none"
    assert filled({**either, "spec_decoding": "mtp"}, *named)["spec_decoding"] == "mtp"


def test_cache_and_chunk_are_those_of_the_script_that_starts_the_server() -> None:
    row = filled({**TOGETHER, "tp": "8"}, "qwen3.5-397b-a17b", "nvidia-h200-sxm-141gb", "sglang")
    assert (row["kv_precision"], row["chunk_tokens"]) == ("fp8", "16384")


def test_a_model_retired_before_there_were_lists_has_its_script() -> None:
    row = filled(TOGETHER, "llama-3.1-70b", "nvidia-h200-sxm-141gb", "vllm")
    assert (row["kv_precision"], row["chunk_tokens"]) == ("fp8", "8192")


@pytest.mark.parametrize(("source", "kept"), [("SemiAnalysis InferenceX", "fp8"), ("our own bench", "bf16")])
def test_only_rows_of_the_benchmark_are_filled(source: str, kept: str) -> None:
    row = {**TOGETHER, "model": "Llama 3.1 70B", "chip_id": "nvidia-h200-sxm-141gb", "weight_precision": "fp8"}
    asked = question(load(), {**row, "framework": "vllm", "source": source})
    assert isinstance(asked, Question)
    assert asked.asked.cache == kept


@pytest.mark.parametrize(("load_", "passes"), [("8", "10"), ("32", "30")])
def test_how_seldom_an_engine_looks_for_new_requests_depends_on_its_load(load_: str, passes: str) -> None:
    row = {**TOGETHER, "osl": "1024", "concurrency": load_, "source_date": "2026-03-24"}
    assert filled(row, "qwen3.5-397b-a17b", "nvidia-b200-sxm", "sglang")["look_passes"] == passes


@pytest.mark.parametrize(("ranks", "passes"), [("8", "60"), ("", None)])
def test_prompts_wait_for_other_ranks_where_attention_is_copied(ranks: str, passes: str | None) -> None:
    row = {**TOGETHER, "tp": "1" if ranks else "8", "attn_dp": ranks, "ep": "8", "concurrency": "128"}
    assert filled({**row, "source_date": "2026-02-05"}, *WHERE).get("look_passes") == passes


@pytest.mark.parametrize(
    ("cells", "degrees"),
    [
        ({"tp": "16", "moe_tp": "4", "ep": "4"}, (4, 1, 4)),
        ({"tp": "1", "attn_dp": "64", "moe_tp": "8", "ep": "8"}, (1, 8, 8)),
        ({"tp": "4", "attn_dp": "4", "ep": "16"}, (1, 4, 4)),
        ({"tp": "8", "ep": "8"}, (8, 1, 8)),
    ],
)
def test_a_square_of_degrees_is_read_as_its_root(cells: dict[str, str], degrees: tuple[int, int, int]) -> None:
    row = {"model": "deepseek-v3", "chip_id": "nvidia-b200-sxm", "framework": "trtllm", **TOGETHER, **cells}
    asked = question(load(), row)
    assert isinstance(asked, Question)
    layout = asked.asked.layout
    assert (layout.tp, layout.attn_dp, layout.ep) == degrees
