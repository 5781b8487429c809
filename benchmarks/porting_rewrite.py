"""`polysilicon port rewrite` on public repositories.

Does every file still compile, does a second run change nothing, and do the programs do the same on a CPU?

    python benchmarks/porting_rewrite.py FOLDER [FOLDER ...] [--python PYTHON] [--out RESULT.csv]

A folder is a checkout or a bare git mirror (its HEAD is read). Before and after are laid side by side; changed modules
are imported, and every program of `benchmarks/porting_programs/NAME.py` is run, in both, under `porting_trace.py`. The
original runs twice: lines it does not print alike itself (times) are not compared. PYTHON has PyTorch and what the
repositories need; what it lacks ends both versions alike, and is counted apart.
"""

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from polysilicon.facts import load
from polysilicon.porting.rewriting import Choice, Rewritten, names, rewrite
from polysilicon.porting.rewriting.patches import lines_changed
from polysilicon.porting.rewriting.source import parse

HERE = Path(__file__).parent
KEPT = (".py", ".yaml", ".yml", ".json", ".toml", ".cfg", ".txt", ".csv", ".md", ".gz", ".cu", ".cuh", ".cpp", ".h")
MOST_BYTES = 3_000_000
PATIENCE_S = 150
COLUMNS = (
    "repository", "python_files", "files_changed", "new_files", "lines_removed", "lines_added", "compile",
    "second_run_changes", "offered", "by_hand", "skipped", "traces", "identical", "with_operators", "operators",
    "ended_early", "seconds",
)  # fmt: skip


@dataclass
class Traces:
    """How many pairs of runs were compared, and what they were."""

    compared: int = 0
    identical: int = 0
    with_operators: int = 0
    operators: int = 0
    early: int = 0
    different: list[str] = field(default_factory=list)


