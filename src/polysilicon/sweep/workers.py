"""Who evaluates the parts of a sweep: this process, a pool of processes, or a Dask cluster."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, ProcessPoolExecutor
from contextlib import contextmanager

# How long a cluster may take to answer.
PATIENCE = "10s"


class WorkersGone(RuntimeError):
    """Whoever evaluated the parts is gone: a worker was killed, or the cluster went away."""


@contextmanager
def workers(count: int = 1, cluster: str = "") -> Iterator[Executor | None]:
    """An executor for `run`: nothing for one worker, else a pool of processes, or the Dask cluster at an address.

    Leaving the context calls off what has not begun.

    Raises:
        ImportError: a cluster is asked for, and Dask's `distributed` is not installed.
        OSError: nobody answers at the address.
        WorkersGone: inside the context, a worker or the cluster was lost.
    """
    if cluster:
        from distributed import Client

        with Client(cluster, timeout=PATIENCE, set_as_default=False) as client:  # type: ignore[no-untyped-call]
            try:
                yield client.get_executor(retries=2)
            except Exception as cause:
                if isinstance(cause, CancelledError) or type(cause).__module__.startswith("distributed"):
                    raise WorkersGone(str(cause)) from cause
                raise
        return
    if count <= 1:
        yield None
        return
    # Spawned, not forked: a forked child shares locks that threads of the parent may hold.
    pool = ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"), initializer=_deaf)
    try:
        yield pool
    except BaseException as cause:
        # What is under way counts no more: whoever stops does not wait for it.
        for worker in multiprocessing.active_children():
            worker.terminate()
        if isinstance(cause, BrokenExecutor):
            raise WorkersGone(str(cause)) from cause
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _deaf() -> None:
    """Ctrl-C is for the parent, which calls off the parts; a worker goes when its parent has gone, however it went."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
