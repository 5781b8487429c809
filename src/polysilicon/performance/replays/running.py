"""A replay from its first arrival to its end, in parts: it says how far it is, and goes on where it was killed."""

import hashlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from polysilicon.performance.replays.compiling import Kernel, kernel, sources
from polysilicon.performance.replays.state import CHANGING, Cluster, as_lists, into_arrays
from polysilicon.records import files
from polysilicon.records.errors import InputError, Place

Progress = Callable[[int, int], None]
# Arrivals between two looks at the outside world.
PART = {True: 50_000, False: 2_000}
EVERY = 250_000


def run(
    cluster: Cluster,
    *,
    until_s: float = np.inf,
    checkpoint: Path | None = None,
    every: int = EVERY,
    progress: Progress | None = None,
    kernel_of: Callable[[Cluster], Kernel] = kernel,
) -> int:
    """Let every request arrive and every replica finish, or stop at `until_s`; the cluster's arrays hold the result.

    With a `checkpoint` the state is kept there after every `every` arrivals, and a replay that was killed goes on from
    it; the result is the same. `progress` is told how many of how many arrivals are done. Returns how many had arrived
    before this call.

    Raises:
        InputError: the checkpoint holds another replay, is broken, or can't be written.
    """
    chosen = kernel_of(cluster)
    count = int(np.searchsorted(cluster.requests["arrival_s"], until_s, "right"))
    question = fingerprint(cluster, until_s) if checkpoint else ""
    resumed = done = _restore(checkpoint, question, cluster) if checkpoint and checkpoint.exists() else 0
    at_work = cluster if chosen.compiled else as_lists(cluster)
    while done < count:
        last = min(done + PART[chosen.compiled], count, (done // every + 1) * every)
        chosen.arrivals(at_work, done, last)
        done = last
        if progress:
            progress(done, count)
        if checkpoint and done % every == 0 and done < count:
            if not chosen.compiled:
                into_arrays(at_work, cluster)
            _keep(checkpoint, question, done, cluster)
    chosen.drain(at_work, until_s)
    if not chosen.compiled:
        into_arrays(at_work, cluster)
    return resumed


def fingerprint(cluster: Cluster, until_s: float) -> str:
    """What decides the result of a replay that has not begun, in 64 letters."""
    made = hashlib.sha256(repr((cluster.limits, until_s, sources())).encode())
    for array in (*cluster.costs, *cluster[2:]):
        made.update(repr(array.shape).encode())
        made.update(np.ascontiguousarray(array).tobytes())
    return made.hexdigest()


def _keep(path: Path, question: str, done: int, cluster: Cluster) -> None:
    arrays = {name: getattr(cluster, name) for name in CHANGING}
    packed = BytesIO()
    np.savez(packed, question=question, done=done, digest=_digest(arrays), **arrays)
    files.write(path, packed.getvalue())


def _restore(path: Path, question: str, cluster: Cluster) -> int:
    """Put the kept state into the cluster's arrays; how many requests had arrived."""
    place = Place(str(path))
    remedy = "name another file with --checkpoint, or remove this one"
    try:
        with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as kept:
            if str(kept["question"]) != question:
                raise InputError("holds another replay", place=place, remedy=remedy)
            arrays = {name: kept[name] for name in CHANGING}
            done, digest = int(kept["done"]), str(kept["digest"])
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile, NotImplementedError) as cause:
        raise InputError("is no checkpoint of a replay", place=place, remedy=remedy) from cause
    if digest != _digest(arrays):
        raise InputError("is broken", place=place, remedy=remedy)
    for name, array in arrays.items():
        getattr(cluster, name)[...] = array
    return done


def _digest(arrays: dict[str, NDArray[Any]]) -> str:
    made = hashlib.sha256()
    for name in CHANGING:
        made.update(np.ascontiguousarray(arrays[name]).tobytes())
    return made.hexdigest()
