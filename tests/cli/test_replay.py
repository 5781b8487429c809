import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TRACES = Path(__file__).parents[2] / "examples" / "traces"
AZURE = TRACES / "azure_llm_2023_conversation.csv.gz"
CHIP = ["--chip", "nvidia-h100-sxm-80gb", "--tp", "8"]
DRAWN = ["llama-3.1-70b", *CHIP, "--poisson", "4", "--input", "800", "--output", "40", "--requests", "200"]
COUNTS = ("--pp", "--attn-dp", "--ep", "--draft-tokens", "--replicas", "--max-batch", "--queue-limit", "--seed")
BAD = "arrival_s,input_tokens,output_tokens\n0,100,10\nsoon,100,10\n5,200,9\n6,-1,1\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "requests"),
    [("azure_llm_2023_conversation.csv.gz", 19_366), ("mooncake_fast25_conversation.jsonl.gz", 12_031)],
)
def test_the_published_traces_are_replayed_whole(run, here, file, requests):
    ran = run(
        *("replay", TRACES / file, "llama-3.1-70b", *CHIP, "--replicas", "8", "--routing", "prefix-affinity", "--json"),
        *("--ttft-ms", "2000", "--chart", "page.html"),
    )
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    counts = told["counts"]
    assert counts["lines"] == counts["completed"] == requests
    assert counts["rejected_queue"] + counts["rejected_length"] + counts["unfinished"] + counts["skipped"] == 0
    assert (told["use"]["prefix_share"] > 0.1) == file.startswith("mooncake")
    assert (here / "page.html").read_text().startswith("<!doctype html>")


def test_every_request_has_its_row(run, here):
    ran = run("replay", *DRAWN, "--out", "requests.csv")
    assert ran.code == 0, ran.err
    assert "requests: requests.csv" in ran.out
    with (here / "requests.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 200
    assert float(rows[0]["ttft_ms"]) > 0


def test_the_same_seed_gives_the_same_answer_and_another_one_another(run):
    told = [run("replay", *DRAWN, "--seed", seed, "--json").out for seed in (1, 1, 2)]
    assert told[0] == told[1] != told[2]


def test_bad_lines_end_it_or_are_named_and_skipped(run, here):
    (here / "bad.csv").write_text(BAD)
    ran = run("replay", "bad.csv", "llama-3.1-70b", *CHIP, "--out", "o.csv")
    assert ran.code == 2
    assert "bad.csv:3: arrival_s: is no time" in ran.err
    assert "; line 5 can't be read either;" in ran.err
    assert not (here / "o.csv").exists()
    ran = run("replay", "bad.csv", "llama-3.1-70b", *CHIP, "--bad-lines", "skip", "--json")
    assert ran.code == 0
    assert "skipped bad.csv:3" in ran.err
    assert "skipped bad.csv:5" in ran.err
    told = json.loads(ran.out)
    assert (told["counts"]["lines"], told["counts"]["skipped"], told["counts"]["completed"]) == (4, 2, 2)
    assert len(told["skipped"]) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["llama-3.1-70b", *CHIP], "TRACE or --poisson is missing"),
        (["none.csv", "llama-3.1-70b", *CHIP], "none.csv: can't be read"),
        ([*DRAWN, "--rate-scale", "2"], "--rate-scale"),
        ([AZURE, "llama-3.1-70b", *CHIP, "--rate-scale", "0"], "polysilicon: --rate-scale: is no scale"),
        ([AZURE, "llama-3.1-70b", *CHIP, "--poisson", "0"], "polysilicon: --poisson: is no rate"),
        ([AZURE, "llama-3.1-70b", *CHIP, "--requests", "0"], "polysilicon: --requests: is no number"),
        (["llama-3.1-70b", *CHIP, "--poisson", "1", "--input", "0", "--output", "9"], "polysilicon: --input: is no"),
        (["llama-3.1-70b", *CHIP, "--poisson", "1", "--input", "9", "--output", "0"], "polysilicon: --output: is no"),
        ([*DRAWN, "--draft-tokens", "17"], "polysilicon: --draft-tokens: is no"),
        ([*DRAWN, "--draft-tokens", "1", "--acceptance", "2"], "polysilicon: --acceptance: is no"),
        ([*DRAWN, "--replicas", "0"], "--replicas"),
        ([*DRAWN, "--seed", "-1"], "--seed"),
        ([*DRAWN, "--queue-limit", "-1"], "--queue-limit"),
        ([*DRAWN, "--tpot-ms", "nan"], "--tpot-ms"),
        ([*DRAWN, "--until-s", "0"], "--until-s"),
        ([*DRAWN[:-1], "2.5"], "2.5"),
        *(([*DRAWN, option, "1.4"], f"{option}: is no whole number; found '1.4'") for option in COUNTS),
        ([*DRAWN, "--chart", "page.txt"], ".html"),
        ([AZURE, "llama-3.1-70b", *CHIP, "--seed", "5"], "--seed: changes nothing here; it needs --poisson"),
        ([*DRAWN, "--bad-lines", "skip"], "--bad-lines: changes nothing here"),
        ([*DRAWN, "--checkpoint-every", "5"], "--checkpoint-every: changes nothing here"),
        ([*DRAWN, "--out", "."], "--out: is a folder"),
        ([*DRAWN, "--checkpoint", "/"], "--checkpoint: is a folder"),
        ([*DRAWN, "--out", "x.html", "--chart", "./x.html"], "would replace the file of --out"),
        ([*DRAWN, "--out", "x", "--checkpoint", "x"], "would replace the file of --out"),
        (["--cases", "c.csv", "--chart", "x.html"], "--chart"),
        (["llama-3.1-70b", "--cases", "c.csv"], "both ask"),
    ],
)
def test_misuse_is_one_line_and_exit_code_2(run, here, words, said):
    ran = run("replay", *words)
    assert ran.code == 2
    assert ran.out == ""
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1
    assert not list(here.iterdir())


