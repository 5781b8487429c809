import json

import pytest


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.py").write_text("import torch\nx = torch.zeros(3, device='cuda')\n")
    return tmp_path


def test_a_scan_answers_in_json_and_files(run, tree):
    asked = ["port", "scan", "code", "--target", "ascend@950dt,rocm", "--target", "musa"]
    ran = run(*asked, "--json", "--sarif", "o.sarif", "--html", "o.html", "--effort-out", "facts.json")
    assert ran.code == 0, ran.err
    answer = json.loads(ran.out)
    assert answer["scan"]["targets"] == ["ascend@950dt", "rocm", "musa"]
    assert len(answer["effort"]) == 3
    assert json.loads((tree / "o.sarif").read_text())["version"] == "2.1.0"
    assert (tree / "o.html").read_text().startswith("<!doctype html>")
    assert json.loads((tree / "facts.json").read_text())["stacks"].keys() == {"cann", "rocm", "musa"}


def test_a_ratchet_fails_on_new_ties_alone(run, tree):
    asked = ["port", "scan", "code", "--target", "ascend"]
    assert run(*asked, "--baseline", "known.json").code == 0
    assert run(*asked, "--ratchet", "known.json").code == 0
    (tree / "code" / "b.py").write_text("y.cuda()\n")
    failed = run(*asked, "--ratchet", "known.json")
    assert failed.code == 1
    assert "b.py:1" in failed.out
    assert "a.py" not in failed.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere", "--target", "rocm"], "no such file or folder"),
        (["code", "--target", "rcom"], "did you mean rocm"),
        (["code"], "--target"),
        (["code", "--target", "rocm", "--ratchet", "none.json"], "--baseline"),
        (["code", "--target", "rocm", "--team", "3"], "--effort"),
        (["code", "--target", "rocm", "--days-per-line", "-1"], "sane"),
        (["code", "--target", ","], "no target"),
        (["x" * 300, "--target", "rocm"], "PATH: can't be read: File name too long"),
        (["notes.txt", "--target", "rocm"], "PATH: is not read: no reader for this kind of file; found 'notes.txt'"),
        (["code/b.py", "--target", "rocm"], "PATH: is not read: binary"),
        (["code/a.py", "--target", "rocm", "--exclude", "*.py"], "PATH: is not read: left out by --exclude"),
        (["code", "--target", "rocm", "--as-of", "2026-13-01"], "--as-of: not a date of the calendar"),
    ],
)
def test_bad_input_is_answered_in_one_line(run, tree, words, said):
    (tree / "notes.txt").write_text("x")
    (tree / "code" / "b.py").write_bytes(b"\0")
    ran = run("port", "scan", *words)
    assert ran.code == 2
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_one_file_is_a_tree_of_one(run, tree):
    assert "read 1 files" in run("port", "scan", "code/a.py", "--target", "ascend").out


def test_a_link_that_is_named_is_followed(run, tree):
    (tree / "link.py").symlink_to(tree / "code" / "a.py")
    told = run("port", "scan", "link.py", "--target", "ascend").out
    assert "read 1 files" in told
    assert "link.py:2" in told


def test_a_folder_of_which_nothing_was_read_is_not_called_clean(run, tree):
    (tree / "empty").mkdir()
    ran = run("port", "scan", "empty", "--target", "ascend")
    assert ran.code == 0
    assert "nothing was read" in ran.out
    assert "ties this code" not in ran.out


def test_a_folder_that_cannot_be_listed_is_bad_input(run, tree, monkeypatch):
    def refused(folder):
        raise PermissionError(13, "Permission denied", folder)

    monkeypatch.setattr("polysilicon.porting.inventory.os.scandir", refused)
    ran = run("port", "scan", "code", "--target", "ascend")
    assert ran.code == 2
    assert "PATH: can't be read: Permission denied; found 'code'" in ran.err
