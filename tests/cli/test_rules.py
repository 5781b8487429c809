import json
import shlex

import pytest

from polysilicon.cli.commands import COMMANDS

EXAMPLES = {one.words: shlex.split(one.example) for one in COMMANDS}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_of_rules_is_written_checked_and_judged_by(run, here):
    assert run(*EXAMPLES["rules new"]).code == 0
    checked = run(*EXAMPLES["rules check"])
    assert checked.code == 0, checked.err
    ask = ["judge", "nvidia-l40s", "--to", "CN", "--from", "TW", "--on", "2027-02-01", "--json"]
    assert json.loads(run(*ask).out)["consequence"] == "licence_required:presumption_of_denial"
    assert json.loads(run(*ask, "--facts", "my-rules.yaml").out)["consequence"] == "licence_required:case_by_case"


def test_a_file_of_rules_is_not_written_over(run, here):
    run("rules", "new", "mine.yaml")
    again = run("rules", "new", "mine.yaml")
    assert again.code == 2
    assert "--force" in again.err


def test_a_mistake_in_a_rule_is_told_with_its_line(run, here):
    run("rules", "new", "mine.yaml")
    file = here / "mine.yaml"
    file.write_text(file.read_text().replace("at_least: 4800", "atleast: 4800"))
    ran = run("rules", "check", "mine.yaml")
    assert ran.code == 2
    assert ran.err.startswith("polysilicon: mine.yaml:10: rules.MEMO-01: unknown test 'atleast' of tpp")


def test_the_difference_between_two_days_names_the_chips_that_moved(run):
    out = run("rules", "diff", "--from", "2023-11-16", "--to", "2023-11-18").out
    assert "nvidia-a800-sxm-80gb" in out
    assert "nvidia-h800-sxm-80gb" in out
    assert "not_3A090 → 3A090.a" in out


def test_a_timeline_is_a_page_without_a_script(run, here):
    assert run(*EXAMPLES["rules timeline"]).code == 0
    page = (here / "h20.html").read_text()
    assert "<script" not in page
    assert "US-13" in page
    assert "not legal advice" in page


def test_a_bundle_is_checked_by_its_manifest(run, here):
    assert run(*EXAMPLES["rules bundle"]).code == 0
    assert run("rules", "bundle", "--verify", "h20.zip").code == 0
    blob = bytearray((here / "h20.zip").read_bytes())
    at = blob.find(b"README.txt")
    blob[at + 40] ^= 0xFF
    (here / "h20.zip").write_bytes(blob)
    assert run("rules", "bundle", "--verify", "h20.zip").code in (1, 2)


@pytest.mark.solver
def test_every_verdict_behind_a_plan_goes_into_a_bundle(run, here):
    assert run(*EXAMPLES["init"]).code == 0
    assert run(*EXAMPLES["plan"]).code == 0
    ran = run("rules", "bundle", "plan-out/plan.json", "--out", "plan.zip")
    assert ran.code == 0, ran.err
    assert run("rules", "bundle", "--verify", "plan.zip").code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("rules diff --from 2023-11-16 --to yesterday", "--to: not a date"),
        ("rules diff --from 2024-01-01 --to 2023-01-01", "before the first"),
        ("rules diff --from 2023-01-01 --to 2024-01-01 --destination China", "CN for China"),
        ("rules show US-177", "did you mean US-1"),
        ("rules list --regime moon", "us-export"),
        ("rules list --on 2026-02-30", "--on: not a date"),
        ("rules timeline nvidia-h20 --to CN", "nvidia-h20-96gb"),
        ("rules timeline --to CN", "CHIP"),
        ("rules timeline nvidia-h20-96gb --to CN --begin 2026-01-01 --end 2025-01-01", "before the first"),
        ("rules bundle nvidia-h20-96gb --to CN --on 2025-06-01", "--out"),
        ("rules bundle nvidia-h20-96gb --to CN --on 2025-06-01 --out a.zip --signed-by Me", "--signed-on"),
        ("rules bundle --verify absent.zip", "can't be read"),
        ("rules check absent.yaml", "can't be read"),
        ("judge --to CN --on 2025-06-01", "THING"),
        ("judge nvidia-h20-96gb --to CN --on 2025-06-01 --with tpp", "NAME=VALUE"),
        ("judge nvidia-h20-96gb --to CN --on 2025-06-01 --with to=US", "use --to"),
        ("judge nvidia-h20-96gb --to CN --on 2025-06-01 --with tpp=-4", "0 or more"),
        ("judge nvidia-h20-96gb --to CN --on 2025-06-01 --suppose US-24-GAIN", "lines are not known"),
        ("judge nvidia-h20-96gb --to CN --on 2025-06-01 --suppose SAFE", "US-24-SAFE"),
        ("judge --kind sites --to CN --on 2025-06-01", "--kind"),
    ],
)
def test_what_makes_no_sense_is_one_message_and_exit_code_2(run, here, words, told):
    ran = run(*shlex.split(words))
    assert ran.code == 2
    assert told in ran.err
    assert "Traceback" not in ran.err
