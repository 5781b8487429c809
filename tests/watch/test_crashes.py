"""A run that dies at any step loses no alert and doubles none."""

import json
import sqlite3
from contextlib import closing, contextmanager, suppress
from xml.etree import ElementTree

import pytest
from tests.watch.conftest import FLEET, PUBLISHED

from polysilicon.cli.app import run as run_here
from polysilicon.watch import Line, State, watching

ENTRY = "{http://www.w3.org/2005/Atom}entry/{http://www.w3.org/2005/Atom}id"
RECORDS = ("CVE-2024-0132.json", "CVE-2024-54085.json", "kev.json", "CVE-2025-31133.json", "INTEL-SA-01271.json")


class Died(BaseException):
    """The process is gone: nothing of ours catches it."""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(watching, "BATCH", 2)  # many small steps
    (tmp_path / "fleet.yaml").write_text(FLEET)
    (tmp_path / "feeds").mkdir()
    for name in RECORDS:
        (tmp_path / "feeds" / name).write_bytes((PUBLISHED / name).read_bytes())
    return tmp_path


@pytest.fixture
def posted(monkeypatch):
    """What the webhook got."""
    got: list[str] = []
    monkeypatch.setattr(Line, "post", lambda self, address, body, key: got.append(json.loads(body)["id"]))
    return got


def dying_at(number: int, committed: bool, monkeypatch) -> None:
    """The process dies in its step of that number, just before or just after it is kept."""
    real, count = State.step, [0]

    @contextmanager
    def step(self):
        count[0] += 1
        dies = count[0] == number
        with real(self):
            yield
            if dies and not committed:
                raise Died
        if dies:
            raise Died

    monkeypatch.setattr(State, "step", step)


def watched() -> None:
    options = ["--feeds", "feeds", "--state", "state.sqlite", "--atom", "alerts.xml", "--webhook", "http://hook/"]
    run_here(["watch", "fleet.yaml", *options, "--json"])


def outcome(here, capsys) -> tuple[set[str], list[str], set[str]]:
    """The alerts in the state, in the Atom feed, and in what was printed."""
    with closing(sqlite3.connect(here / "state.sqlite")) as base:
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert base.execute("SELECT count(*) FROM unmatched").fetchone() == (0,)
        kept = {row[0] for row in base.execute("SELECT id FROM alert")}
    feed = ElementTree.parse(here / "alerts.xml").getroot()
    printed, decoder, text = set(), json.JSONDecoder(), capsys.readouterr().out
    while text.strip():
        seen, end = decoder.raw_decode(text.lstrip())
        printed |= {one["id"] for one in seen["alerts"]}
        text = text.lstrip()[end:]
    return kept, [str(one.text).rpartition(":")[2] for one in feed.findall(ENTRY)], printed


@pytest.mark.parametrize("committed", [False, True], ids=["before a step is kept", "after it"])
@pytest.mark.parametrize("number", range(1, 19))
def test_a_run_that_dies_in_any_step_is_made_good_by_the_next(here, posted, capsys, monkeypatch, number, committed):
    with monkeypatch.context() as dying:
        dying_at(number, committed, dying)
        with suppress(Died):
            watched()
    watched()
    kept, entries, printed = outcome(here, capsys)
    assert len(kept) == 4
    assert sorted(entries) == sorted(kept)
    assert printed == kept
    assert set(posted) == kept
    assert len(posted) <= len(kept) + 1  # the one that was on its way when the process died, under the same id


def test_a_run_has_as_many_steps_as_are_tried(here, posted, monkeypatch):
    steps = [0]
    real = State.step

    @contextmanager
    def step(self):
        steps[0] += 1
        with real(self):
            yield

    monkeypatch.setattr(State, "step", step)
    watched()
    assert 10 < steps[0] <= 18
