"""Options of a layout: each reaches the estimate, and what can't be is one message."""

import json

import pytest

JOB = ("--chip", "nvidia-h100-sxm-80gb", "--chips", 64, "--global-batch", 256)
DENSE, MIXED = ("estimate", "train", "llama-3.1-8b", *JOB), ("estimate", "train", "mixtral-8x7b", *JOB)


@pytest.mark.parametrize(
    ("asked", "row"),
    [
        ((*DENSE, "--pp", 4, "--schedule", "zero-bubble"), {"schedule": "zero_bubble", "pp": 4}),
        ((*DENSE, "--cp", 4, "--context", "all-to-all"), {"context": "all_to_all", "cp": 4}),
        ((*DENSE, "--zero-stage", 3, "--shard", 8), {"zero_stage": 3, "shard": 8}),
        ((*DENSE, "--recompute", "full", "--recomputed-share", 0.5), {"recompute": "full", "recomputed_share": 0.5}),
        ((*DENSE, "--offload-optimizer", 0.5), {"offload_optimizer": 0.5}),
        ((*DENSE, "--offload-activations", 1), {"offload_activations": 1.0}),
        ((*DENSE, "--offload-weights", 1), {"offload_weights": 1.0}),
        ((*DENSE, "--tp", 2, "--seq-parallel"), {"sequence_parallel": 1}),
        ((*DENSE, "--seq-len", 2048), {"dp": 64}),
        ((*MIXED, "--tp", 4, "--expert-tp", 2, "--seq-parallel", "--ep", 8), {"expert_tp": 2, "ep": 8}),
    ],
)
def test_an_option_reaches_the_layout(run, asked, row):
    told = json.loads(run(*asked, "--json").out)
    assert {name: told["rows"][0][name] for name in row} == row


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ((*DENSE, "--tp", 2.5), "--tp: is no whole number; found '2.5'"),
        ((*DENSE, "--dp", "x"), "--dp: is no whole number; found 'x'"),
        ((*DENSE, "--schedule", "zero-bubble"), "--schedule: changes nothing here; it needs --pp above 1"),
        ((*DENSE, "--context", "all-to-all"), "--context: changes nothing here; it needs --cp above 1"),
        ((*DENSE, "--sequence-parallel"), "--sequence-parallel: changes nothing here"),
        ((*DENSE, "--recomputed-share", 0.5), "it needs --recompute full"),
        ((*DENSE, "--expert-tp", 2), "it needs a model with experts"),
        ((*DENSE, "--offload-weights", 2), "--offload-weights: is no sane quantity; found 2.0; allowed: 0 to 1"),
        ((*DENSE, "--zero", 3, "--offload-weights", 1), "--offload-weights: changes nothing here"),
        ((*DENSE, "--zero", 2, "--shard-bytes", 2), "--shard-bytes: changes nothing here; it needs --zero 3"),
        ((*DENSE, "--recompute", "full", "--recomputed-share", "nan"), "--recomputed-share: is no sane quantity"),
        ((*DENSE, "--shard", 0), "--shard: is no sane quantity"),
        ((*DENSE, "--schedule", "zerobubble", "--pp", 4), "Did you mean"),
        ((*DENSE, "--zero", 0, "--shard", 8), "the nearest layout that works: shard 0"),
        ((*DENSE, "--shard", 7), "the nearest layout that works: shard 8"),
        ((*DENSE, "--pp", 4, "--interleave", 2, "--schedule", "zero-bubble"), "the nearest layout that works: interl"),
        ((*DENSE, "--tp", 4, "--cp", 16, "--context", "all-to-all"), "the nearest layout that works: tp 2, dp 2"),
        ((*MIXED, "--tp", 4, "--expert-tp", 3), "the nearest layout that works: expert_tp 4"),
        ((*MIXED, "--tp", 4, "--expert-tp", 2), "the nearest layout that works: sequence_parallel 1"),
        ((*MIXED, "--ep", 3), "the nearest layout that works: ep 4"),
    ],
)
def test_what_can_t_be_says_why_and_what_can(run, asked, said):
    ran = run(*asked)
    assert ran.code == 2
    assert said in ran.err
    assert ran.out == ""


def test_a_result_beyond_the_measured_says_so(run):
    asked = (*DENSE, "--pp", 4, "--schedule", "zero-bubble")
    assert "‡ zero-bubble schedule: no measured case" in run(*asked).out
    assert json.loads(run(*asked, "--json").out)["rows"][0]["outside"] == ["zero-bubble schedule: no measured case"]
    assert "‡" not in run(*DENSE, "--tp", 2).out
