import os
import random

import pytest

from polysilicon.porting import Options, cache, scan
from polysilicon.porting.reading import read_file


def test_only_what_changed_is_read_again_and_the_answer_is_the_same(tmp_path, catalogue):
    tree, kept = tmp_path / "tree", Options(cache=tmp_path / "cache")
    tree.mkdir()
    for name in "abc":
        (tree / f"{name}.py").write_text(f"{name}.cuda()\n")
    first = scan(catalogue, tree, ["ascend"], options=kept)
    assert (first.reread, scan(catalogue, tree, ["ascend"], options=kept).reread) == (3, 0)
    (tree / "b.py").write_text("x = 1\ny = 'nccl'\n")
    (tree / "c.py").unlink()
    again = scan(catalogue, tree, ["ascend"], options=kept)
    fresh = scan(catalogue, tree, ["ascend"], options=Options(cached=False))
    assert again.reread == 1
    assert again.findings == fresh.findings


def test_a_spoilt_cache_is_done_without(tmp_path, catalogue):
    tree, kept = tmp_path / "tree", Options(cache=tmp_path / "cache")
    tree.mkdir()
    (tree / "a.py").write_text("x.cuda()\n")
    whole = scan(catalogue, tree, ["ascend"], options=kept)
    for one in (tmp_path / "cache").iterdir():
        one.write_bytes(b"spoilt")
    assert scan(catalogue, tree, ["ascend"], options=kept).findings == whole.findings


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, catalogue):
    (tmp_path / "a.py").write_text("x.cuda()\n")
    (tmp_path / "cache").write_text("a file, no folder")
    assert scan(catalogue, tmp_path / "a.py", ["ascend"], options=Options(cache=tmp_path / "cache")).counted


def test_processes_answer_as_one_does(tmp_path, catalogue, monkeypatch):
    monkeypatch.setattr("polysilicon.porting.pool.WORTH_PROCESSES_BYTES", 0)
    for at in range(20):
        (tmp_path / f"m{at}.py").write_text(
            f"def get_gpu_{at}():\n    return x.cuda()\nget_gpu_{at - 1}()\n" + "\n" * at
        )
    alone = scan(catalogue, tmp_path, ["ascend"], options=Options(cached=False, jobs=1))
    shared = scan(catalogue, tmp_path, ["ascend"], options=Options(cached=False, jobs=2))
    assert len(alone.findings) > 30
    assert shared.findings == alone.findings


def test_a_changed_time_is_a_changed_file(tmp_path, catalogue):
    one = tmp_path / "a.py"
    one.write_text("x.cuda()\n")
    kept = Options(cache=tmp_path / "cache")
    scan(catalogue, one, ["ascend"], options=kept)
    os.utime(one, ns=(1, 1))
    assert scan(catalogue, one, ["ascend"], options=kept).reread == 1


def test_a_new_package_moves_the_place_of_an_import_in_files_that_were_not_read_again(tmp_path, catalogue):
    tree, kept = tmp_path / "tree", Options(cache=tmp_path / "cache")
    tree.mkdir()
    (tree / "train.py").write_text("from ours.data import load\nfrom z import y\n\na.cuda()\n\nb.cuda()\n\nc.cuda()\n")
    first = scan(catalogue, tree, ["ascend"], options=kept)
    (tree / "ours").mkdir()
    (tree / "ours" / "data.py").write_text("x = 1\n")
    again = scan(catalogue, tree, ["ascend"], options=kept)
    places = [[one.line for one in told.findings if one.rule == "ent-import"] for told in (first, again)]
    assert (again.reread, places) == (1, [[2], [1]])
    assert again.findings == scan(catalogue, tree, ["ascend"], options=Options(cached=False)).findings


def test_a_first_kernel_has_every_file_read_for_its_tests(tmp_path, catalogue):
    tree, kept = tmp_path / "tree", Options(cache=tmp_path / "cache")
    (tree / "tests").mkdir(parents=True)
    (tree / "ops.py").write_text("import ctypes\n\ndef scale(x):\n    return ctypes.CDLL('libours.so').scale(x)\n")
    (tree / "tests" / "test_ops.py").write_text("from ops import scale\n\ndef test_scale():\n    scale(1)\n")
    assert not scan(catalogue, tree, ["rocm"], options=kept).findings[1:]
    (tree / "scale.cu").write_text("__global__ void scale() {\n}\n")
    again = scan(catalogue, tree, ["rocm"], options=kept)
    assert again.findings == scan(catalogue, tree, ["rocm"], options=Options(cached=False)).findings
    assert "ci-kernel-test" in {one.rule for one in again.findings}


def test_whatever_is_damaged_in_a_cache_is_done_without(tmp_path, catalogue):
    tree, kept = tmp_path / "tree", Options(cache=tmp_path / "cache")
    tree.mkdir()
    (tree / "a.py").write_text("x.cuda()\n")
    whole = scan(catalogue, tree, ["ascend"], options=kept)
    (path,) = (tmp_path / "cache").iterdir()
    good, draw = path.read_bytes(), random.Random(7)
    assert len(cache.load(path).files) == 1
    nested = [b"\0" * 4 + b"\x91" * 200_000, b"", good[:3], good[:-1], good.replace(b"a.py", b"\xff.py")]
    for _ in range(300):
        at = draw.randrange(len(good))
        nested.append(good[:at] + bytes([draw.randrange(256)]) + good[at + draw.randrange(3) :])
    for damaged in nested:
        path.write_bytes(damaged)
        assert not cache.load(path).files or damaged == good
    assert scan(catalogue, tree, ["ascend"], options=kept).findings == whole.findings


def test_a_full_disk_stops_no_scan(tmp_path, catalogue, monkeypatch):
    (tmp_path / "a.py").write_text("x.cuda()\n")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("polysilicon.records.files.os.fsync", full)
    assert scan(catalogue, tmp_path, ["ascend"], options=Options(cache=tmp_path / "cache")).counted


def test_a_file_that_could_not_be_read_is_tried_again(tmp_path, catalogue, monkeypatch):
    tree, kept = tmp_path / "tree", Options(cache=tmp_path / "cache", jobs=1)
    tree.mkdir()
    (tree / "a.py").write_text("x.cuda()\n")

    def refused(patterns, root, found):
        return read_file(patterns, root / "nowhere", found)

    with monkeypatch.context() as for_now:
        for_now.setattr("polysilicon.porting.pool.read_file", refused)
        assert scan(catalogue, tree, ["ascend"], options=kept).passed
    again = scan(catalogue, tree, ["ascend"], options=kept)
    assert (again.reread, bool(again.counted)) == (1, True)


@pytest.mark.parametrize("narrow", ["one/a.py", "--exclude"])
def test_a_narrower_question_leaves_the_rest_in_the_cache(tmp_path, catalogue, narrow):
    tree, kept = tmp_path / "one", Options(cache=tmp_path / "cache")
    tree.mkdir()
    for name in "abc":
        (tree / f"{name}.py").write_text("x.cuda()\n")
    scan(catalogue, tree, ["ascend"], options=kept)
    (tree / "a.py").write_text("y = x.cuda()\n")
    (tree / "c.py").unlink()
    if narrow == "--exclude":
        less = scan(catalogue, tree, ["ascend"], options=Options(cache=tmp_path / "cache", leave_out=("b.py",)))
    else:
        less = scan(catalogue, tmp_path / narrow, ["ascend"], options=kept)
    assert (less.reread, scan(catalogue, tree, ["ascend"], options=kept).reread) == (1, 0)
    (path,) = (tmp_path / "cache").iterdir()
    assert cache.load(path).files.keys() == {"a.py", "b.py"}
