"""Whatever is in a tree, a scan ends, and says what it passed over."""

import os
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polysilicon.facts.porting import PortRule, PortTarget
from polysilicon.porting import Options, scan
from polysilicon.porting.inventory import inventory
from polysilicon.porting.patterns import compiled
from polysilicon.porting.reading import read_bytes


@pytest.fixture(scope="module")
def patterns(catalogue):
    return compiled(catalogue.every(PortRule), catalogue.every(PortTarget))


@pytest.mark.parametrize(
    ("raw", "doubt"),
    [
        (b"print 'cuda'\nx.cuda()\n", "Python 2"),
        (b"def f(:\n    x.cuda()\n", "syntax error"),
        (b"x = " + b"(" * 5_000 + b"1" + b")" * 5_000 + b"\ny.cuda()\n", "nested too deeply"),
        (b"x = a" + b".b" * 50_000 + b"\ny.cuda()\n", "nested too deeply"),
        (b"y.cuda() # \xff\xfe\n", "invalid UTF-8"),
    ],
)
def test_python_that_no_parser_takes_is_read_by_lines(patterns, raw, doubt):
    read = read_bytes(patterns, "a.py", "python", raw)
    assert doubt in read.doubt
    assert "dev-method" in {one.rule for one in read.sightings}


def test_expressions_may_be_deeper_than_the_stack(patterns):
    deep = "x = " + " + ".join(["'cuda'"] * (sys.getrecursionlimit() // 2))
    assert read_bytes(patterns, "a.py", "python", deep.encode()).sightings


def test_a_long_ladder_is_no_recursion(patterns):
    text = "if x: pass\n" + "elif x == 'cuda': pass\n" * 3_000
    read = read_bytes(patterns, "a.py", "python", text.encode())
    assert len({one.line for one in read.sightings}) == 3_000


def test_a_coding_that_makes_lines_stops_nothing(patterns):
    raw = b"# coding: unicode_escape\n\xe9 = (y\\n\\n\\n.cuda())\n"
    assert [one.rule for one in read_bytes(patterns, "a.py", "python", raw).sightings] == ["dev-method"]


def test_lone_surrogates_and_line_breaks_do_not_reach_the_reader(patterns):
    read = read_bytes(patterns, "a.py", "python", b"x = torch.device('cuda:\\ud800\\n')\n")
    assert all(one.symbol.isprintable() for one in read.sightings)
    assert all(one.symbol.encode() for one in read.sightings)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=300), kind=st.sampled_from(["python", "notebook", "kernel", "yaml", "shell", "cmake"]))
def test_no_bytes_stop_a_reader(patterns, raw, kind):
    read_bytes(patterns, "a", kind, raw + b"\ncuda")


def test_what_is_passed_over_is_counted(tmp_path, catalogue):
    (tmp_path / "big.py").write_bytes(b"x='cuda';" * 5_000)
    (tmp_path / "bin.py").write_bytes(b"x='cuda'\0")
    (tmp_path / "a.txt").write_text("cuda")
    (tmp_path / "bad.ipynb").write_text("{}")
    (tmp_path / ".git").mkdir()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    (tmp_path / "link.py").symlink_to(tmp_path / "nowhere.py")
    (tmp_path / "keep.py").write_text("x.cuda()\n")
    os.mkfifo(tmp_path / "pipe.py")
    told = scan(catalogue, tmp_path, ["ascend"], options=Options(cached=False, most_bytes=10_000))
    assert told.files == 1
    reasons = {one.why: one.files for one in told.passed}
    assert reasons == {
        "larger than 0.01 MB": 1,
        "binary": 1,
        "no reader for this kind of file": 1,
        "no notebook": 1,
        "folder of version control": 1,
        "a link": 2,
        "no regular file": 1,
    }


def test_a_name_that_is_no_text_is_passed_over(tmp_path):
    try:
        (tmp_path / os.fsdecode(b"\xff.py")).write_text("x")
    except OSError:
        pytest.skip("this file system takes no such name")
    assert inventory(tmp_path).skipped["name is no UTF-8"] == 1


def test_a_file_that_vanishes_between_listing_and_reading_is_counted(tmp_path, catalogue, monkeypatch):
    (tmp_path / "a.py").write_text("x.cuda()")
    (tmp_path / "b.py").write_text("x.cuda()")
    listed = inventory(tmp_path)
    (tmp_path / "a.py").unlink()
    monkeypatch.setattr("polysilicon.porting.scanning.inventory", lambda *asked: listed)
    told = scan(catalogue, tmp_path, ["ascend"], options=Options(cached=False))
    assert [(one.why, one.files) for one in told.passed] == [("vanished", 1)]
    assert told.files == 1


def test_text_that_tangles_the_grammar_is_read_by_lines_and_said_so(scanned, monkeypatch):
    pytest.importorskip("tree_sitter_cuda")
    monkeypatch.setattr("polysilicon.porting.kernels.MOST_PARSE_S", 0.05)
    tangle = 'const char* g = "a/*b";\n/*' * 2_000
    told = scanned({"tangle.cu": tangle, "plain.cu": "#include <cuda_runtime.h>\n"}, "musa")
    assert [(one.why, one.files) for one in told.doubted] == [("too tangled for the grammar, read by lines", 1)]
    assert {one.path for one in told.findings} >= {"plain.cu"}
