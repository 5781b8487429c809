"""What a reviewer signs: the verdicts with all that they rest on, and nothing that changes from run to run."""

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from polysilicon.porting.verifying import metrics
from polysilicon.porting.verifying.bisection import Blame
from polysilicon.porting.verifying.case import Case
from polysilicon.porting.verifying.curve import Course
from polysilicon.porting.verifying.levels import Result
from polysilicon.porting.verifying.runtimes import Placed, Runtime, version_of

PACKAGES = ("torch", "onnx", "onnxscript", "onnxruntime", "openvino", "iree-base-compiler", "numpy")


@dataclass(frozen=True)
class Told:
    """A runtime as it was: device, version, format, the flags that its precision was pinned to, or why it is absent."""

    name: str
    device: str
    dtype: str
    version: str
    precision: Mapping[str, str]
    consensus: bool
    missing: str = ""


@dataclass(frozen=True)
class Compiled:
    """A case by its hashes: the graph with its weights, and what was fed."""

    name: str
    nodes: int
    operators: tuple[str, ...]
    graph_sha256: str
    feeds_sha256: str


@dataclass(frozen=True)
class Denied:
    """An entry that may be added to a runtime's list of operators not to be used, with the reason."""

    runtime: str
    version: str
    operator: str
    aten: str
    reason: str
    floor_ratio: float
    module: str


@dataclass(frozen=True)
class Evidence:
    """A verification: of what, on what, how far off, where it ran, and who is to blame."""

    model: str
    verdict: str
    verdicts: Mapping[str, str]
    cases: tuple[Compiled, ...]
    runtimes: tuple[Told, ...]
    results: tuple[Result, ...]
    placements: Mapping[str, tuple[Placed, ...]]
    blames: tuple[Blame, ...]
    deny: tuple[Denied, ...]
    courses: tuple[Course, ...]
    notes: tuple[str, ...]
    machine: Mapping[str, str]
    sha256: str = ""


def sealed(found: Evidence) -> Evidence:
    """The evidence with a hash over all of it, so that what was signed can be told from what was not."""
    blob = msgspec.json.encode(plain(found), order="deterministic")
    return replace(found, sha256=hashlib.sha256(blob).hexdigest())


def plain(found: Evidence) -> dict[str, Any]:
    """The evidence as JSON holds it."""
    built: dict[str, Any] = msgspec.to_builtins(found, enc_hook=lambda one: one.tolist())
    built.pop("sha256" if not found.sha256 else "", None)
    return built


def compiled(case: Case) -> Compiled:
    """A case by its hashes."""
    feeds = hashlib.sha256()
    for name, value in case.feeds.items():
        feeds.update(name.encode() + value.tobytes())
    kinds = tuple(sorted({one.op for one in case.graph.nodes}))
    return Compiled(case.name, len(case.graph.nodes), kinds, case.graph.sha256, feeds.hexdigest())


def described(runtime: Runtime) -> Told:
    """A runtime as it is."""
    missing = runtime.missing()
    told = (runtime.version(), dict(runtime.precision())) if not missing else ("", {})
    return Told(runtime.name, runtime.device, runtime.dtype, *told, runtime.consensus, missing)


def machine() -> dict[str, str]:
    """What the numbers were made on."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        **{one: version_of(one)() for one in PACKAGES},
    }


def denied(blames: tuple[Blame, ...], versions: Mapping[str, str]) -> tuple[Denied, ...]:
    """One entry an operator and runtime, the gravest; of several operators that are wrong only together, none."""
    entries: dict[tuple[str, str], Denied] = {}
    for one in sorted(blames, key=lambda one: -one.ratio):
        if len(one.operators) == 1:
            reason = f"refused: {one.why}" if one.why else "accuracy"
            entries.setdefault(
                (one.runtime, one.operators[0]),
                Denied(
                    one.runtime, versions.get(one.runtime, ""), one.operators[0], one.aten, reason, one.ratio, one.scope
                ),
            )
    return tuple(entries.values())


def overall(results: tuple[Result, ...]) -> dict[str, str]:
    """The gravest verdict of each runtime."""
    names = dict.fromkeys(one.runtime for one in results)
    return {name: metrics.worst([one.verdict for one in results if one.runtime == name]) for name in names}
