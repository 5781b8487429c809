"""`search split` on the command line."""

import json

BASE = ("search", "split", "llama-3.1-8b", "--chip", "nvidia-h100-sxm-80gb", "--chips", "2")
LENGTHS = ("--input", "2000", "--output", "200")


def test_the_best_pair_is_printed_with_what_it_gains(run):
    ran = run(*BASE, "--chip", "huawei-ascend-910c", *LENGTHS)
    assert ran.code == 0, ran.err
    for said in ("prefill", "decode", "against one place", "never measured"):
        assert said in ran.out


def test_workers_are_told_with_the_cache_that_they_send(run):
    ran = run(*BASE, *LENGTHS, "--kv-precision", "fp8")
    assert "ep 1), bf16, cache in fp8" in " ".join(ran.out.split())


def test_systems_are_printed_by_the_name_they_were_asked_for(run):
    ran = run(*BASE[:3], "--system", "atlas-800t-a3", "--system", "cloudmatrix-384", *LENGTHS)
    assert ran.code == 0, ran.err
    assert "atlas-800t-a3" in ran.out
    assert "cloudmatrix-384" in ran.out
    assert "x huawei-ascend-910c" not in ran.out


def test_json_has_every_pair(run):
    ran = run(*BASE, *LENGTHS, "--json")
    told = json.loads(ran.out)
    assert len(told["pairs"]["rows"]) == 1
    assert told["best"]["ttft_ms"]["low"] < told["best"]["ttft_ms"]["value"]


def test_what_is_missing_or_senseless_is_said_once(run):
    for options, said in (
        ((), "--input"),
        ((*LENGTHS, "--link-gbs", "0"), "--link-gbs: is no bandwidth of a link; found 0.0; allowed: GB/s above 0"),
        ((*LENGTHS, "--engine", "orca"), "engine"),
    ):
        ran = run(*BASE, *options)
        assert ran.code == 2, options
        assert said in ran.err
        assert "Traceback" not in ran.err


def test_a_count_of_chips_is_whole_and_above_nothing(run):
    for chips, said in (("0", "--chips: is no sane quantity"), ("3.7", "--chips: is no whole number; found '3.7'")):
        ran = run(*BASE[:-1], chips, *LENGTHS)
        assert ran.code == 2, chips
        assert said in ran.err


def test_targets_that_nothing_meets_have_no_answer(run):
    ran = run(*BASE, *LENGTHS, "--ttft-ms", "1", "--tpot-ms", "0.1")
    assert ran.code == 3
    assert "meets the targets" in ran.err
