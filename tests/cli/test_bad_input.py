"""Whatever is wrong with what a user gives: one message that says where, exit code 2, and nothing lost."""

from collections.abc import Callable
from pathlib import Path

import pytest

GOOD = (Path(__file__).parent / "scenario.yaml").read_text(encoding="utf-8")
POOLS = ["--pool", "nvidia-h20-96gb:8", "--pool", "huawei-ascend-910c:8", "--global-batch", "16"]
LINK = ["--link-gbs", "25", "--link-ms", "20"]
BOMB = "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]\nname: *c\n"


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


@pytest.fixture
def plan(run: Callable, tmp_path: Path) -> Callable:
    """Plan a scenario of that text over the answers of an earlier run."""

    def planned(text: str | bytes):
        file = tmp_path / "scenario.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        out = tmp_path / "out"
        out.mkdir()
        for name in ("plan.json", "report.html"):
            (out / name).write_text("an earlier answer")
        ran = run("plan", file, "--out", out)
        assert {one.name: one.read_text() for one in out.iterdir()} == {
            "plan.json": "an earlier answer",
            "report.html": "an earlier answer",
        }
        return ran

    return planned


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            changed("as_of: 2026-11-24", "as_of: 2026-02-30"), [":4:", "as_of", "2026-02-30"], id="no such day"
        ),
        pytest.param(changed("requests_per_s: 20", "requests_per_s: -20"), ["requests_per_s", "-20"], id="negative"),
        pytest.param(changed("requests_per_s: 20", "requests_per_s: 1e300"), ["requests_per_s"], id="absurd"),
        pytest.param(
            changed("power_cap_kw: 3000 }\n  texas", "power_cap_kw: 3 MW }\n  texas"),
            ["power_cap_kw", "3 MW"],
            id="unit",
        ),
        pytest.param(changed("power_cap_kw", "power_cap_mw"), ["power_cap_mw", "power_cap_kw"], id="misspelt field"),
        pytest.param(changed("    model: llama-3.1-70b\n", ""), ["workloads.chat", "model"], id="missing field"),
        pytest.param(changed("quarters: 4", "quarters: four"), [":6:", "quarters", "four"], id="wrong type"),
        pytest.param(changed("us-tx-dallas", "us-tx-dalas"), ["us-tx-dalas", "us-tx-dallas"], id="unknown region"),
        pytest.param(changed("dgx-h100", "dgx-h1000"), ["dgx-h1000", "dgx-h100"], id="unknown system"),
        pytest.param(changed("residency: [US]", "residency: [XX]"), ["residency", "XX"], id="no such country"),
        pytest.param(GOOD.split("workloads:")[0], ["workloads"], id="no workloads key"),
        pytest.param(
            GOOD.split("workloads:")[0] + "workloads: {}\n", ["has no workloads"], id="scenario with no workloads"
        ),
        pytest.param("", ["is empty"], id="empty file"),
        pytest.param("# nothing but a comment\n", ["is empty"], id="only a comment"),
        pytest.param("name: [\n", ["broken YAML", ":2"], id="broken YAML"),
        pytest.param(BOMB, ["anchors"], id="YAML bomb"),
        pytest.param("[" * 5000 + "]" * 5000, ["nested deeper"], id="deep YAML"),
        pytest.param("- a\n- b\n", ["table of fields"], id="a list"),
        pytest.param(b"name: \xff\xfe", ["UTF-8"], id="not text"),
        pytest.param(b"\x00" * 100, ["broken YAML"], id="binary"),
        pytest.param(b"name: x\n" + b"#" * 20 * 2**20, ["larger than"], id="a large file"),
    ],
)
def test_a_bad_scenario_is_one_message_and_nothing_is_overwritten(plan, text, said):
    ran = plan(text)
    assert ran.code == 2, ran.err
    assert ran.out == ""
    assert ran.err.startswith("polysilicon: ")
    assert "scenario.yaml" in ran.err
    assert "Traceback" not in ran.err
    assert len(ran.err) < 2000
    for words in said:
        assert words in ran.err


