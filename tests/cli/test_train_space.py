"""What a search of training layouts varies."""

import json

import pytest

JOB = ("--chips", 16, "--global-batch", 64, "--sequence", 2048, "--top", 5)
ONE, SEVERAL = ("--chip", "nvidia-h100-sxm-80gb"), ("--chip", "dgx-h100,dgx-a100-640")
DENSE, MIXED = ("search", "train", "llama-3.1-8b", *ONE, *JOB), ("search", "train", "mixtral-8x7b", *ONE, *JOB)
RANKED = ("search", "train", "llama-3.1-8b", *SEVERAL, *JOB)


@pytest.mark.parametrize(
    ("asked", "column", "values"),
    [
        ((*DENSE, "--zero", 3), "zero_stage", {3}),
        ((*DENSE, "--zero", 3, "--shard", 2, "--pp", 1), "shard", {2}),
        ((*DENSE, "--pp", 4, "--schedule", "zero-bubble"), "schedule", {"zero_bubble"}),
        ((*DENSE, "--cp", 2, "--context", "all-to-all"), "context", {"all_to_all"}),
        ((*DENSE, "--pp", 4, "--interleave", 2), "interleave", {2}),
        ((*DENSE, "--recompute", "full", "--recomputed-share", 0.5), "recomputed_share", {0.5}),
        ((*DENSE, "--offload-optimizer", 1), "offload_optimizer", {1.0}),
        ((*DENSE, "--precision", "fp8", "--precision", "bf16"), "precision", {"fp8"}),
        ((*DENSE, "--recipe", "deepseek-v3-fp8"), "precision", {"fp8"}),
        ((*MIXED, "--tp", 4, "--expert-tp", 1), "expert_tp", {1}),
    ],
)
def test_a_search_keeps_to_what_is_asked(run, asked, column, values):
    rows = json.loads(run(*asked, "--json").out)["rows"]
    assert {row[column] for row in rows} == values


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ((*DENSE, "--context", "all-to-all"), "it needs --cp above 1, or --vary all"),
        ((*DENSE, "--expert-tp", 2), "it needs a model with experts"),
        ((*DENSE, "--zero", 0, "--shard", 2), "it needs --zero 1, 2 or 3"),
        ((*DENSE, "--recompute", "none", "--recomputed-share", 0.5), "it needs --recompute full"),
        ((*DENSE, "--schedule", "zero-bubble", "--pp", 1), "it needs --pp above 1"),
        ((*DENSE, "--interleave", 2, "--pp", 1), "--interleave: changes nothing here; it needs --pp above 1"),
        ((*DENSE, "--zero", 2, "--pp", 2), "--zero: changes nothing here; it needs --pp 1: in a pipeline"),
        ((*DENSE, "--tp", 2.5), "--tp: is no whole number; found '2.5'"),
        ((*DENSE, "--shard", "1e3"), "--shard: is no whole number"),
        ((*DENSE[:-2], "--top", 1.5), "--top: is no whole number"),
        ((*DENSE, "--offload-weights", 7), "--offload-weights: is no sane quantity"),
        ((*DENSE, "--precision", "bf16", "--recipe", "mxfp8"), "differs from that of the recipe"),
        ((*RANKED, "--tokens", "1T"), "it needs one system in --chip"),
        ((*RANKED, "--software", "2024"), "it needs one system in --chip"),
        ((*MIXED, "--tp", 4, "--expert-tp", 3), "the nearest layout that works: expert_tp 4"),
    ],
)
def test_what_would_change_nothing_is_refused(run, asked, said):
    ran = run(*asked)
    assert ran.code == 2
    assert said in ran.err


def test_offload_is_tried_only_where_it_is_asked_for(run):
    every = json.loads(run(*DENSE, "--vary", "all", "--json").out)
    asked = json.loads(run(*DENSE, "--vary", "all", *("--offload-weights", 0, "--offload-weights", 1), "--json").out)
    assert asked["enumerated"] > every["enumerated"]


def test_the_run_of_the_best_layout_is_shown(run):
    assert "with the best layout:" in run(*DENSE, "--tokens", "100B").out
    told = json.loads(run(*DENSE, "--tokens", "100B", "--json").out)
    assert len(told["runs"]) == len(told["rows"])
    assert told["runs"][0]["wall_s"]["value"] <= told["runs"][-1]["wall_s"]["value"]


def test_layouts_beyond_the_measured_are_marked(run):
    said = run(*DENSE, "--pp", 4, "--schedule", "zero-bubble").out
    assert "‡ zero-bubble schedule: no measured case (every row)" in said
