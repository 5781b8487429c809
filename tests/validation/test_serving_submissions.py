"""What submitters to MLPerf publish of their settings stands in for what a summary leaves out."""

import pytest

from polysilicon.facts import load
from polysilicon.records.document import read_csv
from polysilicon.validation.serving_cases import Question, question
from polysilicon.validation.serving_measures import measured
from polysilicon.validation.serving_submissions import SUBMISSIONS, stated

SOURCE = "MLCommons inference_results_v5.1 summary_results.json (submission 5.1-0069, {}, closed division)"
ROW = {
    "source": SOURCE.format("NVIDIA"),
    "model": "llama3.1-405b",
    "accelerator": "NVIDIA B200",
    "chip_id": "nvidia-b200-sxm",
    "num_accelerators": "8",
    "weight_precision": "fp4",
    "precision": "weights fp4",
    "framework": "TensorRT 10.11, CUDA 12.9",
    "mode": "MLPerf Offline",
}
WHERE = ("llama-3.1-405b", "nvidia-b200-sxm", "offline")


def test_layout_and_limits_are_those_of_the_submitter() -> None:
    told = stated(ROW, *WHERE)
    assert (told["tp"], told["pp"], told["kv_precision"], told["fused_reductions"]) == ("2", "2", "fp8", "1")
    found = question(load(), ROW)
    assert isinstance(found, Question)
    assert (found.asked.layout.tp, found.asked.layout.pp, found.asked.cache) == (2, 2, "fp8")
    assert found.asked.engine.fused_reductions


def test_copied_attention_is_a_rank_a_chip() -> None:
    told = stated({**ROW, "model": "deepseek-r1"}, "deepseek-v3", "nvidia-b200-sxm", "offline")
    assert (told["tp"], told["attn_dp"], told["ep"]) == ("1", "8", "8")


def test_a_card_with_two_chips_is_two_and_its_rate_that_of_both() -> None:
    card = {
        "source": SOURCE.format("Intel"),
        "model": "llama2-70b-99.9",
        "accelerator": "[MAXSUN] MS-Intel Arc Pro B60 Dual 48G Turbo",
        "chip_id": "intel-arc-pro-b60",
        "num_accelerators": "4",
        "weight_precision": "uint4",
        "framework": "vLLM 0.9.0",
        "mode": "MLPerf Server",
        "output_tps_per_accel": "500",
    }
    found = question(load(), card)
    assert isinstance(found, Question)
    # Settings of the eight chips that four cards have; activations are narrowed to eight bits there.
    assert (found.asked.layout.tp, found.asked.layout.precision, found.asked.cache) == (2, "w4a8", "fp8")
    assert found.asked.engine.sequences == 160.0
    assert measured(card) == {"output_tps_per_accel": 250.0}
    assert measured({**card, "accelerator": "Dual NVIDIA L40S"}) == {"output_tps_per_accel": 500.0}


@pytest.mark.parametrize(
    ("model", "cache"),
    [("Qwen/Qwen3-32B-FP8", "bf16"), ("nvidia/Qwen3-32B-FP8", "fp8"), ("Qwen/Qwen3-32B", "fp8")],
)
def test_a_developer_s_own_narrow_checkpoint_leaves_the_cache_wide(model: str, cache: str) -> None:
    lengths = {"isl": "2000", "osl": "100", "concurrency": "8", "tp": "1"}
    named = {"model": model, "chip_id": "nvidia-h100-sxm-80gb", "framework": "trtllm", "weight_precision": "fp8"}
    found = question(load(), {**lengths, **named})
    assert isinstance(found, Question)
    assert found.asked.cache == cache


def test_what_a_row_says_itself_stays_and_degrees_stay_together() -> None:
    told = stated({**ROW, "tp": "8", "chunk_tokens": "4096"}, *WHERE)
    assert (told["tp"], told["chunk_tokens"], told["kv_precision"]) == ("8", "4096", "fp8")
    assert "pp" not in told


def test_settings_that_differ_fill_only_what_they_share() -> None:
    # Two files of one system: one fuses reductions and runs 4,096 at once, one neither; both on two chips and stages.
    named = {"chip_id": "nvidia-gb200", "num_accelerators": "4"}
    told = stated({**ROW, **named}, "llama-3.1-405b", "nvidia-gb200", "offline")
    assert (told["tp"], told["pp"], told["chunk_tokens"]) == ("2", "2", "1536")
    assert "sequences" not in told
    assert "fused_reductions" not in told


def test_a_run_whose_power_is_measured_has_the_settings_for_that() -> None:
    # One system is published with 2,048 and with 2,506 at once, but its power only with the first.
    run = {"source": SOURCE.format("HPE"), "model": "llama2-70b-99", "weight_precision": "fp8"}
    fast, frugal = (
        stated({**ROW, **run, "case_id": case}, "llama-2-70b", "nvidia-h200-sxm-141gb", "offline")
        for case in ("a", "a_power")
    )
    assert (fast["tp"], frugal["tp"]) == ("1", "1")
    assert "sequences" not in fast
    assert frugal["sequences"] == "2048"


@pytest.mark.parametrize(
    "cells",
    [
        {"source": SOURCE.format("Nobody")},
        {"source": SOURCE.format("NVIDIA").replace("closed", "open")},
        {"source": SOURCE.format("NVIDIA").replace("5.1", "6.0")},
        {"num_accelerators": "6"},
        {"weight_precision": "fp8"},
        {"model": "llama3.1-405b-99.9"},
    ],
)
def test_a_run_whose_settings_are_not_published_is_left_as_it_is(cells: dict[str, str]) -> None:
    assert stated({**ROW, **cells}, *WHERE) == {**ROW, **cells}


def test_settings_of_a_mere_client_are_no_settings_of_its_servers() -> None:
    # The requests went to fourteen workers that read prompts and two that decode, of which the file says nothing.
    apart = ("NVIDIA", "nvidia-gb200", "72", "llama-3.1-405b", "Interactive")
    rows = [row for _, row in read_csv(SUBMISSIONS)]
    assert not [
        row
        for row in rows
        if tuple(row[name] for name in ("submitter", "chip_id", "accelerators", "model", "scenario")) == apart
    ]
    assert {row["policy"] for row in rows if row["submitter"] != "Intel"} == {"max_util"}
