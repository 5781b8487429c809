"""`estimate serve` of recommenders, image models and encoders, and the network in every latency target."""

import json

import pytest

CHIP = ("--chip", "nvidia-h100-sxm-80gb")
RANK = ("estimate", "serve", "dlrm-dcnv2", *CHIP, "--candidates", 500)
PAINT = ("estimate", "serve", "flux.1-schnell-256", *CHIP)
READ = ("estimate", "serve", "bert-large-mlperf", *CHIP)
TELL = ("estimate", "serve", "llama-3.1-8b", *CHIP, "--input", 512, "--output", 64)
FAR = ("--users", "us-va-ashburn", "--site", "jp-tokyo")


@pytest.mark.parametrize("asked", [RANK, PAINT, READ])
def test_throughput_tail_and_chips_are_shown_unvalidated(run, asked):
    ran = run(*asked, "--latency-ms", 5000, "--requests-per-s", 20000)
    assert ran.code == 0
    for words in ("unvalidated", "queries/s a chip", "p99 latency", "for 20,000 queries/s", "where a batch goes"):
        assert words in ran.out
    told = json.loads(run(*asked, "--latency-ms", 5000, "--requests-per-s", 20000, "--json").out)
    assert told["unvalidated"] is True
    assert told["tail_ms"] <= 5000
    assert told["chips_needed"]["low"] <= told["chips_needed"]["value"]
    assert told["queries_per_s_per_chip"]["low"] < told["queries_per_s_per_chip"]["high"]


def test_a_bound_that_the_worst_case_misses_has_an_unknown_end(run):
    asked = (*READ, "--latency-ms", 7, "--requests-per-s", 1000)
    told = json.loads(run(*asked, "--json").out)
    assert told["queries_per_s_per_chip"]["low"] == 0
    assert told["chips_needed"]["high"] is None
    assert "to unknown)" in run(*asked).out


def test_tables_that_may_not_fit_say_so_beside_the_memory(run):
    shown = " ".join(run(*RANK).out.split())
    assert "48.7 of 80 GiB a chip; MAY NOT FIT: up to 97.4 GiB at the high end of the assumptions" in shown
    assert "MAY NOT FIT" not in run(*RANK, "--chips", 2).out


def test_where_the_tables_lie_changes_the_answer(run):
    def rate(*options):
        return json.loads(run(*RANK, "--latency-ms", 50, *options, "--json").out)["queries_per_s_per_chip"]["value"]

    host = rate("--tables", "host")
    assert host < rate("--tables", "host", "--hbm-hits", 0.9) < rate()
    assert host < rate("--tables", "host", "--host-gbs", 400, "--host-link-gbs", 100)
    assert rate("--tables", "cxl", "--cxl-gbs", 20) < host
    assert "capacity is unknown" in run(*RANK, "--tables", "host").out.replace("\n", " ")


def test_cxl_memory_without_a_figure_says_what_to_give(run):
    ran = run(*RANK, "--tables", "cxl")
    assert ran.code == 2
    assert "--cxl-gbs" in ran.err


