"""`search serve` over several systems and for a demand."""

import json

import pytest

QUESTION = ("llama-3.1-8b", "--chips", "2", "--input", "1000", "--output", "200", "--tpot-ms", "50")


def test_the_best_of_each_system_is_told_best_first(run):
    ran = run("search", "serve", *QUESTION, "--chip", "nvidia-h100-sxm-80gb", "--chip", "nvidia-h20-96gb", "--json")
    each = json.loads(ran.out)["each"]["rows"]
    assert {row["chip"] for row in each} == {"nvidia-h100-sxm-80gb", "nvidia-h20-96gb"}
    assert each[0]["tokens_per_s_per_chip"] >= each[1]["tokens_per_s_per_chip"]


def test_every_chip_that_ships_can_be_compared_and_what_is_left_out_is_counted(run):
    ran = run("search", "serve", *QUESTION, "--chip", "all", "--json")
    assert ran.code == 0, ran.err
    assert len(json.loads(ran.out)["each"]["rows"]) > 30
    assert "lack a figure" in ran.err


def test_a_demand_says_how_many_chips_it_takes(run):
    ran = run("search", "serve", *QUESTION, "--chip", "nvidia-h100-sxm-80gb", "--requests-per-s", "500", "--json")
    row = json.loads(ran.out)["top"]["rows"][0]
    assert row["chips_needed"] == row["replicas"] * row["chips"]
    assert row["chips_needed"] * row["tokens_per_s_per_chip"] >= 500 * 200
    assert (row["chips_needed"] - row["chips"]) * row["tokens_per_s_per_chip"] < 500 * 200


def test_all_stands_alone_and_a_demand_is_above_zero(run):
    for options, said in (
        (("--chip", "all", "--chip", "nvidia-h20-96gb"), "stands alone"),
        (("--chip", "nvidia-h20-96gb", "--requests-per-s", "-1"), "--requests-per-s: is no sane quantity"),
    ):
        ran = run("search", "serve", *QUESTION, *options)
        assert ran.code == 2
        assert said in ran.err


@pytest.mark.parametrize("option", ["--chips", "--top"])
def test_counts_are_never_rounded(run, option):
    ran = run("search", "serve", "llama-3.1-8b", option, "7.6")
    assert ran.code == 2
    assert f"{option}: is no whole number; found '7.6'" in ran.err


def test_what_is_named_twice_is_tried_once(run):
    once, twice = ("--chip", "nvidia-h100-sxm-80gb"), ("--chip", "NVIDIA H100 SXM")
    fp8 = ("--precision", "fp8")
    plain = run("search", "serve", *QUESTION, *once, *fp8, "--json").out
    assert (
        json.loads(plain)["tried"] == json.loads(run("search", "serve", *QUESTION, *twice, *fp8, "--json").out)["tried"]
    )
    assert run("search", "serve", *QUESTION, *once, *twice, *once, *fp8, *fp8, "--json").out == plain


def test_an_unknown_format_is_told_as_the_option(run):
    ran = run("search", "serve", *QUESTION, "--chip", "nvidia-h20-96gb", "--precision", "fp7")
    assert ran.code == 2
    assert "--precision: unknown weight format; found 'fp7'" in ran.err


def test_a_chip_whose_network_nobody_states_is_searched_as_far_as_its_host_reaches(run):
    question = ("search", "serve", "llama-3.1-8b", "--chips", 64, "--input", 1000, "--output", 100)
    ran = run(*question, "--chip", "furiosa-rngd")
    assert ran.code == 0
    assert "furiosa-rngd: no network beyond 8 chips is known" in ran.err


PERCENTILE = (*QUESTION, "--chip", "nvidia-h100-sxm-80gb", "--ttft-ms", "1000", "--percentile", "99")


def test_a_percentile_of_the_targets_is_told_beside_the_means(run):
    found = json.loads(run("search", "serve", *PERCENTILE, "--json").out)
    row = found["top"]["rows"][0]
    assert found["percentile"] == 99
    assert row["mean_tpot_ms"] < row["tpot_ms"] <= 50
    assert row["mean_ttft_ms"] < row["ttft_ms"] <= 1000
    assert found["replayed"] <= found["tried"]


def test_the_slowest_requests_leave_less_throughput_than_means(run):
    by_means = json.loads(run("search", "serve", *PERCENTILE[:-2], "--json").out)["top"]["rows"][0]
    kept = json.loads(run("search", "serve", *PERCENTILE, "--json").out)["top"]["rows"][0]
    assert kept["tokens_per_s_per_chip"] < by_means["tokens_per_s_per_chip"]


def test_a_screen_says_how_many_layouts_were_replayed(run):
    ran = run("search", "serve", *PERCENTILE)
    assert ran.code == 0, ran.err
    assert "keep the targets for 99 of 100 requests" in " ".join(ran.out.split())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((*QUESTION[:-2], "--percentile", "99"), "--percentile: changes nothing: there is no target"),
        ((*QUESTION, "--percentile", "100"), "--percentile: not a percentile"),
        ((*QUESTION, "--percentile", "nan"), "--percentile: not a percentile"),
        ((*QUESTION, "--equal-lengths"), "--equal-lengths"),
    ],
)
def test_a_percentile_that_cannot_be_asked_for_is_refused(run, options, said):
    ran = run("search", "serve", *options, "--chip", "nvidia-h100-sxm-80gb")
    assert ran.code == 2
    assert said in ran.err


def test_a_percentile_that_nobody_keeps_names_the_nearest(run):
    ran = run("search", "serve", *QUESTION[:-1], "0.1", "--percentile", "99", "--chip", "nvidia-h100-sxm-80gb")
    assert ran.code == 3
    assert "no candidate keeps the targets; nearest" in ran.err


def test_a_percentile_is_of_one_search_not_of_a_table(run, tmp_path):
    cases = tmp_path / "cases.csv"
    cases.write_text("case_id,model,chip_id,num_accelerators,isl,osl\na,llama-3.1-8b,nvidia-h100-sxm-80gb,1,100,100\n")
    ran = run("search", "serve", "--cases", str(cases), "--percentile", "99")
    assert ran.code == 2
    assert "--percentile" in ran.err
