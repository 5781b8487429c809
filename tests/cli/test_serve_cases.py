"""`estimate serve --cases`: a row means what the options mean."""

import csv
import json
from pathlib import Path

import pytest

H100 = "nvidia-h100-sxm-80gb"
ROW = {"case_id": "a", "model": "qwen3-30b-a3b", "chip_id": H100, "isl": 1024, "osl": 256, "concurrency": 64}
OPTIONS = {
    "chip_id": "--chip",
    "isl": "--input",
    "osl": "--output",
    "weight_precision": "--precision",
    "framework": "--engine",
    "attn_dp": "--attn-dp",
    "ttft_target_ms": "--ttft-ms",
    "tpot_target_ms": "--tpot-ms",
    "draft_tokens": "--draft-tokens",
    "kv_precision": "--kv-precision",
}


@pytest.fixture
def asked(run, tmp_path: Path):
    """The answer to one row, and what was said beside it."""

    def one(**cells: object):
        row = {**ROW, **cells}
        cases = tmp_path / "cases.csv"
        with cases.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(row))
            writer.writeheader()
            writer.writerow(row)
        ran = run("estimate", "serve", "--cases", cases, "--json")
        assert ran.code == 0, ran.err
        return json.loads(ran.out)["rows"][0], ran.err

    return one


@pytest.mark.parametrize(
    "cells",
    [
        {"tp": 4, "pp": 1, "attn_dp": 4, "ep": 16, "weight_precision": "bf16", "framework": "vllm"},
        {"tp": 4, "ep": 4, "weight_precision": "fp8", "framework": "trtllm"},
        {"model": "gpt-oss-120b", "tp": 4, "weight_precision": "bf16"},
        {"model": "gpt-oss-120b", "tp": 4},
        {"chip_id": "dgx-h100", "tp": 2, "framework": "sglang"},
        {"tp": 2, "concurrency": "", "ttft_target_ms": 500, "tpot_target_ms": 20},
        {"model": "deepseek-v3", "chip_id": "nvidia-h200-sxm-141gb", "tp": 8, "ep": 8, "draft_tokens": 2},
        {"tp": 2, "source": "InferenceX nightly"},
        {"tp": 4, "weight_precision": "fp8", "kv_precision": "fp8"},
    ],
)
def test_a_row_is_answered_as_its_options_are(run, asked, cells):
    answer, _ = asked(**cells)
    said = {OPTIONS.get(name, f"--{name}"): value for name, value in {**ROW, **cells}.items() if value != ""}
    model = said.pop("--model")
    said.pop("--case_id")
    said.pop("--source", None)
    options = [word for pair in said.items() for word in pair]
    alone = json.loads(run("estimate", "serve", model, *options, "--json").out)
    assert answer["status"] == "ok"
    for name in ("ttft_ms", "tpot_ms", "tokens_per_s_per_chip"):
        assert [answer[f"{name}{end}"] for end in ("", "_low", "_high")] == list(alone[name].values())
    for name in ("concurrency", "memory_gib", "misses"):
        assert answer[name] == alone[name]
    assert answer["kv_precision"] == alone["layout"]["cache"]


def test_a_prediction_module_drafts_as_the_option_says(asked):
    row = {"model": "deepseek-v3", "chip_id": "nvidia-h200-sxm-141gb", "tp": 8, "ep": 8}
    assert asked(**row, spec_decoding="mtp")[0] == asked(**row, draft_tokens=1)[0]


@pytest.mark.parametrize(
    ("cells", "status", "said"),
    [
        ({"model": "llama-4-scout", "tp": 16, "ep": 16}, "unsupported", "40 attention heads"),
        ({"framework": "ollama"}, "unsupported", "framework: unknown serving engine; found 'ollama'"),
        ({"framework": "ollama"}, "unsupported", "did you mean vllm?"),
        ({"weight_precision": "fp7"}, "unsupported", ":2: weight_precision: unknown weight format; found 'fp7'"),
        ({"tp": 4, "num_accelerators": 8}, "unsupported", "num_accelerators: contradicts the layout"),
        ({"tp": 4.5}, "unsupported", ":2: tp: is no whole number"),
        ({"isl": 1024.7}, "unsupported", ":2: isl: is no whole number"),
        ({"attn_dp": 5000}, "unsupported", ":2: attn_dp: is no sane quantity"),
        ({"concurrency": "1e18"}, "unsupported", "allowed: above 0, up to 1,000,000,000"),
        ({"concurrency": "many"}, "unsupported", ":2: concurrency: is no number"),
        ({"ttft_target_ms": "inf"}, "unsupported", ":2: ttft_target_ms: is no sane quantity"),
        ({"acceptance": 0.5}, "unsupported", "acceptance: changes nothing"),
        ({"kv_precision": "fp6"}, "unsupported", "kv_precision: is no precision of a cache; found 'fp6'"),
        ({"mode": "disaggregated"}, "unsupported", "mode 'disaggregated' has no option"),
        ({"spec_decoding": "eagle3"}, "unsupported", "eagle3"),
        ({"chip_id": ""}, "underspecified", "chip_id"),
        ({"osl": ""}, "underspecified", "osl"),
        ({"model": "llama-3.1-405b"}, "implausible", "GiB"),
    ],
)
def test_what_the_options_refuse_a_row_is_refused(asked, cells, status, said):
    answer, _ = asked(**cells)
    assert answer["status"] == status
    assert said in answer["why"]
    assert answer.get("tpot_ms") is None


def test_columns_that_are_not_read_are_named(asked):
    _, err = asked(moe_tp=4, owner="me")
    assert "columns not read: moe_tp, owner" in err


@pytest.mark.parametrize(
    "options",
    [
        ("--engine", "sglang"),
        ("--chip", H100),
        ("--tp", 2),
        ("--precision", "fp8"),
        ("--concurrency", 4),
        ("--input", 7),
        ("--ttft-ms", 5),
        ("--explain",),
    ],
)
def test_options_that_a_table_would_pass_over_are_refused(run, tmp_path: Path, options):
    cases = tmp_path / "cases.csv"
    cases.write_text("case_id,model,chip_id\n")
    ran = run("estimate", "serve", "--cases", cases, *options)
    assert ran.code == 2
    assert not ran.out
    assert ran.err.startswith(f"polysilicon: {options[0]}")
