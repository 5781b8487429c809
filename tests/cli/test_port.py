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
        (["code", "--target", "rocm", "--as-of", "yesterday"], "yesterday"),
    ],
)
def test_bad_input_is_answered_in_one_line(run, tree, words, said):
    ran = run("port", "scan", *words)
    assert ran.code == 2
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_one_file_is_a_tree_of_one(run, tree):
    assert "read 1 files" in run("port", "scan", "code/a.py", "--target", "ascend").out
