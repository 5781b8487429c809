import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.porting.rewriting import Choice, rewrite
from polysilicon.porting.rewriting.patches import lines_changed, patch
from polysilicon.porting.rewriting.writing import write
from polysilicon.records.errors import InputError

BEFORE = {
    "a b.py": b"import torch\r\nx = torch.zeros(1, device='cuda')\r\n",
    "pkg/__init__.py": b"",
    "pkg/other.py": b"x = 1\n",
    "pkg/m.py": b"import torch\nfrom .other import x\ny = x.to('cuda')\ny = x.to('cuda')\nz = x.to('cuda')"
    b"\ns = torch.cuda.amp.GradScaler()\nn = torch.cuda.device_count()",
}
git = pytest.mark.skipif(shutil.which("git") is None, reason="applies patches with git")


@pytest.fixture
def tree(tmp_path):
    for name, content in BEFORE.items():
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_bytes(content)
    return tmp_path / "tree"


def content(tree):
    return {one.relative_to(tree).as_posix(): one.read_bytes() for one in tree.rglob("*") if one.is_file()}


def apply(tree, diff):
    subprocess.run(["git", "apply", "-"], cwd=tree, input=diff, check=True, capture_output=True)


@git
def test_the_diff_applies_and_the_undo_patch_takes_it_back(known, tree):
    made = rewrite(tree, known, Choice())
    apply(tree, made.diff())
    after = content(tree)
    assert after == BEFORE | {path: new for path, _, new in made.changes()}
    assert "pkg/device.py" in after
    apply(tree, made.undo())
    assert content(tree) == BEFORE


@git
def test_one_patch_a_rule_adds_up_to_the_whole(known, tree):
    made = rewrite(tree, known, Choice())
    steps = made.by_rule()
    assert [rule for rule, _ in steps] == ["AMP", "DEV-ask", "DEV-device"]
    for _, step in steps:
        apply(tree, step)
    assert content(tree) == BEFORE | {path: new for path, _, new in made.changes()}


@git
def test_writing_leaves_an_undo_patch_and_the_modes(known, tree, tmp_path):
    (tree / "pkg/m.py").chmod(0o755)
    write(rewrite(tree, known, Choice()), tmp_path / "undo.patch")
    assert stat.S_IMODE((tree / "pkg/m.py").stat().st_mode) == 0o755
    assert content(tree) != BEFORE
    apply(tree, (tmp_path / "undo.patch").read_bytes())
    assert content(tree) == BEFORE


def test_nothing_is_written_over_another_undo_patch(known, tree, tmp_path):
    (tmp_path / "undo.patch").write_text("mine")
    with pytest.raises(InputError, match="of another run is there"):
        write(rewrite(tree, known, Choice()), tmp_path / "undo.patch")
    assert content(tree) == BEFORE


def test_nothing_is_written_where_a_file_has_changed_meanwhile(known, tree, tmp_path):
    made = rewrite(tree, known, Choice())
    (tree / "pkg/m.py").write_text("import torch\n")
    with pytest.raises(InputError, match="has changed since it was read"):
        write(made, tmp_path / "undo.patch")
    assert (tree / "a b.py").read_bytes() == BEFORE["a b.py"]
    assert not (tmp_path / "undo.patch").exists()


def test_nothing_is_written_where_one_folder_cannot_be_written(known, tree, tmp_path, monkeypatch):
    make = tempfile.mkstemp

    def refuse(*args, **options):
        if str(options["dir"]).endswith("pkg"):
            raise PermissionError(13, "Permission denied")
        return make(*args, **options)

    made = rewrite(tree, known, Choice())
    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    with pytest.raises(InputError, match="pkg: can't be written: Permission denied; nothing was changed"):
        write(made, tmp_path / "undo.patch")
    assert content(tree) == BEFORE
    assert not (tmp_path / "undo.patch").exists()


@git
def test_where_writing_fails_half_way_it_is_said_what_was_changed(known, tree, tmp_path, monkeypatch):
    replace = Path.replace

    def fail(self, target):
        if target.name == "m.py":
            raise OSError(28, "No space left on device")
        return replace(self, target)

    made = rewrite(tree, known, Choice())
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(InputError, match=r"m.py: No space left on device; changed before it: .*a b.py.*undo.patch"):
        write(made, tmp_path / "undo.patch")
    taken_back = ["git", "apply", "--include=a b.py", "--include=pkg/device.py", str(tmp_path / "undo.patch")]
    subprocess.run(taken_back, cwd=tree, check=True, capture_output=True)
    assert content(tree) == BEFORE


def test_no_undo_patch_is_written_where_nothing_changes(known, tree, tmp_path):
    write(rewrite(tree / "pkg/other.py", known, Choice()), tmp_path / "undo.patch")
    assert not (tmp_path / "undo.patch").exists()


LINES = st.lists(st.sampled_from([b"a\n", b"b\r\n", b"\xe9\r\n", b"\n", b"+ -\n", b"\x0c\n"]), max_size=6).map(b"".join)


@git
@given(LINES, LINES, st.booleans(), st.booleans())
def test_any_bytes_pass_through_a_patch(tmp_path_factory, before, after, cut_before, cut_after):
    before, after = before[:-1] if cut_before else before, after[:-1] if cut_after else after
    folder = tmp_path_factory.mktemp("patch")
    (folder / "x é.py").write_bytes(before)
    diff = patch([("x é.py", before, after)])
    assert bool(diff) == (before != after)
    if diff:
        apply(folder, diff)
    assert (folder / "x é.py").read_bytes() == after


def test_lines_are_counted_as_they_go_and_come():
    assert lines_changed(b"a\nb\nc\n", b"a\nx\ny\nc\n") == (1, 2)
