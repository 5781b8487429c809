import json

import pytest

CODE = "import torch\n\nx = torch.zeros(1, device='cuda')\nm = M().cuda()\np = torch.cuda.get_device_properties(0)\n"
ARGS = ("port", "rewrite", "code", "--torch-version", "2.13")


@pytest.fixture
def code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.py").write_text(CODE)
    (tmp_path / "code" / "two.py").write_text("print 'cuda'\n")
    return tmp_path / "code"


def test_the_diff_is_all_that_standard_output_has(run, code):
    ran = run(*ARGS)
    assert ran.code == 0
    assert ran.out.startswith("diff --git a/a.py b/a.py\n")
    assert ran.out.endswith(" p = torch.cuda.get_device_properties(0)\n")
    assert (code / "a.py").read_text() == CODE
    assert "files that change: 1; lines that go: 1, that come: 1" in ran.err
    assert "skipped 1 because: 1 syntax error" in ran.err
    assert "Left as it is, and why" in ran.err


def test_a_diff_in_a_file_leaves_the_summary_on_standard_output(run, code):
    ran = run(*ARGS, "--out", "port.patch")
    assert "files that change: 1;" in ran.out
    assert "DEV-device" in ran.out
    patch = (code.parent / "port.patch").read_text()
    assert patch.startswith("diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n")
    assert "-x = torch.zeros(1, device='cuda')\n" in patch


def test_writing_is_asked_for_and_can_be_taken_back(run, code):
    assert run(*ARGS, "--write").code == 0
    assert "current_accelerator" in (code / "a.py").read_text()
    assert "+x = torch.zeros(1, device='cuda')\n" in (code.parent / "port-rewrite-undo.patch").read_text()
    (code / "b.py").write_text(CODE)
    again = run(*ARGS, "--write")
    assert again.code == 2
    assert "the undo patch of another run is there" in again.err


def test_a_second_run_that_changes_nothing_writes_no_undo_patch(run, code):
    assert run(*ARGS, "--write").code == 0
    (code.parent / "port-rewrite-undo.patch").unlink()
    assert run(*ARGS, "--write").code == 0
    assert not (code.parent / "port-rewrite-undo.patch").exists()


def test_a_check_fails_as_long_as_something_would_change(run, code):
    assert run(*ARGS, "--check").code == 1
    assert run(*ARGS, "--write").code == 0
    assert run(*ARGS, "--check").code == 0
    assert run(*ARGS, "--check", "--grade", "R").code == 1


def test_json_names_every_place_and_holds_the_diff(run, code):
    said = json.loads(run(*ARGS, "--json").out)
    assert said["files"] == ["a.py"]
    assert said["torch"] == "2.13"
    assert [(one["rule"], one["line"], one["grade"]) for one in said["changed"]] == [("DEV-device", 3, "S")]
    assert {(one["rule"], one["grade"]) for one in said["left"]} == {("DEV-cuda", "R"), ("MEM-capability", "M")}
    assert all(one["why"] for one in said["left"])
    assert said["diff"].count("\n+") == 2


def test_one_patch_a_rule_lies_in_the_folder(run, code):
    assert run(*ARGS, "--grade", "R", "--by-rule", "patches").code == 0
    names = sorted(one.name for one in (code.parent / "patches").iterdir())
    assert names == ["01-DEV-cuda.patch", "02-DEV-device.patch"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--rule", "AMPP"), "--rule: unknown rule; found 'AMPP'; allowed: AMP"),
        (("--torch-version", "new"), "--torch-version: is no release of PyTorch"),
        (("--target", "asend"), "did you mean ascend or amd?"),
        (("--write", "--check"), "--check: changes nothing here"),
        (("--write", "--out", "x"), "--out: changes nothing here"),
        (("--grade", "M"), "--grade"),
        (("--workers", "0"), "--workers: is no sane quantity"),
    ],
)
def test_what_cannot_be_meant_is_refused(run, code, more, told):
    ran = run("port", "rewrite", "code", *more)
    assert ran.code == 2
    assert told in ran.err
    assert ran.out == ""


@pytest.mark.parametrize(("path", "told"), [("nowhere", "no such file or folder"), ("code/a.txt", "is no Python file")])
def test_a_path_that_has_no_python_is_refused(run, code, path, told):
    (code / "a.txt").write_text("cuda")
    ran = run("port", "rewrite", path)
    assert ran.code == 2
    assert told in ran.err


def test_a_path_that_is_not_given_is_asked_for(run):
    ran = run("port", "rewrite")
    assert ran.code == 2
    assert "PATH is missing; give a folder or a Python file, such as . for this folder" in ran.err
    assert "--cases" not in ran.err


def test_one_file_is_a_tree_of_its_own(run, code):
    ran = run("port", "rewrite", "code/a.py", "--torch-version", "2.13", "--out", "port.patch")
    assert ran.code == 0
    assert "read 1 Python files, skipped none" in ran.out
