"""The support tables, read when a finding asks for them: what each chip and version of PyTorch is documented to do.

They stay CSV beside the catalogue, so that commands that scan nothing never read them.
"""

import csv
import functools
import re
from pathlib import Path

from polysilicon.facts.index import DATA
from polysilicon.facts.porting import CHIP_COLUMNS, PortRule
from polysilicon.facts.porting import Finding as Verdict
from polysilicon.porting.targets import Target

TABLES = DATA / "porting" / "tables"
CUDA = "torch.cuda."
OPERATOR_SPACES = frozenset({"linalg", "fft", "special"})  # torch.linalg.eigh is the operator linalg_eigh
COMPUTES = re.compile(
    r"torch\.((nn|nn\.functional|nn\.utils|linalg|fft|special|optim|distributed|distributed\.fsdp)\.)?\w+$"
)
TELLING = re.compile(r"\.[a-z]*[a-z]_[a-z_]*[a-z]\w*$|\.\w*[a-z][A-Z]\w*$|\.\w{9,}$|\.[a-z]+\d\w*$")


class Support:
    """Answers for a rule, a sighting and a target: the verdict and why."""

    def __init__(self, folder: Path = TABLES) -> None:
        self._folder = folder

    def verdict(self, rule: PortRule, symbol: str, target: Target) -> tuple[Verdict, str]:
        """What a symbol means for a target: the table's word where it has one, else the rule's."""
        said = rule.verdicts.get(target.record.id) or rule.verdicts.get(target.record.targets, "runs")
        asked = _TABLES.get(rule.table or "")
        stronger = asked(self, symbol, target) if asked else None
        if stronger is not None:
            return stronger
        return said, f"{rule.what}: {_WHY[said]} on {target.record.name}"

    @functools.cached_property
    def interfaces(self) -> dict[str, list[str]]:
        """PyTorch interfaces of a plugin, a row each: by version a letter a chip, and the dtypes they are limited to;
        the row of `api` names the columns.
        """
        with (self._folder / "ascend_apis.csv").open(encoding="utf-8", newline="") as stream:
            return {row[0]: row for row in csv.reader(stream)}

    @functools.cached_property
    def _columns(self) -> dict[str, int]:
        """The columns of `interfaces` by what heads them."""
        return {name: at for at, name in enumerate(self.interfaces["api"])}

    @functools.cached_property
    def telling(self) -> frozenset[str]:
        """The interfaces that compute, lack support somewhere, and are named so that a line with the name is worth a
        look.
        """
        versions = [at for name, at in self._columns.items() if name[:1].isdigit()]
        cells = slice(versions[0], versions[-1] + 1)
        lacking = {name for name, row in self.interfaces.items() if "N" in "".join(row[cells])}
        lacking |= {
            f"torch.{name.replace('_', '.', 1) if name.partition('_')[0] in OPERATOR_SPACES else name}"
            for name, row in self.operators.items()
            if "0" in row.values() or name in self.on_cpu
        }
        return frozenset(name for name in lacking if COMPUTES.match(name) and TELLING.search(name))

    @functools.cached_property
    def names(self) -> dict[str, dict[str, str]]:
        """Names of torch.cuda: their device-agnostic twin, and which other modules have them."""
        return {row["name"]: row for row in self._rows("cuda_names.csv")}

    @functools.cached_property
    def operators(self) -> dict[str, dict[str, str]]:
        """Operators without a composite definition, and which plugins register them."""
        return {row["operator"]: row for row in self._rows("aten_operators.csv")}

    @functools.cached_property
    def on_cpu(self) -> frozenset[str]:
        """Operators that run on the CPU under torch.xpu."""
        return frozenset(row["operator"].partition(".")[0] for row in self._rows("xpu_cpu_operators.csv"))

    @functools.cached_property
    def denied(self) -> dict[tuple[str, str], tuple[str, str]]:
        """Operators that a vendor's configuration refuses: reason and commit."""
        return {
            (row["vendor"], row["operator"]): (row["reason"], row["commit"]) for row in self._rows("deny_lists.csv")
        }

    @functools.cached_property
    def triton(self) -> dict[str, str]:
        """Dtypes that a Triton operator loses."""
        return {row["operator"]: row["lost_dtypes"] for row in self._rows("triton_ascend.csv") if row["lost_dtypes"]}

    @functools.cached_property
    def unmapped(self) -> frozenset[str]:
        """Functions and types of CUDA without a HIP counterpart; the table is out of date about intrinsics."""
        with (self._folder / "hip_unsupported.csv").open(encoding="utf-8", newline="") as stream:
            rows = csv.reader(stream)
            next(rows)
            return frozenset(name for (name,) in rows if name.startswith("cu"))

    def _rows(self, name: str) -> list[dict[str, str]]:
        with (self._folder / name).open(encoding="utf-8", newline="") as stream:
            rows = csv.reader(stream)
            names = next(rows)
            return [dict(zip(names, row, strict=True)) for row in rows]

    def of_interface(self, symbol: str, target: Target) -> tuple[Verdict, str] | None:
        """A PyTorch interface on a chip."""
        if not target.record.chips or symbol not in self.interfaces:
            return None
        row, at = self.interfaces[symbol], self._columns.get(target.version)
        cell, dtypes = "" if at is None else row[at], row[self._columns["dtypes"]]
        chips = [target.column] if target.column else list(CHIP_COLUMNS)
        without = [chip for chip in chips if cell and cell[CHIP_COLUMNS.index(chip)] == "N"]
        if without:
            where = f"torch {target.version} on {', '.join(without)}"
            return "blocked" if len(without) == len(chips) else "check", f"{symbol} is not supported: {where}"
        if "fp64" not in dtypes and dtypes not in ("", "other"):
            return "note", f"{symbol} takes {dtypes.replace('|', ', ')} alone"
        return None

    def of_torch(self, symbol: str, target: Target) -> tuple[Verdict, str] | None:
        """An interface of PyTorch: by the plugin's own list, by what it registers, by what its vendor refuses."""
        return self.of_interface(symbol, target) or self.of_operator(symbol, target) or self.of_denied(symbol, target)

    def of_cuda_name(self, symbol: str, target: Target) -> tuple[Verdict, str] | None:
        """A name of torch.cuda on a stack with a module of its own."""
        if target.record.targets != "renamed" or not symbol.startswith(CUDA):
            return None
        name = symbol.removeprefix(CUDA).split(".")[0]
        refused = self.of_interface(symbol, target) if target.record.chips else None
        if refused is not None and refused[0] == "blocked":
            return refused
        row = self.names.get(name)
        if row is None:
            return None
        twin = row["device_agnostic"]
        if twin:
            return "change", f"{symbol}: write {twin}"
        device = target.record.device or ""
        if device in row and row[device] == "0":
            return "blocked", f"{symbol} has no counterpart in torch.{device}"
        if device in row:
            return "change", f"{symbol}: torch.{device}.{name}, through torch.get_device_module(device)"
        return None

    def of_operator(self, symbol: str, target: Target) -> tuple[Verdict, str] | None:
        """An operator that a plugin does not register, or runs on the CPU."""
        space, _, name = symbol.rpartition(".")
        if space.rpartition(".")[2] in OPERATOR_SPACES:
            name = f"{space.rpartition('.')[2]}_{name}"
        stack = target.record.id
        if stack == "xpu" and not {name, f"_{name}"}.isdisjoint(self.on_cpu):
            return "slow", f"{name} runs on the CPU under torch.xpu"
        row = self.operators.get(name)
        if row is not None and row.get(stack) == "0":
            return "slow", f"{name} is not registered by {target.record.plugin}: it runs on the CPU, or fails"
        return None

    def of_denied(self, symbol: str, target: Target) -> tuple[Verdict, str] | None:
        """An operator that the vendor's own configuration refuses to take from FlagGems."""
        name = symbol.rpartition(".")[2].rstrip("()")
        found = self.denied.get((target.record.id, name))
        reason = f": {found[0]}" if found and found[0] else ""
        return ("note", f"{name} is on the vendor's own deny list of Triton operators{reason}") if found else None

    def of_triton(self, symbol: str, target: Target) -> tuple[Verdict, str] | None:
        """A Triton operator that loses dtypes."""
        lost = self.triton.get(symbol.rpartition(".")[2]) if target.record.chips else None
        return ("note", f"{symbol} has no {lost.replace('|', ', ')} there") if lost else None


_TABLES = {
    "interfaces": Support.of_torch,
    "cuda-names": Support.of_cuda_name,
    "operators": Support.of_operator,
    "deny": Support.of_denied,
    "triton": Support.of_triton,
}
_WHY: dict[Verdict, str] = {
    "runs": "runs as it stands",
    "note": "worth knowing",
    "check": "to be looked at",
    "slow": "will run slowly",
    "wrong": "runs, and may give wrong results",
    "change": "will not run unless changed",
    "blocked": "has no counterpart that is known",
}
