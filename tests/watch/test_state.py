"""The state survives: other files, other runs, and the end of the process at any moment."""

import sqlite3

import pytest

from polysilicon.records.errors import InputError
from polysilicon.watch import State
from polysilicon.watch.notice import Notice
from polysilicon.watch.state import Document, Source


def notice(name: str = "CVE-1", **more) -> Notice:
    return Notice(kind="vulnerability", feed="cve", id=name, **more)


def test_what_is_kept_is_there_next_time(tmp_path):
    with State(tmp_path / "s") as state:
        counts = state.take([Document("feed", [notice(), notice()], Source(etag="x", digest="y"))])
        assert counts == {"new": 1, "changed": 0, "same": 1, "older": 0}
    with State(tmp_path / "s") as state:
        assert state.source("feed") == Source(etag="x", digest="y")
        assert state.unmatched(10) == ["CVE-1"]
        assert state.notices("CVE-1") == [(notice(), None)]


def test_a_step_that_breaks_leaves_nothing_behind(tmp_path):
    def breaking():
        yield notice()
        raise RuntimeError("the disk is gone")

    with State(tmp_path / "s") as state:
        with pytest.raises(RuntimeError):
            state.take([Document("feed", breaking(), Source(digest="y"))])
        assert state.unmatched(10) == []
        assert state.source("feed") == Source()


def test_a_newer_version_replaces_and_an_older_does_not(tmp_path):
    old, new = notice(modified="2025-01-01T00:00:00Z"), notice(modified="2025-02-01T00:00:00Z", title="new")
    with State(tmp_path / "s") as state:
        state.take([Document("a", [old], None)])
        assert state.take([Document("a", [new], None)])["changed"] == 1
        assert state.take([Document("a", [old], None)])["older"] == 1
        assert state.notices("CVE-1")[0][0].title == "new"


def test_a_notice_that_turns_to_another_matter_marks_both(tmp_path):
    with State(tmp_path / "s") as state:
        state.take([Document("a", [Notice(kind="vulnerability", feed="osv", id="GHSA-1")], None)])
        state.matched(["osv:GHSA-1"])
        state.take([Document("a", [Notice(kind="vulnerability", feed="osv", id="GHSA-1", aliases=("CVE-1",))], None)])
        assert state.unmatched(10) == ["CVE-1", "osv:GHSA-1"]


def test_a_state_in_use_is_refused(tmp_path):
    with State(tmp_path / "s"), pytest.raises(InputError, match="in use by another watch"):
        State(tmp_path / "s")


def test_what_is_no_state_is_refused(tmp_path):
    (tmp_path / "text").write_text("hello " * 1000)
    with pytest.raises(InputError, match="can't be used as state"):
        State(tmp_path / "text")
    other = sqlite3.connect(tmp_path / "other")
    other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(InputError, match="database of something else"):
        State(tmp_path / "other")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError):
        State(tmp_path / "folder")
    assert (tmp_path / "text").read_text().startswith("hello")


def test_a_state_of_another_version_is_refused(tmp_path):
    with State(tmp_path / "s") as state, state.step():
        state._say("version", "99")
    with pytest.raises(InputError, match="another version"):
        State(tmp_path / "s")


def test_a_state_that_breaks_while_it_is_opened_lets_go_of_the_file(tmp_path, monkeypatch):
    def broken(self):
        self._base.execute("CREATE TABLE half (name TEXT)")
        raise KeyboardInterrupt

    with monkeypatch.context() as breaking:
        breaking.setattr(State, "_open", broken)
        with pytest.raises(KeyboardInterrupt) as held:
            State(tmp_path / "s")
    assert held.value is not None  # and with it every frame that knew the file
    with State(tmp_path / "s"):
        pass


def test_text_that_can_not_be_encoded_is_kept_all_the_same(tmp_path):
    from polysilicon.watch.notice import brief

    with State(tmp_path / "s") as state:
        state.take([Document("a", [notice(title=brief("half a \ud800 pair"))], None)])
        assert "half a" in state.notices("CVE-1")[0][0].title
