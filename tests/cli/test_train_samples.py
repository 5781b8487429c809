"""`estimate train` of models whose unit is a sample."""

import csv
import json

import pytest

HERE = ("--chip", "nvidia-h100-sxm-80gb", "--chips", 8)
RANK = ("estimate", "train", "dlrm-dcnv2", *HERE, "--global-batch", 65536)
PAINT = ("estimate", "train", "stable-diffusion-2", *HERE, "--global-batch", 256)
READ = ("estimate", "train", "bert-large", *HERE, "--global-batch", 768, "--precision", "fp8")


@pytest.mark.parametrize("asked", [RANK, PAINT, READ])
def test_step_interval_parts_and_memory_are_shown(run, asked):
    ran = run(*asked)
    assert ran.code == 0
    for words in ("step", "(90 %:", "/s", "where the step goes", "what fills memory", "GiB a chip"):
        assert words in ran.out
    told = json.loads(run(*asked, "--json").out)
    assert told["step_s"]["low"] < told["step_s"]["value"] < told["step_s"]["high"]
    assert ("unvalidated" in ran.out) == told["unvalidated"]
    assert told["fits"]


def test_the_step_is_explained(run):
    ran = run(*RANK, "--explain")
    assert ran.code == 0
    assert "recommender-all: lookup" in ran.out


@pytest.mark.parametrize(
    ("asked", "option", "said"),
    [
        (RANK, ("--tp", 2), "--tables"),
        (RANK, ("--micro-batch", 4), "--tables"),
        (RANK, ("--zero", 1), "--tables"),
        (PAINT, ("--tp", 2), "--micro-batch"),
        (PAINT, ("--pp", 2), "changes nothing here"),
        (PAINT, ("--tables", "row"), "no embedding tables"),
        (READ, ("--sequence", 512), "changes nothing here"),
        (READ, ("--recompute", "selective"), "not modelled"),
        (
            ("estimate", "train", "llama-3.1-8b", *HERE, "--global-batch", 64),
            ("--tables", "row"),
            "no embedding tables",
        ),
    ],
)
def test_an_option_that_changes_nothing_is_refused(run, asked, option, said):
    ran = run(*asked, *option)
    assert ran.code == 2
    assert option[0] in ran.err
    assert said in ran.err


def test_cuts_of_the_tables_change_the_answer(run):
    steps = {
        (cut, place): json.loads(run(*RANK, "--tables", cut, "--tables-in", place, "--json").out)["step_s"]["value"]
        for cut in ("table", "column", "row")
        for place in ("chip", "host")
    }
    assert len(set(steps.values())) == 6
    assert all(steps[cut, "host"] > steps[cut, "chip"] for cut in ("table", "column", "row"))


def test_rows_of_a_table_are_answered_beside_transformers(run, tmp_path):
    asked, told = tmp_path / "asked.csv", tmp_path / "told.csv"
    head = "case_id,model,chip_id,chips,tp,pp,dp,cp,ep,micro_batch,global_batch,seq_len,precision,recompute,zero_stage"
    asked.write_text(
        f"{head}\nrank,dlrm-dcnv2,nvidia-h100-sxm-80gb,8,,,,,,,65536,,bf16,,\n"
        "write,llama-3.1-8b,nvidia-h100-sxm-80gb,8,1,1,8,1,1,1,128,8192,bf16,none,1\n"
    )
    assert run("estimate", "train", "--cases", asked, "--out", told).code == 0
    with told.open() as stream:
        rows = {row["case_id"]: row for row in csv.DictReader(stream)}
    assert rows["rank"]["status"] == rows["write"]["status"] == "ok"
    assert float(rows["rank"]["samples_per_s"]) > 1e6
    assert rows["rank"]["unvalidated"] == "1"
    assert float(rows["write"]["tokens_per_s_per_chip"]) > 0


def test_a_whole_run_is_refused_with_the_reason(run):
    ran = run(*RANK, "--tokens", "3T")
    assert ran.code == 2
    assert "whole runs are modelled for transformers only" in ran.err


def test_what_is_asked_for_is_not_chosen_again(run):
    """Flux fits with a higher ZeRO stage only; whoever asks for the first is told what that takes."""
    asked = ("estimate", "train", "flux.1-dev", *HERE, "--global-batch", 64)
    free = json.loads(run(*asked, "--json").out)
    assert (free["layout"]["zero_stage"], free["fits"]) == (2, True)
    bound = json.loads(run(*asked, "--zero", 1, "--json").out)
    assert (bound["layout"]["zero_stage"], bound["fits"]) == (1, False)
    roomy = ("estimate", "train", "stable-diffusion-2", *HERE, "--global-batch", 256, "--json")
    most, one = (json.loads(run(*roomy, *said).out)["layout"]["micro_batch"] for said in ((), ("--micro-batch", 1)))
    assert (most, one) == (32, 1)