def test_a_hundred_megabytes_are_refused_at_once(run, tmp_path):
    file = tmp_path / "huge.yaml"
    with file.open("wb") as stream:
        stream.truncate(100 * 2**20)
    ran = run("plan", file)
    assert ran.code == 2
    assert "larger than 2 MiB" in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plan", "nowhere.yaml"], "No such file"),
        (["plan", "."], "directory"),
        (["explain", "nowhere.json", "cost_musd"], "No such file"),
        (["explain", "nowhere.json", "cost_musd", "--depth", "-1"], "--depth: is no sane quantity; found -1"),
        (["judge", "nvidia-h21-96gb", "--to", "CN", "--on", "2025-06-01"], "nvidia-h20-96gb"),
        (["judge", "nvidia-h20-96gb", "--to", "XX", "--on", "2025-06-01"], "no rule knows the region 'XX'"),
        (["judge", "nvidia-h20-96gb", "--to", "CN", "--on", "2025-02-30"], "not a date of the calendar"),
        (["judge", "nvidia-h20-96gb", "--to", "CN", "--on", "yesterday"], "YYYY-MM-DD"),
        (["judge", "nvidia-h20-96gb", "--to", "CN"], "--on is missing"),
        (["judge", "h20", "--to", "CN", "--on", "2025-06-01"], "nvidia-h20-141gb"),
        (["facts", "show", "nvidia-h21-96gb"], "nvidia-h20-96gb"),
        (["facts", "list", "chipz"], "did you mean chip"),
        (["estimate", "train", "--cases", "nowhere.csv"], "No such file"),
        (["estimate", "pools"], "MODEL is missing"),
        (["estimate", "pools", "llama-3.1-8b", *POOLS, "--link-ms", "1"], "--link-gbs is missing"),
        (["estimate", "pools", "llama-3.1-8b", *POOLS[2:], *LINK], "several pools; found 1"),
        (["estimate", "pools", "llama-3.1-8b", *POOLS, "--pool", "h21:8", *LINK], "--pool: unknown chip 'h21'"),
        (["estimate", "pools", "llama-3.1-8b", *POOLS, "--pool", "nvidia-h20-96gb:0", *LINK], "at least one chip"),
        (["estimate", "pools", "llama-3.1-8b", *POOLS, "--pool", "nvidia-h20-96gb", *LINK], "CHIP:COUNT"),
        (["estimate", "pools", "llama-3.1-8b", *POOLS, "--pool", "nvidia-h20-96gb:8:x=1", *LINK], "called 'x'"),
        (["estimate", "pools", "llama-3.1-8b", *POOLS, "--pool", "nvidia-h20-96gb:8:tp=1,tp=2", *LINK], "each once"),
        (["estimate", "pools", "llama-3.1-8b", *POOLS[:4], "--global-batch", "1", *LINK], "each of 2 pools a sequence"),
        (["estimate", "pools", "llama-3.1-8b", *POOLS, "--link-gbs", "0", "--link-ms", "1"], "above zero; found 0"),
        (["estimate", "pools", "llama-3.1-8b", *POOLS, *LINK, "--every", "0"], "whole number of steps"),
        (
            ["search", "train", "llama-3.1-8b", *POOLS[4:], "--zero", "1.5"],
            "--zero: is no stage of ZeRO; found '1.5'; allowed: 0",
        ),
        (["estimate", "pools", "llama-3.1-8b", *POOLS, *LINK, "--every", "2", "--split", "layers"], "--every: changes"),
        (["estimate", "pools", "llama-3.1-8b", *POOLS, *LINK, "--sequence", "0.5"], "--sequence: is no whole number"),
        (["estimate", "pools", "llama-3.1-8b", *POOLS, *LINK, "--precision", "fp7"], "--precision: is no precision"),
        (["validate", "training", "--cases", "nowhere.csv"], "No such file"),
        (["facts", "list", "--facts", "nowhere.yaml"], "No such file"),
    ],
)
def test_bad_words_are_one_message(run, words, said):
    ran = run(*words)
    assert ran.code == 2
    assert ran.out == ""
    assert said in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--chips", "-8", "-8"),
        ("--chips", "0", "1 to 10,000,000"),
        ("--chips", "1e30", "1e30"),
        ("--chips", "99999999999", "1 to 10,000,000"),
        ("--tp", "0", "--tp"),
        ("--tp", "3", "multiple of"),
        ("--global-batch", "-1", "--global-batch"),
        ("--sequence", "0", "--sequence"),
        ("--precision", "fp3", "bf16"),
        ("--recompute", "some", "selective"),
        ("--zero", "7", "zero"),
        ("--chip", "nvidia-h1000", "nvidia-h100"),
    ],
)
def test_absurd_quantities_are_refused(run, option, value, said):
    given = {"--chip": "nvidia-h100-sxm-80gb", "--chips": "64", "--global-batch": "64", option: value}
    ran = run("estimate", "train", "llama-3.1-8b", *(one for pair in given.items() for one in pair))
    assert ran.code == 2
    assert said in ran.err


