"""What a runtime is, and the table of those we know.

A runtime is a record of functions, so that adding one is adding a row: whether it is there, what its precision flags
are pinned to, and how it prepares a graph. What it prepares runs, and says where each node ran.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from polysilicon.porting.verifying.case import Case
from polysilicon.porting.verifying.graph import Array, Graph, Values
from polysilicon.porting.verifying.subject import first_line

GRAPH, EAGER = "graph", "eager"


@dataclass(frozen=True)
class Placed:
    """Where a node ran, in which format, as the runtime itself reports it; `""` is what it doesn't say.

    `numeric` is whether real numbers come out: a shape that is worked out on the host is no fallback.
    """

    node: str
    op: str
    device: str
    dtype: str = ""
    numeric: bool = True


class Prepared(Protocol):
    """A graph made ready by a runtime."""

    def run(self, feeds: Values) -> dict[str, Array]:
        """Every output by name."""

    def placement(self, feeds: Values) -> Sequence[Placed]:
        """Where each node ran."""


@dataclass(frozen=True)
class Runtime:
    """One runtime on one device.

    `device` is what every node's placement has to say. `consensus` tells the runtimes whose spread is the floor: those
    on this machine's CPU. `kind` is whether it runs the exported graph, or the module itself, operator by operator.
    `missing` says why it is not there, or nothing; `precision` pins and tells the flags that change numbers.
    """

    name: str
    device: str
    prepare: Callable[[Case, Graph], Prepared]
    missing: Callable[[], str]
    precision: Callable[[], Mapping[str, str]]
    version: Callable[[], str]
    kind: str = GRAPH
    dtype: str = "fp32"
    consensus: bool = True


# Modules of runtimes that run the exported graph; none of them needs PyTorch.
GRAPH_MODULES = ("run_onnxruntime", "run_openvino", "run_iree", "run_numpy", "run_tinygrad")


def known(dtype: str = "fp32") -> tuple[Runtime, ...]:
    """Every runtime that is known, whether or not it is there; those of accelerators as this machine has them.

    A `dtype` of 16 bits adds eager PyTorch and our interpreter in it, and their spread is then its floor.
    """
    from polysilicon.porting.verifying import isolation, run_eager, run_numpy

    narrow = [] if dtype == "fp32" else [*run_eager.narrow(dtype), run_numpy.runtime(dtype)]
    return (*run_eager.runtimes(), *map(isolation.isolated, of_graphs()), *narrow)


def elsewhere(dtype: str = "fp32") -> tuple[Runtime, ...]:
    """The runtimes of devices and providers that are known by name, and that this machine doesn't have."""
    from polysilicon.porting.verifying import run_eager, run_onnxruntime, run_openvino

    return (*run_eager.elsewhere(dtype), *run_onnxruntime.elsewhere(), *run_openvino.elsewhere())


def of_graphs() -> list[Runtime]:
    """The runtimes that run the exported graph, each in this process."""
    return [one for name in GRAPH_MODULES for one in _of(name)]


def of_graph(name: str) -> Runtime:
    """One of them by its name, which begins with that of its module; no other is imported."""
    return next(one for one in _of(f"run_{name.partition('-')[0]}") if one.name == name)


def _of(module: str) -> list[Runtime]:
    made: list[Runtime] = importlib.import_module(f"polysilicon.porting.verifying.{module}").runtimes()
    return made


def missing_module(*names: str) -> Callable[[], str]:
    """Why a runtime of these modules is not there: they are not installed, or are and can't be imported."""

    def missing() -> str:
        import importlib.util

        lacking = [one for one in names if not _there(importlib.util.find_spec, one)]
        if lacking:
            return f"{', '.join(lacking)} not installed"
        return next(filter(None, map(_broken, names)), "")

    return missing


def _broken(name: str) -> str:
    """Why an installed module can't be imported, a library of another version for one; nothing where it can."""
    try:
        importlib.import_module(name)
    except Exception as cause:  # noqa: BLE001 - whatever a package raises, it is not there
        return f"{name} is installed and can't be imported: {first_line(cause)}"
    return ""


def _there(find: Callable[[str], Any], name: str) -> bool:
    try:
        return find(name) is not None
    except (ImportError, ValueError):
        return False


def version_of(package: str) -> Callable[[], str]:
    """The installed version of a package."""

    def version() -> str:
        from importlib import metadata

        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            return "unknown"

    return version