def lay_out(folder: Path, to: Path) -> None:
    """The text files of a checkout, or of the HEAD of a mirror, below `to`."""
    if (folder / "HEAD").is_file() and (folder / "objects").is_dir():
        git = ["git", "-C", str(folder)]
        listed = subprocess.run([*git, "ls-tree", "-r", "-z", "HEAD"], capture_output=True, check=True).stdout
        with subprocess.Popen([*git, "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as batch:
            for entry in listed.split(b"\0")[:-1]:
                meta, path = entry.split(b"\t", 1)
                mode, kind, blob = meta.split()[:3]
                name = path.decode(errors="surrogateescape")
                if kind == b"blob" and mode != b"120000" and name.endswith(KEPT):
                    batch.stdin.write(blob + b"\n")
                    batch.stdin.flush()
                    _put(batch.stdout, to / name)
            batch.stdin.close()
        return
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink() and file.suffix in KEPT and file.stat().st_size < MOST_BYTES:
            target = to / file.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)


def _put(stream, target: Path) -> None:
    """One answer of `git cat-file --batch`; a blob that a partial mirror lacks is passed over."""
    header = stream.readline().split()
    if header[-1] == b"missing":
        return
    data = stream.read(int(header[2]) + 1)[:-1]
    if len(data) < MOST_BYTES:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def trace(python: str, tree: Path, what: list[str]) -> dict:
    """One run of a program in a tree."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "CUDA_VISIBLE_DEVICES": ""}
        environment |= {
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_OFFLINE": "1",
            "PYTHONPATH": str(HERE / "porting_stand_ins"),
        }
        command = [python, str(HERE / "porting_trace.py"), out.name, *what]
        try:
            subprocess.run(command, cwd=tree, env=environment, capture_output=True, timeout=PATIENCE_S, check=False)
        except subprocess.TimeoutExpired:
            return {"ended": "out of patience", "operators": 0, "digest": "", "lines": []}
        text = Path(out.name).read_text()
        return json.loads(text) if text else {"ended": "died", "operators": 0, "digest": "", "lines": []}


def compare(python: str, before: Path, after: Path, what: list[str], found: Traces) -> None:
    """The same program in both trees; what the original does not repeat itself is not compared."""
    first, new = trace(python, before, what), trace(python, after, what)
    again = first if what[0] == "--import" and first == new else trace(python, before, what)
    steady = {at for at, pair in enumerate(zip(first["lines"], again["lines"], strict=False)) if pair[0] == pair[1]}
    keys = ["ended", "operators"] + (["digest"] if first["digest"] == again["digest"] else [])
    same = all(first[key] == new[key] for key in keys) and len(first["lines"]) == len(new["lines"])
    same = same and all(first["lines"][at] == new["lines"][at] for at in steady)
    found.compared += 1
    found.identical += same
    found.operators += first["operators"]
    found.with_operators += first["operators"] > 0
    found.early += first["ended"] != "ran to its end"
    if not same:
        told = f"{first['ended']} / {new['ended']}; {first['operators']} / {new['operators']}"
        found.different.append(f"{what}: {told}")
    shown = what[-1] if what[0] == "--import" else Path(what[0]).name
    said = "same" if same else "DIFFERENT"
    print(f"    {shown}: {first['ended'][:90]}, {first['operators']} operators, {said}", flush=True)


def put_in_place(made: Rewritten, tree: Path) -> None:
    for path, _, after in made.changes():
        (tree / path).write_bytes(after)


def measure(folder: Path, python: str, known, most: int) -> dict:
    """The row of one repository."""
    name = folder.parent.name if folder.name == "repo" else folder.name
    with tempfile.TemporaryDirectory() as room:
        before, after = Path(room, "before", "tree"), Path(room, "after", "tree")
        before.mkdir(parents=True)
        lay_out(folder, before)
        shutil.copytree(before, after)
        started = time.perf_counter()
        made = rewrite(after, known, Choice(), cores=2)
        seconds = time.perf_counter() - started
        put_in_place(made, after)
        compiled = 0
        for one in made.changed:
            parse(one.path, (after / one.path).read_bytes())
            compile((after / one.path).read_bytes(), one.path, "exec", dont_inherit=True)
            compiled += 1
        second = rewrite(after, known, Choice(), cores=2)
        counts = [lines_changed(old or b"", new or b"") for _, old, new in made.changes()]
        found = Traces()
        print(f"{name}: {len(made.changed)} of {made.read} files change", flush=True)
        for program in sorted((HERE / "porting_programs").glob(f"{name.partition('+')[2] or name}*.py")):
            compare(python, before, after, [str(program)], found)
        for one in made.changed[:most]:
            if not {"tests", "test"} & set(Path(one.path).parts) and not Path(one.path).name.startswith("test_"):
                compare(python, before, after, ["--import", one.path], found)
        for line in found.different:
            print(f"  DIFFERENT {line}", flush=True)
        left = [site for _, site in made.sites(taken=False)]
        return dict(zip(COLUMNS, (
            name, made.read, len(made.changed), len(made.helpers),
            sum(one[0] for one in counts), sum(one[1] for one in counts),
            f"{compiled}/{len(made.changed)}", len(second.changed), sum(one.edit is not None for one in left),
            sum(one.edit is None for one in left), sum(made.skipped.values()), found.compared, found.identical,
            found.with_operators, found.operators, found.early, round(seconds, 1),
        ), strict=True))  # fmt: skip


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folders", nargs="+", type=Path)
    ask.add_argument("--python", default=sys.executable)
    ask.add_argument("--torch-version", default=None)
    ask.add_argument("--imports", type=int, default=4, help="how many changed modules of a repository are imported")
    ask.add_argument("--out", type=Path)
    given = ask.parse_args()
    known = names(load(), given.torch_version)
    print(known.checked)
    rows = [measure(folder, given.python, known, given.imports) for folder in given.folders]
    widths = [max(len(name), *(len(str(row[name])) for row in rows)) for name in COLUMNS]
    for row in [dict(zip(COLUMNS, COLUMNS, strict=True)), *rows]:
        print("  ".join(str(row[name]).ljust(width) for name, width in zip(COLUMNS, widths, strict=True)))
    if given.out:
        with given.out.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