@pytest.mark.parametrize("text", ["", "case_id\n", "a,a\n1,2\n", "a,b\n1\n", "a,b\n1,2,3\n", '"unclosed\n'])
@pytest.mark.parametrize("words", [["judge"], ["estimate", "train"], ["estimate", "serve"], ["validate", "policy"]])
def test_a_bad_table_is_one_message_and_the_old_result_stays(run, tmp_path, words, text):
    cases, out = tmp_path / "cases.csv", tmp_path / "out.csv"
    cases.write_text(text)
    out.write_text("an earlier answer")
    ran = run(*words, "--cases", cases, "--out", out)
    assert ran.code == 2, ran
    assert "Traceback" not in ran.err
    assert out.read_text() == "an earlier answer"


def test_a_result_that_cannot_be_written_is_one_message(run, tmp_path):
    (tmp_path / "file").write_text("")
    cases = tmp_path / "cases.csv"
    cases.write_text("chip_id,to,date\nnvidia-h20-96gb,CN,2025-06-01\n")
    ran = run("judge", "--cases", cases, "--out", tmp_path / "file" / "out.csv")
    assert ran.code == 2
    assert "can't write" in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "CN", "--on", ""], "--on is missing"),
        (["--to", "", "--on", "2025-06-01"], "--to is missing"),
        (["--to", "CN", "--on", "2025-13-01"], "--on: not a date"),
        (["--to", "CN", "--on", "2025-06-01", "--from", "XX"], "--from: no rule knows"),
        (["--to", "CN", "--on", "2025-06-01", "--out", "out.csv"], "--cases"),
        (["--cases", "in.csv"], "both ask"),
    ],
)
def test_a_wrong_question_of_law_names_the_option(run, words, said):
    ran = run("judge", "nvidia-h20-96gb", *words)
    assert ran.code == 2
    assert said in ran.err


def test_a_search_refuses_a_precision_that_nobody_knows(run):
    job = ["--chip", "nvidia-h100-sxm-80gb", "--chips", "8", "--global-batch", "8"]
    ran = run("search", "train", "llama-3.1-8b", *job, "--precision", "fp3")
    assert ran.code == 2
    assert "--precision: is no precision; found 'fp3'; allowed: fp32" in ran.err


def test_answers_never_replace_their_questions(run, tmp_path):
    cases = tmp_path / "cases.csv"
    cases.write_text("chip_id,to,date\nnvidia-h20-96gb,CN,2025-06-01\n")
    asked = cases.read_text()
    for words in (["judge"], ["estimate", "serve"], ["validate", "policy"]):
        ran = run(*words, "--cases", cases, "--out", tmp_path / "." / "cases.csv")
        assert ran.code == 2
        assert "would replace" in ran.err
    assert cases.read_text() == asked


@pytest.mark.parametrize(("words", "column"), [(["judge"], "to"), (["estimate", "serve"], "model")])
def test_a_table_of_something_else_is_refused_as_a_whole(run, tmp_path, words, column):
    cases = tmp_path / "cases.csv"
    cases.write_text("a;b;c\n1;2;3\n")
    ran = run(*words, "--cases", cases)
    assert ran.code == 2
    assert f"cases.csv:1: has no column '{column}'" in ran.err


def test_a_long_table_that_asks_the_same_is_answered_once(run, tmp_path):
    cases = tmp_path / "cases.csv"
    cases.write_text(
        "case_id,chip_id,to,date\n" + "".join(f"{n},nvidia-h20-96gb,CN,2025-06-01\n" for n in range(20000))
    )
    ran = run("judge", "--cases", cases, "--out", tmp_path / "out.csv")
    assert ran.code == 0
    assert (tmp_path / "out.csv").read_text().splitlines()[-1].startswith("19999,nvidia-h20-96gb,")


@pytest.mark.parametrize("taken", ["plan.json", "report.html"])
def test_a_plan_that_cannot_be_written_is_refused_before_it_is_made(run, tmp_path, taken):
    scenario, out = tmp_path / "scenario.yaml", tmp_path / "out"
    scenario.write_text(GOOD)
    (out / taken).mkdir(parents=True)
    other = out / ({"plan.json", "report.html"} - {taken}).pop()
    other.write_text("an earlier answer")
    ran = run("plan", scenario, "--out", out)
    assert ran.code == 2
    assert f"{taken} is a folder" in ran.err
    assert other.read_text() == "an earlier answer"
    assert "is not a folder" in run("plan", scenario, "--out", other / "deeper").err


def test_a_folder_as_table_of_answers_is_one_message(run, tmp_path):
    cases = tmp_path / "cases.csv"
    cases.write_text("chip_id,to,date\nnvidia-h20-96gb,CN,2025-06-01\n")
    ran = run("judge", "--cases", cases, "--out", tmp_path)
    assert ran.code == 2
    assert "can't write" in ran.err
