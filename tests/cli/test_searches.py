"""A search asked for every row of a table answers as it does alone."""

import csv
import json
from pathlib import Path

import pytest


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_each_row_gets_the_layout_that_a_search_alone_finds(run, tmp_path: Path) -> None:
    cases, out = tmp_path / "in.csv", tmp_path / "out.csv"
    cases.write_text(
        "case_id,model,chip_id,chips,global_batch,seq_len\n"
        "one,llama-3.1-8b,nvidia-h100-sxm-80gb,64,64,4096\n"
        "two,no-such-model,nvidia-h100-sxm-80gb,64,64,4096\n"
        "three,llama-3.1-8b,nvidia-h100-sxm-80gb,,64,4096\n"
        "four,llama-3.1-8b,nvidia-h100-sxm-80gb,6.5,64,4096\n"
    )
    assert run("search", "train", "--cases", cases, "--out", out).code == 0
    told = {row["case_id"]: row for row in rows(out)}
    alone = run(
        "search",
        "train",
        "llama-3.1-8b",
        "--chip",
        "nvidia-h100-sxm-80gb",
        "--chips",
        64,
        "--global-batch",
        64,
        "--json",
    )
    assert float(told["one"]["step_s"]) == pytest.approx(json.loads(alone.out)["rows"][0]["step_s"])
    assert [told[name]["status"] for name in ("two", "three", "four")] == [
        "unsupported",
        "underspecified",
        "unsupported",
    ]
    assert "6.5" in told["four"]["why"]


def test_each_row_gets_a_deployment_that_keeps_its_target(run, tmp_path: Path) -> None:
    cases, out = tmp_path / "in.csv", tmp_path / "out.csv"
    cases.write_text(
        "case_id,model,chip_id,num_accelerators,isl,osl,tpot_target_ms\n"
        "one,llama-3.1-8b,nvidia-h100-sxm-80gb,8,1000,100,20\n"
        "two,llama-3.1-8b,nvidia-h100-sxm-80gb,8,1000,100,0.001\n"
    )
    assert run("search", "serve", "--cases", cases, "--out", out).code == 0
    one, two = rows(out)
    assert one["status"] == "ok"
    assert float(one["tpot_ms"]) <= 20
    assert two["status"] == "unsupported"
    assert two["why"]


@pytest.mark.parametrize("command", [("search", "serve"), ("replay",)])
def test_answers_say_in_which_precision_the_cache_is_kept(run, tmp_path: Path, command: tuple[str, ...]) -> None:
    cases = tmp_path / "in.csv"
    cases.write_text(
        "case_id,model,chip_id,num_accelerators,isl,osl,poisson,requests,weight_precision,kv_precision,framework\n"
        "wide,llama-3.1-8b,nvidia-h100-sxm-80gb,1,1000,100,1,10,fp8,,vllm\n"
        "own,llama-3.1-8b,nvidia-h100-sxm-80gb,1,1000,100,1,10,fp8,,trtllm\n"
        "asked,llama-3.1-8b,nvidia-h100-sxm-80gb,1,1000,100,1,10,fp8,fp8,vllm\n"
    )
    told = json.loads(run(*command, "--cases", cases, "--json").out)["rows"]
    assert [row["kv_precision"] for row in told] == ["bf16", "fp8", "fp8"]


def test_a_row_s_own_engine_and_format_come_before_the_options(run, tmp_path: Path) -> None:
    cases = tmp_path / "in.csv"
    cases.write_text(
        "case_id,model,chip_id,num_accelerators,isl,osl,weight_precision,framework\n"
        "theirs,llama-3.1-8b,nvidia-h100-sxm-80gb,2,1000,100,,\n"
        "own,llama-3.1-8b,nvidia-h100-sxm-80gb,2,1000,100,fp8,sglang\n"
        "odd,llama-3.1-8b,nvidia-h100-sxm-80gb,2,1000,100,fp7,\n"
        "who,llama-3.1-8b,nvidia-h100-sxm-80gb,2,1000,100,,ollama\n"
    )
    ran = run("search", "serve", "--cases", cases, "--precision", "bf16", "--engine", "trtllm", "--json")
    theirs, own, odd, who = json.loads(ran.out)["rows"]
    assert (theirs["precision"], own["precision"]) == ("bf16", "fp8")
    question = ("llama-3.1-8b", "--chip", "nvidia-h100-sxm-80gb", "--chips", 2, "--input", 1000, "--output", 100)
    alone = run("search", "serve", *question, "--precision", "fp8", "--engine", "sglang", "--json")
    assert own["tokens_per_s_per_chip"] == json.loads(alone.out)["best"]["tokens_per_s_per_chip"]["value"]
    assert ":4: weight_precision: unknown weight format" in odd["why"]
    assert ":5: framework: unknown serving engine" in who["why"]


@pytest.mark.parametrize(
    "options",
    [
        ("--chip", "nvidia-h20-96gb"),
        ("--chips", 2),
        ("--input", 7),
        ("--tpot-ms", 5),
        ("--requests-per-s", 4),
        ("--top", 3),
    ],
)
def test_options_that_a_table_of_searches_would_pass_over_are_refused(run, tmp_path: Path, options) -> None:
    cases = tmp_path / "in.csv"
    cases.write_text("case_id,model,chip_id,num_accelerators,isl,osl\n")
    ran = run("search", "serve", "--cases", cases, *options)
    assert ran.code == 2
    assert ran.err.startswith(f"polysilicon: {options[0]}")


@pytest.mark.parametrize("what", ["train", "serve"])
def test_a_search_without_a_question_says_what_is_missing(run, what: str) -> None:
    ran = run("search", what)
    assert ran.code == 2
    assert "MODEL is missing" in ran.err


@pytest.mark.parametrize(
    ("what", "row"),
    [
        ("train", {"chips": 8, "global_batch": 8, "seq_len": 4096, "precision": "fp8"}),
        ("serve", {"num_accelerators": 1, "isl": 1000, "osl": 100, "kv_precision": "fp8", "precision": "fp8"}),
    ],
)
def test_columns_that_a_table_of_searches_does_not_read_are_named(run, tmp_path: Path, what: str, row) -> None:
    cases, asked = tmp_path / "in.csv", {"case_id": "a", "model": "llama-3.1-8b", "chip_id": "nvidia-h100-sxm-80gb"}
    whole = {**asked, **row}
    cases.write_text(",".join(whole) + "\n" + ",".join(str(one) for one in whole.values()) + "\n")
    ran = run("search", what, "--cases", cases, "--json")
    assert ran.code == 0
    assert "columns not read: precision" in ran.err
    if what == "serve":
        assert json.loads(ran.out)["rows"][0]["kv_precision"] == "fp8"
