"""`search train`: one system, several, all; kept in a folder; on a cluster that isn't there."""

import json
from concurrent.futures.process import BrokenProcessPool

import pytest

JOB = ("--chips", 16, "--global-batch", 64, "--sequence", 2048)
ONE = ("search", "train", "llama-3.1-8b", "--chip", "nvidia-h100-sxm-80gb", *JOB)


def test_the_best_the_next_best_and_the_front_are_shown(run):
    ran = run(*ONE, "--front", "--top", 3)
    assert ran.code == 0
    assert "layouts tried" in ran.out
    assert "best layouts" in ran.out
    assert "nothing equals or beats these" in ran.out
    told = json.loads(run(*ONE, "--front", "--top", 3, "--json").out)
    assert len(told["rows"]) == len(told["energy_j"]) == 3
    assert len(told["front"]["rows"]) == len(told["front"]["energy_j"])
    assert told["timed"] >= told["feasible"] > 3


def test_varying_all_is_never_worse(run):
    common, everything = (json.loads(run(*ONE, "--vary", vary, "--json").out) for vary in ("common", "all"))
    assert everything["rows"][0]["step_s"] <= common["rows"][0]["step_s"]
    assert everything["enumerated"] > common["enumerated"]


def test_what_is_kept_in_a_folder_answers_again(run, tmp_path):
    folder = tmp_path / "kept"
    first = run(*ONE, "--folder", folder, "--json")
    assert first.out == run(*ONE, "--folder", folder, "--json").out
    assert list(folder.glob("*.npz"))
    other = run(*ONE, "--folder", folder, "--front")
    assert other.code == 2
    assert "another sweep" in other.err


def test_an_interrupted_search_says_how_to_go_on(run, tmp_path, monkeypatch):
    from polysilicon.performance import search

    def interrupted(*asked, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(search, "evaluate", interrupted)
    ran = run(*ONE, "--folder", tmp_path / "kept")
    assert ran.code == 130
    assert "ask again to go on" in ran.err


def test_a_search_whose_worker_is_killed_says_what_to_do(run, tmp_path, monkeypatch):
    from polysilicon.performance import search

    def killed(*asked, **options):
        raise BrokenProcessPool("a process was terminated abruptly")

    monkeypatch.setattr(search, "evaluate", killed)
    ran = run(*ONE, "--workers", 2, "--folder", tmp_path / "kept")
    assert ran.code == 2
    assert "--workers: one was killed; found 2; fewer need less memory; ask again to go on from --folder" in ran.err


def test_several_systems_are_ranked_by_law_and_time(run):
    asked = ("search", "train", "llama-3.1-8b", "--chip", "dgx-h100,atlas-800t-a3", *JOB)
    ran = run(*asked, "--in", "CN", "--on", "2026-11-24")
    assert ran.code == 0
    assert ran.out.index("atlas-800t-a3") < ran.out.index("dgx-h100")
    told = json.loads(run(*asked, "--json").out)
    assert [row["permission"] for row in told["rows"]] == [None, None]
    assert "‡ its best layout lies outside" in ran.out
    assert any("no measured case" in why for why in told["rows"][0]["outside"] + told["rows"][1]["outside"])


def test_all_systems_are_asked_at_once(run):
    asked = ("search", "train", "llama-3.1-8b", "--chip", "all", *JOB, "--in", "SG", "--on", "2026-11-24")
    told = json.loads(run(*asked, "--by", "cost", "--json").out)
    assert len(told["rows"]) > 30
    assert len(told["without"]) > 5


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--chip", "all", *JOB, "--in", "SG"), "--on"),
        (("--chip", "all", *JOB, "--on", "2026-11-24"), "--in"),
        (("--chip", "all", *JOB, "--by", "cost"), "price is of a day"),
        (("--chip", "dgx-h100", *JOB, "--in", "SG", "--on", "2026-11-24"), "compares several"),
        (("--chip", "dgx-h100", *JOB, "--workers", 0), "--workers"),
        (("--chip", "all", *JOB, "--in", "SG", "--on", "soon"), "date"),
        (("--chip", "all", *JOB, "--in", "XX", "--on", "2026-11-24"), "XX"),
        (("--chip", "dgx-h100", *JOB, "--cluster", "nonsense://"), "--cluster: is no address"),
        (("--chip", "dgx-h100", *JOB, "--cluster", "bogus"), "allowed: an address such as tcp://host:8786"),
        (("--chip", "dgx-h100", *JOB, "--cluster", "tcp://h:1", "--workers", 2), "--workers: changes nothing here"),
        (("--chip", "dgx-h100", *JOB, "--headquarters", "CN"), "it needs --in and --on"),
        (("--chip", "dgx-h100", *JOB, "--folder", __file__), "--folder: is no folder"),
        (("--chip", ",", *JOB), "--chip: names no system"),
        (("--chip", "all", *JOB, "--front"), "--front: changes nothing here; it needs one system"),
        (("--chip", "all", *JOB, "--top", 3), "--top: changes nothing here; it needs one system"),
        (("--chip", "all", *JOB, "--folder", "kept"), "--folder: changes nothing here; it needs one system"),
    ],
)
def test_what_can_t_be_asked_is_refused(run, options, told):
    ran = run("search", "train", "llama-3.1-8b", *options)
    assert ran.code == 2
    assert told in ran.err


@pytest.mark.parametrize("option", [("--by", "energy"), ("--front",), ("--workers", 2), ("--folder", "kept")])
def test_a_table_takes_no_option_of_one_search(run, tmp_path, option):
    (tmp_path / "in.csv").write_text("model,chip_id,chips,global_batch,seq_len\nllama-3.1-8b,dgx-h100,8,8,2048\n")
    ran = run("search", "train", "--cases", tmp_path / "in.csv", *option)
    assert ran.code == 2
    assert f"{option[0]}: changes nothing here" in ran.err


def test_a_model_that_can_t_be_searched_is_told_once(run):
    ran = run("search", "train", "flux.1-dev", "--chip", "all", *JOB)
    assert ran.code == 3
    assert ran.err.count("transformers only") == 1


def test_fewer_chips_than_there_are_is_said(run):
    ran = run("search", "train", "llama-3.1-8b", "--chip", "dgx-h100", *JOB, "--tp", 8, "--by", "cost")
    assert "8 of 16 x nvidia-h100-sxm-80gb" in ran.out
