"""What `port scan` finds of real ports: the code before, the changes that a port made, and how many lines they took.

    python benchmarks/porting_pairs.py MIRRORS              every pair whose repositories are there
    python benchmarks/porting_pairs.py MIRRORS --only trl   some of them
    python benchmarks/porting_pairs.py MIRRORS --missed     and the hunks that were not found

MIRRORS holds git directories, as `owner+name/repo`, `owner/name` or `owner/name.git`. `porting_pairs.csv` lists the
pairs: `upstream` ports took part in setting the rules, `held back` ones took none (nobody read their hunks), and
`whole model` ports are copies of a model repository in Ascend's ModelZoo, which change much that has to do with no
vendor.

The universe is code, build and requirement files without docs, notebooks and other people's code. A hunk is a maximal
changed block that is not only blank lines or lines that begin as a comment (`#`, `//`, `*`); a *port hunk* has new text
that names a vendor's stack, or old text that names CUDA. A line is *flagged* if a finding for the port's target is
listed there: causes and what follows a helper, not notes, not repetitions. A hunk is found if a flagged line is inside
it or within two lines. Precision is the share of flagged lines within two lines of a changed hunk, over the repository
and over the files that were changed: a lower bound, as a port leaves much of a repository unported. `after` counts
findings in the changed files after the port for every one before. `lines` are those the port added over those the
effort model expects of the findings in the files that it changed.
"""

import argparse
import csv
import difflib
import re
import statistics
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from polysilicon.facts import Catalogue, load
from polysilicon.facts.porting import PortRule
from polysilicon.porting import Finding, Options, scan
from polysilicon.porting.effort import SEED, draw, items

PAIRS = Path(__file__).with_name("porting_pairs.csv")
CODE = re.compile(
    r"\.(py|cu|cuh|cpp|cc|c|h|hpp|hip|sh|cmake|toml|cfg|yaml|yml|in|mk|txt|pyx|cxx|hxx|mm|bash)$"
    r"|(^|/)(CMakeLists\.txt|Makefile|Dockerfile[^/]*|setup\.py|requirements[^/]*\.txt)$"
)
NOT_CODE = re.compile(r"(^|/)(docs?|third_party|third-party|3rdparty)/")
VENDOR = re.compile(
    r"npu|musa|mlu|rocm|hip|xpu|ascend|cann|hccl|mccl|cncl|amd|gfx9|maca|mps|mtia|accelerator|sdaa|hpu"
    r"|device_type|device_module|device_support|torch_device",
    re.IGNORECASE,
)
CUDA = re.compile("cuda", re.IGNORECASE)
NEAR = 2


@dataclass(frozen=True)
class Hunk:
    """Lines `first` to `last` of the old file (from 1), and whether the change names a vendor."""

    path: str
    first: int
    last: int
    new_lines: int
    is_port: bool

    def near(self, line: int) -> bool:
        return self.first - NEAR <= line <= max(self.last, self.first) + NEAR


@dataclass(frozen=True)
class Row:
    """One pair: port hunks found, and all; flags that are good, and all; findings after; lines real and expected."""

    name: str
    kind: str
    found: int
    hunks: int
    good: int
    flagged: int
    in_changed: int
    before: int
    after: int
    real_lines: int
    expected_lines: float

    @property
    def recall(self) -> float:
        return self.found / max(self.hunks, 1)

    @property
    def precision(self) -> float:
        return self.good / max(self.flagged, 1)

    @property
    def precision_changed(self) -> float:
        return self.good / max(self.in_changed, 1)


def git_directory(mirrors: Path, repo: str) -> Path | None:
    owner, name = repo.split("/")
    for one in (mirrors / f"{owner}+{name}" / "repo", mirrors / owner / name, mirrors / owner / f"{name}.git"):
        if one.is_dir():
            return one
    return None


def git(directory: Path, *arguments: str, given: bytes | None = None) -> bytes:
    return subprocess.run(
        ["git", "-C", str(directory), *arguments], capture_output=True, check=True, input=given
    ).stdout


