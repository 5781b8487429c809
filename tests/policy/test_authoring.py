from pathlib import Path

import pytest

from polysilicon.cli import rules as commands
from polysilicon.facts import load
from polysilicon.policy.authoring import tried
from polysilicon.records.errors import InputError

STARTER = Path(commands.__file__).with_name("rules.yaml").read_text()


def try_out(folder: Path, old: str = "", new: str = "") -> list[str]:
    file = folder / "mine.yaml"
    assert old in STARTER
    file.write_text(STARTER.replace(old, new) if old else STARTER)
    return list(tried(load(file)).columns["id"])


def test_the_file_to_start_from_is_right(tmp_path: Path) -> None:
    assert try_out(tmp_path) == ["MEMO-01"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("at_least: 4800", "at_leest: 4800", "did you mean at_least"),
        ("tpp: {", "tppp: {", "did you mean tpp"),
        ('"Macau or D:5"', "Chyna", "unknown place or group 'Chyna'"),
        ("us-export #", "us-exprot #", "unknown regime 'us-exprot'; did you mean us-export"),
        ("licence_required:case_by_case", "licence_required:case", "unknown consequence"),
        ("stage: review #", "stage: classification #", "a classification gives a class"),
        ("stage: review #", "stage: notice #", "a notice decides nothing"),
        ("    rank: 10", "    until: 2026-12-31\n    rank: 10", "ends before it begins"),
        ("    rank: 10", "    compliance: 2026-12-31\n    rank: 10", "before it takes effect"),
        ("effective: 2027-01-01", "effective: 2027-02-30", "not a date"),
        ("then: {", "else: {", "unknown field"),
    ],
)
def test_a_mistake_is_told_in_a_lawyers_words(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        try_out(tmp_path, old, new)


def test_a_file_without_rules_is_told_so(tmp_path: Path) -> None:
    file = tmp_path / "none.yaml"
    file.write_text("rules: {}\n")
    with pytest.raises(InputError, match="holds no rules"):
        tried(load(file))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[US-03-licence]", "[US-03-licenze]", "no rule is called 'US-03-licenze'; did you mean US-03-licence"),
        ("    rank: 10", "    supersedes: [US-99]\n    rank: 10", "no rule is called 'US-99'"),
        ("{at_least: 4800, below: 8000}", "{at_least: 8000, below: 4800}", "nothing lies between"),
        ("{at_least: 4800, below: 8000}", "{at_least: -3}", "no quantity is negative"),
        ("  MEMO-01:", "  US-17:", "is a rule of the catalogue"),
    ],
)
def test_a_rule_that_could_never_do_what_it_says_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        try_out(tmp_path, old, new)
