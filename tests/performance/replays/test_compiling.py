"""The compiler is never waited for, and a cache that can't be written breaks nothing."""

import os
import subprocess
import sys

import pytest
from tests.performance.replays.made import Made, made_traffic

from polysilicon.performance.replays import compiling
from polysilicon.performance.replays.assembly import Policies, assemble


def cluster(count):
    return assemble(made_traffic(list(range(count)), 1, 1), Made(), Policies())


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch):
    monkeypatch.setattr(compiling, "_made", None)


@pytest.fixture
def no_compiler(monkeypatch):
    monkeypatch.setattr(compiling, "compiled", lambda _: pytest.fail("asked for the compiler"))


def test_a_small_replay_runs_without_the_compiler(no_compiler):
    assert compiling.kernel(cluster(10)) is compiling.PLAINLY


def test_a_middling_replay_waits_for_no_compiler_where_nothing_is_kept(no_compiler, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "none"))
    assert compiling.kernel(cluster(15_000)) is compiling.PLAINLY


def test_a_long_replay_is_compiled_and_so_is_one_that_looks_at_many_replicas(monkeypatch):
    monkeypatch.setattr(compiling, "compiled", lambda _: "compiled")
    assert compiling.kernel(cluster(250_000)) == "compiled"
    many = assemble(made_traffic(list(range(20_000)), 1, 1), Made(), Policies(4000))
    assert compiling.kernel(many) == "compiled"


def test_one_that_runs_many_times_is_compiled_sooner(monkeypatch):
    monkeypatch.setattr(compiling, "compiled", lambda _: "compiled")
    assert compiling.kernel(cluster(15_000), times=100) == "compiled"


def test_what_is_compiled_already_is_used_however_small_the_replay(monkeypatch):
    monkeypatch.setattr(compiling, "_made", "compiled")
    assert compiling.kernel(cluster(10)) == "compiled"


def test_a_small_replay_does_not_import_the_compiler():
    code = (
        "import sys; from polysilicon.cli.app import run; assert run(['replay', 'llama-3.1-8b', '--chip', "
        "'nvidia-h100-sxm-80gb', '--poisson', '1', '--input', '9', '--output', '9', '--requests', '5']) == 0; "
        "assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize("failure", [OSError("read-only file system"), RuntimeError("no locator available")])
def test_a_cache_that_cannot_be_written_breaks_nothing(monkeypatch, tmp_path, failure):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked = []

    def compile_(_, folder):
        asked.append(folder)
        if folder is not None:
            raise failure
        return compiling.PLAINLY

    monkeypatch.setattr(compiling, "_compile", compile_)
    assert compiling.compiled(cluster(1)) is compiling.PLAINLY
    assert asked[-1] is None


def test_a_broken_cache_is_made_anew(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = compiling.cache_folder()
    folder.mkdir(parents=True)
    (folder / "broken.nbc").write_text("garbage")

    def compile_(_, where):
        if list(where.glob("*.nbc")):
            raise EOFError
        return compiling.PLAINLY

    monkeypatch.setattr(compiling, "_compile", compile_)
    assert compiling.compiled(cluster(1)) is compiling.PLAINLY
    assert not compiling.kept()


def test_a_cache_folder_that_is_a_file_breaks_nothing(tmp_path):
    blocked = tmp_path / "cache"
    blocked.write_text("a file stands where the folder should be")
    code = (
        "from polysilicon.performance.replays.assembly import *; "
        "from tests.performance.replays.made import *; import polysilicon.performance.replays.compiling as c; "
        "assert not c.kept(); "
        "k = c.kernel(assemble(made_traffic(list(range(15000)), 1, 1), Made(), Policies())); assert not k.compiled"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=60, env={**os.environ, "XDG_CACHE_HOME": str(blocked)}
    )
