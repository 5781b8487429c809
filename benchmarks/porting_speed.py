"""How fast `port scan` reads Python, beside libcst, and how much a second scan costs.

    python benchmarks/porting_speed.py                       the installed torch, else the standard library
    python benchmarks/porting_speed.py TREE --libcst-files 60

Lines a second are of Python over all cores, process start included. libcst (if installed) passes over a sample of the
same files, parse and an empty visitor, on the one core it uses; `ast` parses the same sample. Ratios of CPU time a line
hold on a busy machine, which slows both; over all cores a scan does that many times more. A rescan is of one changed
file, short or long: the call alone, without the start of the interpreter; and then the whole command, its printing
included, beside the same command on an empty folder, which is its start. Memory is the peak of the parent and of its
largest worker.
"""

import argparse
import ast
import importlib.util
import os
import resource
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import warnings
from pathlib import Path

from polysilicon.facts import Catalogue, load
from polysilicon.porting import Options, scan

TARGET = "ascend@950dt"
LAPS = 5
NOT_PYTHON = ("*.h", "*.hpp", "*.cuh", "*.cu", "*.cpp", "*.cc", "*.c", "*.cmake", "*.yaml", "*.yml", "*.sh", "*.toml")


def default_tree() -> Path:
    found = importlib.util.find_spec("torch")
    places = list(found.submodule_search_locations or []) if found else []
    return Path(places[0]) if places else Path(sysconfig.get_path("stdlib"))


def cpu_s() -> float:
    """CPU time of this process and of its finished children."""
    told = os.times()
    return told.user + told.system + told.children_user + told.children_system


def sample(tree: Path, count: int) -> list[Path]:
    files = sorted(one for one in tree.rglob("*.py") if "__pycache__" not in one.parts and one.stat().st_size < 500_000)
    return files[:: max(1, len(files) // count)][:count]


def parse_rates(files: list[Path]) -> dict[str, float]:
    """Lines a CPU-second of each parser that is there."""
    texts = [one.read_text(encoding="utf-8", errors="replace") for one in files]
    lines = sum(text.count("\n") for text in texts)
    parsers = {"ast": ast.parse}
    if importlib.util.find_spec("libcst"):
        import libcst

        parsers["libcst"] = lambda text: libcst.parse_module(text).visit(libcst.CSTVisitor())
    rates: dict[str, float] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, parse in parsers.items():
            start = time.process_time()
            for text in texts:
                try:
                    parse(text)
                except Exception:  # noqa: BLE001 - a file that one parser refuses costs both about the same
                    continue
            rates[name] = lines / (time.process_time() - start)
    return rates


def rescan(catalogue: Catalogue, tree: Path, options: Options, lines: int) -> tuple[float, float, float, int]:
    """Wall seconds, least and median, and least CPU seconds of a scan after a change in the file that comes nearest to
    `lines`; and its lines.
    """
    changed = nearest_in_length(tree, lines)
    length = changed.read_bytes().count(b"\n")
    times: list[tuple[float, float]] = []
    for lap in range(LAPS):
        changed.write_text(changed.read_text(encoding="utf-8") + f"\nx{lap} = 'cuda:{lap}'\n", encoding="utf-8")
        start, before = time.perf_counter(), cpu_s()
        again = scan(catalogue, tree, [TARGET], options=options)
        times.append((time.perf_counter() - start, cpu_s() - before))
        assert again.reread == 1
    walls, cpus = zip(*times, strict=True)
    return min(walls), statistics.median(walls), min(cpus), length


def nearest_in_length(tree: Path, lines: int) -> Path:
    """The file of Python that comes nearest to that many lines."""
    lengths = {one: one.read_bytes().count(b"\n") for one in tree.rglob("*.py")}
    return min(lengths, key=lambda one: (abs(lengths[one] - lines), one))


def commands(tree: Path, changed: Path, folder: Path) -> tuple[float, float]:
    """Least wall seconds of `port scan` after a change of one file, and of the same command on an empty folder."""
    empty = folder / "empty"
    empty.mkdir()
    own = {**os.environ, "XDG_CACHE_HOME": str(folder / "home")}
    times: dict[Path, list[float]] = {tree: [], empty: []}
    for lap in range(LAPS + 1):
        changed.write_text(changed.read_text(encoding="utf-8") + f"\ny{lap} = 'cuda:{lap}'\n", encoding="utf-8")
        for one, spent in times.items():
            start = time.perf_counter()
            command = [sys.executable, "-m", "polysilicon", "port", "scan", str(one), "--target", TARGET]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=own)
            spent.append(time.perf_counter() - start)
    return min(times[tree][1:]), min(times[empty][1:])  # the first reads everything


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=Path, nargs="?", default=default_tree())
    parser.add_argument("--libcst-files", type=int, default=60)
    parser.add_argument("--laps", type=int, default=2)
    chosen = parser.parse_args()
    catalogue = load()
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder, "cache")
        best, spent, lines = float("inf"), float("inf"), 0
        for _ in range(chosen.laps):
            shutil.rmtree(cache, ignore_errors=True)
            start, before = time.perf_counter(), cpu_s()
            found = scan(catalogue, chosen.tree, [TARGET], options=Options(leave_out=NOT_PYTHON, cache=cache))
            best, spent = min(best, time.perf_counter() - start), min(spent, cpu_s() - before)
            lines = found.lines["python"]
        peak = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
        print(f"{chosen.tree}: {lines:,} lines of Python in {found.files:,} files, {len(found.counted):,} findings")
        print(f"scan      {lines / best:>10,.0f} lines a second over {os.cpu_count()} cores ({best:.1f} s)")
        print(f"scan      {lines / spent:>10,.0f} lines a CPU-second ({spent:.1f} s)")
        print(f"memory    {peak:>10,.0f} MB: parent and its largest worker, at their peaks")
        rates = parse_rates(sample(chosen.tree, chosen.libcst_files))
        for name, rate in rates.items():
            ratio, cores = lines / spent / rate, os.cpu_count() or 1
            print(
                f"{name:9} {rate:>10,.0f} lines a CPU-second; the scan does {ratio:.2f} times that on a core,", end=" "
            )
            print(f"{ratio * cores:.1f} times over {cores}")
        copy = Path(folder, "copy")
        shutil.copytree(chosen.tree, copy, ignore=shutil.ignore_patterns("__pycache__", *NOT_PYTHON, "*.so*", "lib"))
        options = Options(cache=cache)
        scan(catalogue, copy, [TARGET], options=options)
        for lines in (500, 2_000, 6_000):
            least, middle, cpu, length = rescan(catalogue, copy, options, lines)
            print(f"rescan    {least:>10.3f} s after one changed file of {length:,} lines,", end=" ")
            print(f"median of {LAPS} {middle:.3f} s; {cpu:.3f} s of CPU")
        whole, start = commands(copy, nearest_in_length(copy, 500), Path(folder))
        print(
            f"command   {whole:>10.3f} s after one changed file of about 500 lines, {start:.3f} s on an empty folder:"
        )
        print(f"command   {whole - start:>10.3f} s plus its start, least of {LAPS} each")


if __name__ == "__main__":
    main()
