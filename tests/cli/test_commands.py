import csv
import json
import shlex
from pathlib import Path

import pytest

from polysilicon.cli.commands import COMMANDS
from polysilicon.validation.score import COLUMNS

EXAMPLES = {command.words: shlex.split(command.example) for command in COMMANDS}
H100 = ["--chip", "nvidia-h100-sxm-80gb"]
STEP = ["llama-3.1-70b", *H100, "--chips", "512", "--tp", "8", "--pp", "4", "--global-batch", "1024"]
POOLS = ["estimate", "pools", "llama-3.1-8b", "--pool", "nvidia-h20-96gb:8", "--pool", "huawei-ascend-910c:8"]
POOLS += ["--global-batch", "32", "--link-gbs", "5", "--link-ms", "20"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my-project").mkdir()
    (tmp_path / "my-project" / "train.py").write_text("import torch\n\nx = torch.zeros(1, device='cuda')\n")
    return tmp_path


@pytest.fixture
def planned(run, here):
    assert run(*EXAMPLES["init"]).code == 0
    ran = run(*EXAMPLES["plan"])
    assert ran.code == 0, ran.err
    return ran


# These need what another command writes, or take long, or change the package: they are run elsewhere.
ELSEWHERE = {"init", "plan", "explain", "watch", "measure", "port verify", "facts build", "facts check", "rules check"}


@pytest.mark.parametrize("words", sorted(EXAMPLES.keys() - ELSEWHERE))
def test_every_example_runs_as_it_stands(run, here, words):
    ran = run(*EXAMPLES[words])
    assert ran.code == 0, ran.err
    assert ran.out


def test_the_tutorial_runs_as_it_stands(run, planned, here):
    assert "demand met 100 %" in planned.out
    assert {one.name for one in (here / "plan-out").iterdir()} == {"plan.json", "report.html"}
    explained = run(*EXAMPLES["explain"])
    assert explained.code == 0, explained.err
    assert explained.out.startswith("cost_musd = ")
    assert "Source" not in explained.err


def test_a_plan_is_watched_over(run, planned, here):
    first = run(*EXAMPLES["watch"])
    assert first.code in (0, 1), first.err
    assert "199 new" in " ".join(first.out.split())
    again = run(*EXAMPLES["watch"])
    assert (again.code, "nothing new touches it" in again.out) == (0, True)


def test_a_plan_fits_a_screen(planned):
    lines = planned.out.splitlines()
    assert len(lines) <= 45
    assert max(map(len, lines)) <= 80


def test_the_figure_explained_is_the_figure_printed(run, planned, here):
    plan = json.loads((here / "plan-out" / "plan.json").read_text())
    for name in ("cost_musd", "carbon_t", "energy_mwh"):
        tree = json.loads(run("explain", "plan-out/plan.json", name, "--json").out)
        assert tree["value"] == pytest.approx(plan["totals"][name])


def test_the_figures_of_a_plan_are_listed_totals_first(run, planned):
    listed = json.loads(run("explain", "plan-out/plan.json", "--json").out)["rows"]
    assert "/" not in listed[0]["id"]


def test_an_explanation_can_be_cut_at_a_depth(run, planned):
    assert "go deeper than 1 levels" in run("explain", "plan-out/plan.json", "cost_musd", "--depth", "1").out


def test_a_plan_as_json_is_the_plan_file(run, planned, here):
    ran = run("plan", "my-plan/scenario.yaml", "--json")
    timeless = [{**json.loads(text), "seconds": 0, "solve": 0, "shocks": 0} for text in (ran.out, _plan(here))]
    assert timeless[0] == timeless[1]


def test_the_same_plan_gives_the_same_page(run, planned, here):
    from polysilicon.planning import read
    from polysilicon.report import page

    made = read(here / "plan-out" / "plan.json")
    assert page.render(made) == page.render(made)


def test_init_writes_the_example_of_the_repository(run, here):
    run("init")
    example = Path(__file__).parents[2] / "examples" / "small" / "scenario.yaml"
    assert (here / "scenario.yaml").read_bytes() == example.read_bytes()


def test_init_writes_over_nothing_unless_told(run, here):
    (here / "scenario.yaml").write_text("mine")
    refused = run("init")
    assert refused.code == 2
    assert "exists already" in refused.err
    assert (here / "scenario.yaml").read_text() == "mine"
    assert run("init", "--force").code == 0
    assert (here / "scenario.yaml").read_text() != "mine"


def test_an_infeasible_scenario_names_the_limits(run, here):
    text = (Path(__file__).parent / "scenario.yaml").read_text(encoding="utf-8")
    (here / "scenario.yaml").write_text(text.replace("budget_musd: 20", "budget_musd: 0.001"))
    ran = run("plan", "scenario.yaml")
    assert ran.code == 3
    assert "budget" in ran.err
    assert not (here / "plan-out").exists()


def test_a_verdict_names_class_text_and_margin(run):
    said = run("judge", "nvidia-h20-96gb", "--to", "CN", "--on", "2025-06-01").out
    for words in ("not_3A090", "licence_required:is_informed_letter", "tpp", "2,368", "≥ 2400", "not legal advice"):
        assert words in said


def test_pools_as_json_are_the_pools_shown_and_the_step_explained(run):
    answer = json.loads(run(*POOLS, "--json").out)
    assert f"{answer['splits'][0]['step_s']:.4g} s a step" in run(*POOLS).out
    assert [one["pool"] for one in answer["alone"]] == ["nvidia-h20-96gb", "huawei-ascend-910c"]
    assert json.loads(run(*POOLS, "--explain", "--json").out)["value"] == pytest.approx(answer["splits"][0]["step_s"])


def test_a_verdict_as_json_lists_every_rule_looked_at(run):
    verdict = json.loads(run("judge", "nvidia-h20-96gb", "--to", "CN", "--on", "2025-06-01", "--json").out)
    assert verdict["item_class"] == "not_3A090"
    assert len(verdict["findings"]) > 5
    assert all(one["citation"] for one in verdict["findings"])


def test_a_table_is_judged_row_by_row_and_no_row_is_dropped(run, here):
    (here / "in.csv").write_text(
        "case_id,chip_id,to,date\n"
        "a,nvidia-h20-96gb,CN,2025-06-01\nb,nvidia-h21,CN,2025-06-01\nc,nvidia-h20-96gb,,2025-06-01\n"
        "d,nvidia-h20-96gb,CN,2025-02-30\n"
    )
    ran = run("judge", "--cases", "in.csv", "--out", "out.csv")
    assert ran.code == 0
    with (here / "out.csv").open() as stream:
        rows = {row["case_id"]: row for row in csv.DictReader(stream)}
    assert {name: row["status"] for name, row in rows.items()} == {
        "a": "ok",
        "b": "unsupported",
        "c": "underspecified",
        "d": "unsupported",
    }
    assert rows["a"]["consequence"] == "licence_required:is_informed_letter"
    assert "in.csv:3" in rows["b"]["why"]
    assert "to" in rows["c"]["why"]


def test_a_table_that_states_figures_is_judged_by_them(run, here):
    columns = "case_id,chip,vendor,tpp,die_area_mm2,performance_density,memory_bw_gbs,interconnect_gbs"
    (here / "in.csv").write_text(
        f"{columns},datacenter_marketed,date,to\nlarge,mine,test,5000,800,,2000,600,yes,2024-06-01,CN\n"
        "small,mine,test,100,800,,200,100,yes,2024-06-01,CN\n"
    )
    rows = json.loads(run("judge", "--cases", "in.csv", "--json").out)["rows"]
    assert [row["item_class"] for row in rows] == ["3A090.a", "not_3A090"]


def test_a_training_estimate_shows_interval_parts_and_memory(run):
    said = run("estimate", "train", *STEP).out
    for words in ("90 %:", "tokens/s a chip", "MFU", "where the step goes", "what fills memory", "of 80 GiB"):
        assert words in said


def test_a_layout_that_does_not_fit_says_so(run):
    said = run("estimate", "train", "llama-3.1-405b", *H100, "--chips", "8", "--global-batch", "8").out
    assert "DOES NOT FIT" in said


def test_an_estimate_explains_itself_to_formulas_and_records(run):
    said = run("estimate", "train", *STEP, "--explain").out
    assert said.startswith("step_s = ")
    assert "bf16_tflops" in said
    assert "as above" in said
    tree = json.loads(run("estimate", "train", *STEP, "--explain", "--json").out)
    printed = json.loads(run("estimate", "train", *STEP, "--json").out)["rows"][0]["step_s"]
    assert tree["value"] == pytest.approx(printed)


def test_training_cases_answer_every_row(run, here):
    header = (
        "case_id,model,chip_id,chips,tp,pp,dp,ep,cp,interleave,micro_batch,global_batch,seq_len,recompute,precision"
    )
    (here / "in.csv").write_text(
        f"{header},zero_stage\nfull,llama-3.1-8b,nvidia-h100-sxm-80gb,8,1,1,8,1,1,1,1,64,4096,full,bf16,1\n"
        "gap,llama-3.1-8b,nvidia-h100-sxm-80gb,,,,,,,,,,,,,\nodd,no-such-model,nvidia-h100-sxm-80gb,8,1,1,8,1,1,1,1,64,4096,full,bf16,1\n"
    )
    assert run("estimate", "train", "--cases", "in.csv", "--out", "out.csv").code == 0
    with (here / "out.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["case_id"] for row in rows] == ["full", "gap", "odd"]
    assert float(rows[0]["low"]) < float(rows[0]["step_time_s"]) < float(rows[0]["high"])
    assert rows[1]["status"] == "underspecified"
    assert rows[2]["status"] != "ok"


def test_serving_cases_answer_every_row(run, here):
    (here / "in.csv").write_text(
        "case_id,model,chip_id,tp,isl,osl,concurrency,weight_precision\n"
        "full,llama-3.1-70b,nvidia-h100-sxm-80gb,8,1024,256,32,bf16\ngap,llama-3.1-70b,nvidia-h100-sxm-80gb,,,,,\n"
    )
    ran = run("estimate", "serve", "--cases", "in.csv", "--json")
    rows = json.loads(ran.out)["rows"]
    assert [row["status"] for row in rows] == ["ok", "underspecified"]
    assert rows[0]["tpot_ms_low"] < rows[0]["tpot_ms"] < rows[0]["tpot_ms_high"]


def test_a_deployment_that_fits_nowhere_has_no_answer(run):
    ran = run("estimate", "serve", "llama-3.1-405b", *H100, "--input", "1024", "--output", "256")
    assert ran.code == 3
    assert "GiB" in ran.err


def test_validation_writes_the_promised_columns(run, here):
    assert run("validate", "policy", "--out", "out.csv").code == 0
    with (here / "out.csv").open() as stream:
        rows = list(csv.reader(stream))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) > 100


def test_facts_show_marks_what_is_not_well_known(run):
    said = run("facts", "show", "nvidia-h20-96gb").out
    assert "press" in said
    assert "†" in said
    assert "read 20" in said


def test_facts_of_the_user_are_marked_as_theirs(run, here):
    (here / "my.yaml").write_text("chips:\n  nvidia-h20-96gb:\n    tdp_w: 500\n")
    shown = json.loads(run("facts", "show", "nvidia-h20-96gb", "--facts", "my.yaml", "--json").out)["rows"]
    tdp = next(row for row in shown if row["field"] == "tdp_w")
    assert tdp["value"] == 500
    assert tdp["yours"] == "yours"


def test_facts_check_fails_where_there_are_faults(run, monkeypatch):
    monkeypatch.setattr("polysilicon.facts.check.problems", lambda catalogue: ["chip x: cites no source"])
    ran = run("facts", "check")
    assert ran.code == 1
    assert "chip x: cites no source" in ran.out


def _plan(here):
    return (here / "plan-out" / "plan.json").read_text()