def tree(directory: Path, commit: str, below: str) -> dict[str, str]:
    """Path below `below` to blob, for the files of the universe."""
    told = git(directory, "ls-tree", "-r", "-z", commit, *([below + "/"] if below else [])).decode("utf-8", "replace")
    found: dict[str, str] = {}
    for entry in filter(None, told.split("\0")):
        meta, path = entry.split("\t", 1)
        mode, kind, blob = meta.split()
        path = path.removeprefix(below + "/") if below else path
        if kind == "blob" and mode != "120000" and CODE.search(path) and not NOT_CODE.search(path):
            found[path] = blob
    return found


def blobs(directory: Path, wanted: list[str]) -> dict[str, bytes]:
    """Contents by blob; a blob that the mirror lacks is empty."""
    told = git(directory, "cat-file", "--batch", given="\n".join(wanted).encode())
    found: dict[str, bytes] = {}
    at = 0
    for blob in wanted:
        end = told.index(b"\n", at)
        head = told[at:end].split()
        size = 0 if head[-1] == b"missing" else int(head[2])
        found[blob] = told[end + 1 : end + 1 + size]
        at = end + 1 + (size + 1 if head[-1] != b"missing" else 0)
    return found


def is_trivial(line: str) -> bool:
    bare = line.strip()
    return not bare or bare.startswith(("#", "//", "*", "/*"))


def hunks_of(path: str, old: bytes, new: bytes) -> list[Hunk]:
    before, after = (text.decode("utf-8", "replace").splitlines() for text in (old, new))
    found: list[Hunk] = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal" and not all(map(is_trivial, before[i1:i2] + after[j1:j2])):
            is_port = bool(VENDOR.search("\n".join(after[j1:j2])) or CUDA.search("\n".join(before[i1:i2])))
            found.append(Hunk(path, i1 + 1, i2, j2 - j1, is_port))
    return found


def listed(catalogue: Catalogue, files: dict[str, bytes], target: str) -> list[Finding]:
    """The findings that a reader is shown for a tree of these files."""
    with tempfile.TemporaryDirectory() as folder:
        for path, content in files.items():
            whole = Path(folder, path)
            whole.parent.mkdir(parents=True, exist_ok=True)
            whole.write_bytes(content)
        found = scan(catalogue, Path(folder), [target], options=Options(cached=False, jobs=1)).findings
    return [one for one in found if one.listed]


def measure(catalogue: Catalogue, mirrors: Path, pair: dict[str, str], *, missed: bool) -> Row | None:
    after_repo, _, below = pair["after_repo"].partition(":")
    old_place, new_place = git_directory(mirrors, pair["repo"]), git_directory(mirrors, after_repo)
    if old_place is None or new_place is None:
        return None
    old, new = tree(old_place, pair["before"], ""), tree(new_place, pair["after"], below)
    old_text = blobs(old_place, list(old.values()))
    new_text = blobs(new_place, [new[path] for path in new])
    changed = [path for path in old if path in new and old[path] != new[path]]
    hunks = [one for path in changed for one in hunks_of(path, old_text[old[path]], new_text[new[path]])]
    by_path: dict[str, list[Hunk]] = {}
    for one in hunks:
        by_path.setdefault(one.path, []).append(one)
    before = listed(catalogue, {path: old_text[blob] for path, blob in old.items()}, pair["target"])
    flags = {(one.path, one.line) for one in before}
    ported = [one for one in hunks if one.is_port]
    found = [one for one in ported if any(one.near(line) for path, line in flags if path == one.path)]
    if missed:
        for one in ported:
            if one not in found:
                print(f"    missed {one.path}:{one.first}")
    after = listed(catalogue, {path: new_text[new[path]] for path in new}, pair["target"])
    rules = {one.id: one for one in catalogue.every(PortRule)}
    in_changed = [one for one in before if one.path in by_path]
    expected = sum(float(lines.mean()) for _, lines in items(in_changed, rules, draw(catalogue, None, SEED)))
    return Row(
        name=pair["repo"] if pair["kind"] != "whole model" else below.rpartition("/")[2],
        kind=pair["kind"],
        found=len(found),
        hunks=len(ported),
        good=sum(any(one.near(line) for one in by_path.get(path, ())) for path, line in flags),
        flagged=len(flags),
        in_changed=sum(path in by_path for path, _ in flags),
        before=sum(one.path in by_path and any(each.near(one.line) for each in by_path[one.path]) for one in before),
        after=_left(before, after, by_path),
        real_lines=sum(one.new_lines for one in hunks),
        expected_lines=expected,
    )


