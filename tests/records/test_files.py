import stat
from pathlib import Path

import pytest

from polysilicon.records import files
from polysilicon.records.errors import InputError


def test_a_write_makes_the_folder_and_replaces_the_old_text(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "plan.json"
    files.write(target, "old")
    files.write(target, "new")
    assert target.read_text() == "new"
    assert [one.name for one in target.parent.iterdir()] == ["plan.json"]


def test_an_interrupted_write_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "plan.json"
    files.write(target, "old")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        files.write(target, "new")
    assert target.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_others_may_read_what_was_written(tmp_path: Path) -> None:
    files.write(tmp_path / "report.html", "<html>")
    assert (tmp_path / "report.html").stat().st_mode & stat.S_IRUSR


def test_a_folder_that_cannot_be_made_is_a_clear_complaint(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="choose another place"):
        files.write(tmp_path / "file" / "plan.json", "x")


def test_a_device_is_written_to_and_stays_a_device() -> None:
    files.write(Path("/dev/null"), "gone")
    assert Path("/dev/null").is_char_device()


def test_a_link_keeps_pointing_to_what_is_replaced(tmp_path: Path) -> None:
    target, link = tmp_path / "plan.json", tmp_path / "latest.json"
    target.write_text("old")
    link.symlink_to(target)
    files.write(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_folder_is_no_place_for_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't write"):
        files.write(tmp_path, "text")


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_disk_that_fills_up_is_a_clear_complaint_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    target = tmp_path / "plan.json"
    files.write(target, "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os if step == "fsync" else Path, step, full)
    with pytest.raises(InputError, match=r"can't write .*plan\.json: No space left on device"):
        files.write(target, "new")
    assert target.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1
