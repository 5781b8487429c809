"""Hostile files are survived and counted; what is rewritten keeps its encoding and its line ends."""

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.porting.rewriting import Choice, rewrite
from polysilicon.porting.rewriting.source import MOST_BYTES

LINE = "x = torch.zeros(1, device='cuda')"
NEW = """x = torch.zeros(1, device=getattr(torch.accelerator.current_accelerator(), "type", "cuda"))"""


def only(known, folder):
    return rewrite(folder, known, Choice())


@pytest.mark.parametrize(
    ("before", "encoding"),
    [
        (f"import torch\r\n{LINE}\r\n", "utf-8"),
        (f"import torch\r\n{LINE}\nprint()\r\n", "utf-8"),
        (f"import torch\n{LINE}", "utf-8"),
        (f"import torch\n{LINE}\n", "utf-8-sig"),
        (f"# -*- coding: latin-1 -*-\nimport torch\nname = 'é'; {LINE}\n", "latin-1"),
        (f"# coding: gbk\nimport torch\nname = '设备'; {LINE}\n", "gbk"),
        (f"import torch\nname = '设备'; {LINE}  # 在 cuda 上\n", "utf-8"),
        (f"import torch\nif torch:\n\t{LINE}\n", "utf-8"),
        (f"#!/usr/bin/env python\nfrom __future__ import annotations\nimport torch\n{LINE}\n", "utf-8"),
    ],
)
def test_bytes_that_are_not_rewritten_stay(known, tmp_path, before, encoding):
    (tmp_path / "a.py").write_bytes(before.encode(encoding))
    made = only(known, tmp_path)
    assert made.changed[0].after == before.replace(LINE, NEW).encode(encoding)


def test_what_cannot_be_read_is_counted_by_its_reason(known, tmp_path):
    for name, content in {
        "good.py": f"import torch\n{LINE}\n".encode(),
        "two.py": b"import torch\nprint 'cuda'\n",
        "broken.py": b"import torch\nx = ('cuda'\n",
        "latin.py": b"import torch\nx = 'cuda \xe9'\n",
        "cookie.py": b"# coding: no-such-thing\nx = 'cuda'\n",
        "null.py": b"import torch\nx = 'cuda\0'\n",
        "deep.py": b"x = 'cuda'" + b" + 1" * 100_000 + b"\n",
        "huge.py": b"x = 'cuda'  # " + b"x" * MOST_BYTES,
        "utf16.py": f"import torch\n{LINE}\n".encode("utf-16"),
        "wide.py": f"import torch\n{LINE}\n".encode("utf-16-be"),
        "wider.py": f"import torch\n{LINE}\n".encode("utf-32"),
        "book.ipynb": b"{}",
        "plain.py": b"x = 1\n",
    }.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "link.py").symlink_to(tmp_path / "good.py")
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere.py")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.py")
    made = only(known, tmp_path)
    assert [one.path for one in made.changed] == ["good.py"]
    assert made.read == 2
    assert made.skipped == {
        "larger than 2 MB": 1,
        "nested too deeply": 1,
        "no regular file": 1,
        "not in the encoding that it states (or UTF-8)": 5,
        "notebook": 1,
        "symbolic link": 2,
        "syntax error (Python 2, a template, or broken)": 3,
    }


@pytest.mark.parametrize("tail", ["\ny = " + "+".join(['"a"'] * 400), ".a()" * 300])
def test_a_file_that_is_nested_too_deeply_is_passed_over_alone(known, tmp_path, tail):
    (tmp_path / "a.py").write_text(f"import torch\n{LINE}{tail}\n")
    (tmp_path / "good.py").write_text(f"import torch\n{LINE}\n")
    made = only(known, tmp_path)
    assert made.refused == {"a.py": "nested too deeply"}
    assert [one.path for one in made.changed] == ["good.py"]


def test_folders_are_read_as_deeply_as_they_are_nested(known, tmp_path):
    (tmp_path / "a.py").write_text(f"import torch\n{LINE}\n")
    deep = tmp_path
    for _ in range(1000):
        deep /= "d"
        deep.mkdir()
    try:
        (deep / "b.py").write_text(f"import torch\n{LINE}\n")
        assert [one.path for one in only(known, tmp_path).changed] == ["a.py", "d/" * 1000 + "b.py"]
    finally:  # what tidies up after tests can't
        (deep / "b.py").unlink()
        os.removedirs(deep)


def test_a_folder_that_cannot_be_read_is_counted(known, tmp_path):
    (tmp_path / "a.py").write_text(f"import torch\n{LINE}\n")
    place = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):  # a path that is too long, which no user may read
        os.mkdir("x" * 240, dir_fd=place)
        inner = os.open("x" * 240, os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inner
    os.close(place)
    made = only(known, tmp_path)
    assert made.read == 1
    assert made.skipped == {"folder that is not readable": 1}


def test_a_file_that_libcst_does_not_give_back_whole_is_refused(known, tmp_path):
    (tmp_path / "feed.py").write_bytes(f"import torch\n\f\n{LINE}\n".encode())
    made = only(known, tmp_path)
    assert made.changed == [] or made.changed[0].after == f"import torch\n\f\n{NEW}\n".encode()
    assert len(made.changed) + len(made.refused) == 1


def test_version_control_and_environments_are_not_entered(known, tmp_path):
    for folder in (".git", "venv", "node_modules", "pkg/__pycache__"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.py").write_text(f"import torch\n{LINE}\n")
    assert only(known, tmp_path).read == 0


def test_many_files_are_done_in_several_processes_with_the_same_answer(known, tmp_path):
    for at in range(70):
        (tmp_path / f"m{at:02}.py").write_text(f"import torch\n{LINE}\n")
    seen = []
    shared = rewrite(tmp_path, known, Choice(), cores=2, progress=lambda done, whole: seen.append((done, whole)))
    assert shared.diff() == only(known, tmp_path).diff()
    assert len(shared.changed) == 70
    assert seen[-1] == (70, 70)


PIECES = [
    "x = x.to('cuda')",
    "d = 'cuda' if torch.cuda.is_available() else 'cpu'",
    "if torch.cuda.is_available():\n    torch.cuda.empty_cache()",
    "s = torch.cuda.amp.GradScaler(enabled=True)",
    "with torch.cuda.amp.autocast():\n    pass",
    "torch.distributed.init_process_group('nccl')",
    "m = M().cuda(non_blocking=True)",
    "n = torch.cuda.device_count()  # cuda",
    "p = torch.cuda.get_device_properties(0)",
    "if d == 'cuda': pass",
    'e = torch.device(f"cuda:{n}")',
    "y = torch.load('a')",
    "'''cuda'''",
    "z = [1,\n  2]",
]


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6), st.sampled_from(["S", "SR"]))
def test_a_second_run_changes_nothing_and_comments_stay(known, tmp_path_factory, pieces, grades):
    folder = tmp_path_factory.mktemp("tree", numbered=True)
    before = "import torch\n" + "\n".join(pieces) + "\n"
    (folder / "a.py").write_text(before)
    choice = Choice(frozenset(grades))  # type: ignore[arg-type]
    made = rewrite(folder, known, choice)
    assert made.refused == {}
    for path, _, after in made.changes():
        (folder / path).write_bytes(after or b"")
    text = (folder / "a.py").read_text()
    assert not rewrite(folder, known, choice).changed
    assert re.findall("#.*", text) == re.findall("#.*", before)
    assert os.listdir(folder) == ["a.py"]