def _left(before: list[Finding], after: list[Finding], by_path: dict[str, list[Hunk]]) -> int:
    """Of the findings at changed places, those whose like (file, rule, symbol) is still there after the port."""
    still: dict[tuple[str, str, str], int] = {}
    for one in after:
        still[one.path, one.rule, one.symbol] = still.get((one.path, one.rule, one.symbol), 0) + 1
    left = 0
    for one in sorted(before, key=lambda each: any(hunk.near(each.line) for hunk in by_path.get(each.path, ()))):
        key = (one.path, one.rule, one.symbol)
        is_changed = any(hunk.near(one.line) for hunk in by_path.get(one.path, ()))
        if still.get(key, 0) > 0:
            still[key] -= 1
            left += is_changed
    return left


def printed(rows: list[Row], told: dict[str, dict[str, str]]) -> None:
    head = f"{'pair':34} {'port hunks':>11} {'recall':>6} {'prec.':>6} {'changed':>7} {'after':>9} {'lines':>11}"
    head += "   grep: recall, precision"
    for kind in ("upstream", "held back", "whole model"):
        of = [one for one in rows if one.kind == kind]
        if not of:
            continue
        print(f"\n{kind}\n{head}")
        for one in of:
            grep = told.get(one.name, {}) if kind == "upstream" else {}
            lines = f"{one.real_lines:5}/{one.expected_lines:<5.0f}"
            beside = f"{grep['grep_recall']}, {grep['grep_precision']}" if grep else ""
            print(
                f"{one.name[:34]:34} {one.found:5}/{one.hunks:<5} {one.recall:6.2f} {one.precision:6.3f} "
                f"{one.precision_changed:7.2f} {one.after:4}/{one.before:<4} {lines}   {beside}"
            )
        good, flagged = sum(one.good for one in of), sum(one.flagged for one in of)
        print(
            f"{'pooled':34} {sum(one.found for one in of):5}/{sum(one.hunks for one in of):<5} "
            f"{sum(one.found for one in of) / max(sum(one.hunks for one in of), 1):6.2f} {good / max(flagged, 1):6.3f} "
            f"{good / max(sum(one.in_changed for one in of), 1):7.2f} "
            f"{sum(one.after for one in of):4}/{sum(one.before for one in of):<4}"
        )
        medians = [
            statistics.median(getattr(one, name) for one in of) for name in ("recall", "precision", "precision_changed")
        ]
        print(f"{'median pair':34} {'':11} {medians[0]:6.2f} {medians[1]:6.3f} {medians[2]:7.2f}")
        ratios = sorted(one.real_lines / max(one.expected_lines, 1) for one in of)
        low, middle, high = (ratios[int(share * (len(ratios) - 1) + 0.5)] for share in (0.1, 0.5, 0.9))
        print(f"{'lines real over expected':34} P10 {low:.2f}, median {middle:.2f}, P90 {high:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mirrors", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--missed", action="store_true")
    chosen = parser.parse_args()
    catalogue = load()
    with PAIRS.open(encoding="utf-8", newline="") as stream:
        pairs = [one for one in csv.DictReader(stream) if chosen.only in one["repo"] + one["after_repo"]]
    rows: list[Row] = []
    absent: list[str] = []
    for pair in pairs:
        row = measure(catalogue, chosen.mirrors, pair, missed=chosen.missed)
        if row is None:
            absent.append(pair["repo"])
        else:
            rows.append(row)
    printed(rows, {pair["repo"]: pair for pair in pairs if pair["kind"] == "upstream"})
    if absent:
        print(f"\nnot there, and in no figure: {', '.join(absent)}")


if __name__ == "__main__":
    main()
