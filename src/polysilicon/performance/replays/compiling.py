"""The event loop as machine code: the same functions, compiled by numba and kept between runs.

Nobody waits for the compiler who need not: a small replay runs the functions as they stand. Compiled code is kept in
the user's cache folder under a name made of the sources it came from, so that it is never stale; where nothing can be
kept it is compiled again, and says nothing.
"""

import hashlib
import inspect
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

from polysilicon.performance.replays import batching, heaps, lines, loop, prefix_cache, reading, state

MODULES = (state, lines, heaps, prefix_cache, reading, batching, loop)
# What plain Python takes for a request, for each replica that a router looks at, and for a hashed block; what loading
# compiled code takes, and compiling it: measured on one core of an AMD EPYC, 2026-11-28.
REQUEST_S, GLANCE_S, BLOCK_S = 5e-5, 3e-7, 4e-6
LOAD_S, COMPILE_S = 0.6, 10.0
BROKEN = (OSError, RuntimeError, EOFError, ValueError, AttributeError, ImportError, pickle.PickleError)


class Kernel(NamedTuple):
    """The two functions of the event loop, plain or compiled."""

    arrivals: Callable[[Any, int, int], None]
    drain: Callable[[Any, float], None]
    compiled: bool


PLAINLY = Kernel(loop.arrivals, loop.drain, compiled=False)


def kernel(cluster: state.Cluster, times: int = 1) -> Kernel:
    """The event loop in the form that answers first where it is to run so many times; the results are the same."""
    if _made is not None:
        return _made
    plain_s = times * plainly_s(cluster)
    if plain_s < LOAD_S or (plain_s < COMPILE_S and not kept()):
        return PLAINLY
    return compiled(cluster)


def plainly_s(cluster: state.Cluster) -> float:
    """About how long plain Python takes for a replay [s]."""
    requests, looks = len(cluster.requests), len(cluster.replicas)
    glances = 0 if cluster.limits.routing == state.ROUND_ROBIN else requests * looks
    return REQUEST_S * requests + GLANCE_S * glances + BLOCK_S * float(cluster.requests["hashed"].sum())


def compiled(cluster: state.Cluster) -> Kernel:
    """The event loop as machine code, from the cache where it is there."""
    global _made
    if _made is None:
        _made = _kept_or_made(cluster)
    return _made


_made: Kernel | None = None


def _kept_or_made(cluster: state.Cluster) -> Kernel:
    """From the cache; into a fresh one where that is broken; or without one where none can be written."""
    folder = cache_folder()
    for _ in range(0 if folder is None else 2):
        try:
            return _compile(cluster, folder)
        except BROKEN:
            shutil.rmtree(folder or "", ignore_errors=True)
    return _compile(cluster, None)


def sources() -> str:
    """The sources of the event loop in 16 letters."""
    return hashlib.sha256("".join(inspect.getsource(one) for one in MODULES).encode()).hexdigest()[:16]


def kept() -> bool:
    """Whether compiled code of these very sources is there."""
    folder = cache_folder()
    try:
        return folder is not None and any(folder.rglob("*.nbc"))
    except OSError:
        return False


def cache_folder() -> Path | None:
    """Where compiled code of these sources is kept; nowhere where there is no home."""
    given = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(given) if given else Path.home() / ".cache") / "polysilicon" / f"replay-{sources()}"
    except RuntimeError:
        return None


def _compile(cluster: state.Cluster, folder: Path | None) -> Kernel:
    """The loop's functions over one set of names, in which each finds the compiled others."""
    import numba
    from numba.core import config  # its attributes are made at run time

    names: dict[str, Any] = {}
    for module in MODULES:
        names |= vars(module)
    before = config.CACHE_DIR  # type: ignore[attr-defined]
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
        for module in MODULES[1:]:
            for name, function in inspect.getmembers(module, inspect.isfunction):
                if function.__module__ == module.__name__:
                    twin = FunctionType(function.__code__, names, name, function.__defaults__)
                    twin.__module__ = module.__name__
                    names[name] = numba.njit(cache=folder is not None)(twin)
        shape, whole = numba.typeof(cluster), numba.int64  # type: ignore[no-untyped-call]
        names["arrivals"].compile((shape, whole, whole))
        names["drain"].compile((shape, numba.float64))
    finally:
        config.CACHE_DIR = before  # type: ignore[attr-defined]
    return Kernel(names["arrivals"], names["drain"], compiled=True)