@pytest.mark.parametrize(
    ("asked", "options", "said"),
    [
        (RANK, ("--input", 5), "works on samples"),
        (RANK, ("--tp", 2), "works on samples"),
        (RANK, ("--concurrency", 2), "works on samples"),
        (RANK, ("--engine", "sglang"), "works on samples"),
        (RANK, ("--hbm-hits", 0.5), "--tables host or cxl"),
        (RANK, ("--host-gbs", 5), "--tables host"),
        (RANK, ("--tables", "host", "--cxl-gbs", 5), "--tables cxl"),
        (RANK, ("--tables", "host", "--hbm-hits", 2), "0 to 1"),
        (RANK, ("--tables", "host", "--host-gbs", -3), "is no bandwidth"),
        (RANK, ("--tables", "host", "--host-link-gbs", "nan"), "--host-link-gbs: is no bandwidth"),
        (RANK, ("--percentile", 50), "--percentile: changes nothing here; it needs --latency-ms"),
        (RANK, ("--precision", "nvpf4"), "--precision: unknown precision; found 'nvpf4'"),
        (PAINT, ("--tables", "host"), "no embedding tables"),
        (PAINT, ("--candidates", 5), "a sample a query"),
        (PAINT, ("--chips", 8), "a sample a query"),
        (PAINT, ("--precision", "fp3"), "unknown precision"),
        (TELL, ("--latency-ms", 50), "is a transformer"),
        (TELL, ("--tables", "host"), "is a transformer"),
        (RANK, ("--latency-ms", 0), "--latency-ms"),
        (RANK, ("--latency-ms", "nan"), "--latency-ms"),
        (RANK, ("--percentile", 100, "--latency-ms", 50), "not a percentile"),
        (RANK, ("--requests-per-s", -1), "--requests-per-s"),
        (RANK, ("--chips", 0), "--chips"),
        (RANK, ("--chips", "1e3"), "whole number"),
        (RANK, ("--users", "us-va-ashburn"), "--site"),
        (RANK, ("--site", "sg"), "--users"),
        (RANK, ("--site", "", "--users", "sg"), ""),
        (RANK, ("--users", "jp-tokio", "--site", "sg"), "jp-tokyo"),
        (TELL, (*FAR, "--round-trip-ms", 5), "--round-trip-ms"),
        (TELL, ("--round-trip-ms", -5), "is no round trip"),
        (TELL, ("--round-trip-ms", "inf"), "is no round trip"),
        (TELL, ("--users", "\x1b[31m", "--site", "sg"), ""),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_do(run, asked, options, said):
    ran = run(*asked, *options)
    assert ran.code == 2
    assert not ran.out
    assert said in ran.err.replace("\n", " ")
    assert "\x1b" not in ran.err
    assert "Traceback" not in ran.err


def test_a_bound_nobody_can_keep_has_no_answer(run):
    ran = run(*RANK, "--latency-ms", 100, "--users", "us-va-ashburn", "--site", "sg")
    assert ran.code == 3
    assert "round trip" in ran.err


def test_tables_of_questions_stand_alone(run, tmp_path):
    cases = tmp_path / "cases.csv"
    cases.write_text("case_id,model,chip_id\n")
    ran = run("estimate", "serve", "--cases", cases, "--latency-ms", 5)
    assert ran.code == 2
    assert "--latency-ms and --cases both ask" in ran.err


def test_the_round_trip_is_added_to_the_first_token(run):
    near, far = (json.loads(run(*TELL, "--concurrency", 4, *more, "--json").out) for more in ((), FAR))
    assert near["round_trip_ms"] == 0
    assert far["ttft_ms"] == near["ttft_ms"]
    assert far["round_trip"]["ms"]["value"] == far["round_trip_ms"] > 100
    assert far["round_trip"]["farthest"] == "us-va-ashburn"
    shown = run(*TELL, "--concurrency", 4, *FAR).out
    assert "round trip" in shown
    assert "users see it after" in shown


def test_targets_are_held_against_the_sum(run):
    asked = (*TELL, "--concurrency", 4, "--ttft-ms", 140)
    assert "targets missed" not in run(*asked).out
    assert "targets missed" in run(*asked, *FAR).out
    assert "targets missed" in run(*asked, "--round-trip-ms", 140).out


def test_a_search_holds_targets_against_the_sum(run):
    asked = ("search", "serve", *TELL[2:], "--ttft-ms", 250)
    near, far = (json.loads(run(*asked, *more, "--json").out) for more in ((), FAR))
    assert far["met"] < near["met"]
    assert far["best"]["ttft_ms"]["value"] + far["best"]["round_trip_ms"] <= 250
    assert "round trip" in run(*asked, *FAR).out
    ran = run(*asked[:-1], 100, *FAR)
    assert ran.code == 3
    assert "round trip" in ran.err


def test_the_farthest_of_several_regions_counts(run):
    asked = (*RANK, "--latency-ms", 500, "--site", "nl-eemshaven", "--users", "de-frankfurt")
    one, two = (json.loads(run(*asked, *more, "--json").out) for more in ((), ("--users", "au-sydney")))
    assert two["round_trip"]["farthest"] == "au-sydney"
    assert two["round_trip"]["ms"]["value"] > one["round_trip"]["ms"]["value"]
    assert two["queries_per_s_per_chip"]["value"] <= one["queries_per_s_per_chip"]["value"]


def test_a_second_site_shortens_the_way_and_takes_chips_of_its_own(run):
    asked = (*RANK, "--latency-ms", 500, "--requests-per-s", 10, "--users", "us-va-ashburn", "--users", "jp-tokyo")
    one = json.loads(run(*asked, "--site", "us-va-ashburn", "--json").out)
    two = json.loads(run(*asked, "--site", "us-va-ashburn", "--site", "jp-osaka", "--json").out)
    assert two["round_trip"]["ms"]["value"] < one["round_trip"]["ms"]["value"]
    assert (one["chips_needed"]["value"], two["chips_needed"]["value"]) == (1, 2)
    assert "by 2 sites" in run(*asked, "--site", "us-va-ashburn", "--site", "jp-osaka").out.replace("\n", " ")


@pytest.mark.parametrize("asked", [RANK, PAINT, READ])
def test_the_throughput_is_explained(run, asked):
    ran = run(*asked, "--latency-ms", 5000, "--explain")
    assert ran.code == 0
    assert "DeepRecSys" in ran.out
    assert "sample-batch-handling-ms" in ran.out
