"""A table of training questions."""

import csv
import json

import pytest

COLUMNS = (
    "case_id,model,chip_id,chips,tp,pp,dp,ep,cp,interleave,micro_batch,global_batch,seq_len,recompute,precision,"
    "zero_stage,schedule,shard,recipe,tokens,offload_optimizer"
)
ROW = "llama-3.1-8b,nvidia-h100-sxm-80gb,64,1,4,16,1,1,1,1,64,4096,full,bf16,1"


@pytest.fixture
def table(tmp_path):
    """Writes a table whose rows differ in the last columns, and says where it lies."""

    def written(**rows):
        path = tmp_path / "in.csv"
        path.write_text("\n".join([COLUMNS, *(f"{name},{ROW},{rest}" for name, rest in rows.items())]) + "\n")
        return path

    return written


def answers(run, path, *options):
    ran = run("estimate", "train", "--cases", path, *options, "--json")
    assert ran.code == 0, ran.err
    return {row["case_id"]: row for row in json.loads(ran.out)["rows"]}


def test_a_row_may_choose_what_an_option_chooses(run, table):
    rows = answers(run, table(plain=",,,,", bubble="zero-bubble,,,,", fp8=",,deepseek-v3-fp8,,", host=",,,,0.5"))
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert len({row["step_time_s"] for row in rows.values()}) == 4
    assert rows["plain"]["outside"] == ""
    assert rows["bubble"]["outside"] == "zero-bubble schedule: no measured case"
    assert rows["host"]["outside"] == "optimizer offload: no measured case on hopper"


def test_the_same_question_has_the_same_answer_either_way(run, table):
    row = answers(run, table(bubble="zero-bubble,,,1T,"))["bubble"]
    asked = ("estimate", "train", "llama-3.1-8b", "--chip", "nvidia-h100-sxm-80gb", "--chips", 64, "--pp", 4)
    more = ("--global-batch", 64, "--recompute", "full", "--schedule", "zero-bubble", "--tokens", "1T", "--json")
    told = json.loads(run(*asked, *more).out)
    assert row["step_time_s"] == pytest.approx(told["rows"][0]["step_s"])
    assert row["days"] == pytest.approx(told["run"]["wall_s"]["value"] / 86_400)
    assert row["days_low"] < row["days"] < row["days_high"]


def test_a_run_is_asked_of_every_row_that_has_none_of_its_own(run, table):
    rows = answers(run, table(own=",,,1T,", other=",,,,"), "--tokens", "2T", "--spare-nodes", 2)
    assert rows["other"]["days"] == pytest.approx(2 * rows["own"]["days"], rel=0.01)


def test_a_bad_cell_is_told_and_no_row_is_dropped(run, table, tmp_path):
    path = table(good=",,,,", a="sideways,,,,", b=",x,,,", c=",,nope,,", d=",,,lots,", e=",7,,,")
    ran = run("estimate", "train", "--cases", path, "--out", tmp_path / "out.csv")
    assert ran.code == 0
    with (tmp_path / "out.csv").open() as stream:
        rows = {row["case_id"]: row for row in csv.DictReader(stream)}
    assert [row["status"] for row in rows.values()] == ["ok", *["unsupported"] * 5]
    for name, said in {"a": "sideways", "b": "shard", "c": "nope", "d": "tokens", "e": "nearest"}.items():
        assert said in rows[name]["why"]


@pytest.mark.parametrize("option", [("--tp", 8), ("--recipe", "lora"), ("--precision", "fp8"), ("--overlap", "none")])
def test_an_option_that_a_table_would_overhear_is_refused(run, table, option):
    ran = run("estimate", "train", "--cases", table(one=",,,,"), *option)
    assert ran.code == 2
    assert f"{option[0]} and --cases both ask" in ran.err


def test_a_chip_that_a_table_names_in_other_words_is_said(run, table):
    path = table(a=",,,,")
    path.write_text(path.read_text().replace("chip_id", "chip").replace("nvidia-h100-sxm-80gb", "h100-sxm-80gb"))
    assert answers(run, path)["a"]["chip_id"] == "nvidia-h100-sxm-80gb"


@pytest.mark.parametrize("published", ["lora", "fp16-mixed", "deepseek-v3-fp8", "qlora"])
def test_a_published_recipe_means_the_same_in_a_row_as_in_an_option(run, table, published):
    row = answers(run, table(one=f",,{published},,"))["one"]
    asked = ("estimate", "train", "llama-3.1-8b", "--chip", "nvidia-h100-sxm-80gb", "--chips", 64, "--pp", 4)
    told = json.loads(run(*asked, "--global-batch", 64, "--recompute", "full", "--recipe", published, "--json").out)
    for column, figure in {"step_time_s": "step_s", "low": "low_s", "peak_mem_gib": "memory_gib"}.items():
        assert row[column] == pytest.approx(told["rows"][0][figure])


def test_a_doubtful_peak_widens_the_interval_of_a_row_as_of_an_option(run, table):
    path = table(sure=",,,,", doubted=",,,,")
    lines = path.read_text().splitlines()
    lines[2] = lines[2].replace("nvidia-h100-sxm-80gb", "huawei-ascend-910b2")
    path.write_text("\n".join(lines) + "\n")
    rows = answers(run, path)
    for name, chip in {"sure": "nvidia-h100-sxm-80gb", "doubted": "huawei-ascend-910b2"}.items():
        asked = ("estimate", "train", "llama-3.1-8b", "--chip", chip, "--chips", 64, "--pp", 4, "--global-batch", 64)
        told = json.loads(run(*asked, "--recompute", "full", "--json").out)["rows"][0]
        assert [rows[name][end] for end in ("low", "high")] == pytest.approx([told["low_s"], told["high_s"]])


def test_columns_that_nothing_reads_are_named(run, table):
    path = table(one=",,,,")
    lines = path.read_text().splitlines()
    path.write_text(f"{lines[0]},frozen,notes,seq_parallel\n{lines[1]},1,mine,0\n")
    ran = run("estimate", "train", "--cases", path, "--json")
    assert (ran.code, ran.err) == (0, "columns not read: frozen, notes\n")


def test_options_that_a_table_can_do_nothing_with_are_refused(run, table):
    path = table(one=",,,,")
    for options, said in {
        ("--explain",): "--explain: changes nothing here; it needs one question instead of --cases",
        ("--checkpoint-min", 5): "--checkpoint-min: changes nothing here; it needs --tokens, or a column of tokens",
        ("--zero", 2): "--zero and --cases both ask; say it in columns of the table: zero_stage",
        ("--overlap", "none"): "--overlap and --cases both ask; no column says it: ask without --cases",
    }.items():
        ran = run("estimate", "train", "--cases", path, *options)
        assert (ran.code, ran.out) == (2, "")
        assert said in ran.err
    assert run("estimate", "train", "--cases", table(one=",,,1T,"), "--checkpoint-min", 5).code == 0
