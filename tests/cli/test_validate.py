import csv
import json

import pytest

from polysilicon.validation.score import COLUMNS

ROW = "a,llama-3.1-70b,nvidia-h100-sxm-80gb,512,8,4,16,1024,4096,none,bf16,{},mine\n"
HEADER = "case_id,model,chip_id,chips,tp,pp,dp,global_batch,seq_len,recompute,precision,step_time_s,source_key\n"
PROMISED = (
    "case_id", "quantity", "predicted", "low", "high", "measured", "unit", "error_pct", "fitted", "status", "why",
)  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def mine(here):
    path = here / "mine.csv"
    path.write_text(HEADER + ROW.format(10))
    return path


def test_a_table_of_ones_own_is_scored_and_written(run, here, mine):
    ran = run("validate", "training", "--cases", str(mine), "--out", "out.csv", "--chart", "page.html")
    assert ran.code == 0
    with (here / "out.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == COLUMNS
    assert COLUMNS[: len(PROMISED)] == PROMISED
    assert [row["measured"] for row in rows] == ["10.0"]
    assert "mine" in (here / "page.html").read_text(encoding="utf-8")


def test_everything_on_the_screen_is_in_the_json(run, mine):
    told = json.loads(run("validate", "training", "--cases", str(mine), "--json").out)
    assert {"all", "fitted", "not_fitted", "source_never_fitted", "truth", "left_out", "peers", "split_by"} <= set(
        told["summary"]
    )
    assert told["summary"]["source_never_fitted"]["predicted"] + told["summary"]["partly_specified"]["predicted"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--chart", "page.svg"], ".html"),
        (["--chart", "mine.html", "--cases", "mine.html"], "would replace"),
        (["--rows", "many"], "--rows"),
        (["--by", "colour"], "--by"),
    ],
)
def test_what_cannot_be_meant_is_refused(run, here, mine, words, said):
    (here / "mine.html").write_text(mine.read_text())
    ran = run("validate", "training", *words)
    assert ran.code == 2
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_every_row_is_printed_where_asked(run, here):
    cases = here / "many.csv"
    cases.write_text(HEADER + "".join(ROW.format(9 + at).replace("a,", f"case-{at},", 1) for at in range(30)))
    every = run("validate", "training", "--cases", "many.csv", "--rows", "all").out
    assert all(f"case-{at}" in every for at in range(30))
    assert "case-29" not in run("validate", "training", "--cases", "many.csv", "--rows", "0").out


def test_the_chart_may_not_replace_the_table(run, mine, here):
    ran = run("validate", "training", "--cases", str(mine), "--out", "x.html", "--chart", here / "x.html")
    assert ran.code == 2
    assert "--chart: would replace" in ran.err
    assert not (here / "x.html").exists()


def test_fewer_rows_than_none_are_refused(run, mine):
    ran = run("validate", "training", "--cases", str(mine), "--rows", "-3")
    assert ran.code == 2
    assert "--rows: is no sane quantity" in ran.err


OPERATORS = "case_id,chip_id,backend,kernel_source,dtype,m,n,k,latency_ms\n"
TIMED = "a,nvidia-h100-sxm-80gb,trtllm,torch_flow,fp8,4096,4096,4096,{}\n"


def test_a_table_of_timed_operators_is_scored_row_by_row(run, here):
    (here / "mine.csv").write_text(
        OPERATORS + TIMED.format("0.11") + TIMED.format("0.0001") + TIMED.format("") + "b,nobody,x,y,fp8,1,1,1,1\n"
    )
    ran = run("validate", "operators", "--cases", "mine.csv", "--out", "out.csv", "--chart", "page.html")
    assert ran.code == 0, ran.err
    with (here / "out.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0])[: len(PROMISED)] == PROMISED
    assert [row["status"] for row in rows] == ["ok", "implausible", "underspecified", "unsupported"]
    assert (rows[0]["quantity"], rows[0]["unit"], rows[0]["fitted"]) == ("latency_ms", "ms", "0")
    assert float(rows[0]["low"]) < float(rows[0]["predicted"]) < float(rows[0]["high"])
    assert all(row["why"] for row in rows[1:])
    assert "matrix product" in (here / "page.html").read_text(encoding="utf-8")


def test_a_table_of_no_operators_is_refused_in_one_message(run, mine):
    ran = run("validate", "operators", "--cases", str(mine))
    assert ran.code == 2
    assert "is no table of timed operators" in ran.err
    assert "Traceback" not in ran.err