def test_a_model_that_leaves_no_room_has_no_answer(run):
    ran = run("replay", "llama-3.1-405b", *CHIP, "--poisson", "1", "--input", "9", "--output", "9")
    assert ran.code == 3
    assert "no room for a cache" in ran.err


def test_a_table_answers_every_row(run, here):
    (here / "bad.csv").write_text(BAD)
    (here / "in.csv").write_text(
        "case_id,trace,model,chip_id,tp,replicas,routing,poisson,isl,osl,requests\n"
        "drawn,,llama-3.1-70b,nvidia-h100-sxm-80gb,8,2,round-robin,4,800,40,50\n"
        "broken,bad.csv,llama-3.1-70b,nvidia-h100-sxm-80gb,8,1,,,,,\n"
        "gap,,llama-3.1-70b,,8,1,,4,8,4,5\n"
        "odd,,llama-3.1-70b,nvidia-h100-sxm-80gb,8,two,,4,8,4,5\n"
    )
    ran = run("replay", "--cases", "in.csv", "--out", "out.csv")
    assert ran.code == 0, ran.err
    with (here / "out.csv").open() as stream:
        rows = {row["case_id"]: row for row in csv.DictReader(stream)}
    assert {name: row["status"] for name, row in rows.items()} == {
        "drawn": "ok",
        "broken": "unsupported",
        "gap": "underspecified",
        "odd": "unsupported",
    }
    assert float(rows["drawn"]["ttft_p50_ms_low"]) < float(rows["drawn"]["ttft_p50_ms"])
    assert rows["drawn"]["completed"] == "50"
    assert rows["broken"]["why"].startswith("in.csv:3: trace: bad.csv:3: arrival_s: is no time")
    assert "in.csv:5: replicas" in rows["odd"]["why"]


def answered(run, here, table):
    (here / "in.csv").write_text(table)
    ran = run("replay", "--cases", "in.csv", "--out", "out.csv", *CHIP)
    assert ran.code == 0, ran.err
    with (here / "out.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_every_count_of_a_table_is_a_whole_number(run, here):
    counts = {"isl": 80, "osl": 4, "requests": 5, "seed": 1, "replicas": 2, "max_batch": 8, "queue_limit": 9}
    counts |= {"tp": 8, "pp": 1, "attn_dp": 1, "ep": 1, "draft_tokens": 1}
    rows = [counts, *(counts | {name: 1.5} for name in counts)]
    lines = (",".join(map(str, ("llama-3.1-70b", 4, *row.values()))) for row in rows)
    first, *others = answered(run, here, "\n".join([",".join(("model", "poisson", *counts)), *lines, ""]))
    assert (first["status"], first["completed"]) == ("ok", "5"), first["why"]
    for line, (name, row) in enumerate(zip(counts, others, strict=True), 3):
        assert row["why"] == f"in.csv:{line}: {name}: is no whole number; found '1.5'"


def test_a_table_says_which_trace_was_not_found_where(run, here):
    (row,) = answered(run, here, "trace,model\nnosuch.csv,llama-3.1-70b\n")
    assert row["status"] == "unsupported"
    assert row["why"] == "in.csv:2: trace: nosuch.csv: can't be read: No such file or directory"


def test_a_replay_that_was_killed_goes_on_where_it_was(run, here):
    asked = ["llama-3.1-70b", *CHIP, "--poisson", "200", "--input", "800", "--output", "40", "--requests", "4000"]
    asked += ["--replicas", "32", "--json"]
    whole = json.loads(run("replay", *asked).out)
    kept = [*asked, "--checkpoint", "state", "--checkpoint-every", "500"]
    command = [sys.executable, "-c", "from polysilicon.cli import main; main()", "replay", *kept]
    process = subprocess.Popen(command, cwd=here, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not (here / "state").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    again = json.loads(run("replay", *kept).out)
    assert "from its checkpoint" in again.pop("notes")[0]
    whole.pop("notes")
    assert again == whole
    assert not (here / "state").exists()


def test_a_checkpoint_of_another_replay_is_refused(run, here):
    (here / "state").write_text("mine")
    ran = run("replay", *DRAWN, "--checkpoint", "state")
    assert ran.code == 2
    assert "is no checkpoint" in ran.err
    assert (here / "state").read_text() == "mine"
