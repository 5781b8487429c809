"""Replays in plain Python, and the event loop compiled once for all workers."""

import fcntl
from collections.abc import Callable

import pytest
from tests.performance.replays.made import Made, made_traffic

from polysilicon.performance.replays import compiling
from polysilicon.performance.replays.assembly import Policies, assemble
from polysilicon.performance.replays.compiling import PLAINLY, Kernel
from polysilicon.performance.replays.running import run
from polysilicon.performance.replays.state import Cluster
from polysilicon.performance.replays.traffic import Traffic


@pytest.fixture(scope="session")
def compiled() -> Kernel:
    """The event loop as machine code: one worker compiles, the others wait for its cache."""
    cluster = assemble(made_traffic([0.0], 1, 1), Made(), Policies())
    folder = compiling.cache_folder()
    if folder is None:
        return compiling.compiled(cluster)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return compiling.compiled(cluster)


@pytest.fixture
def simulate() -> Callable[..., Cluster]:
    """Replay traffic on replicas with made-up costs, in plain Python unless told otherwise."""

    def simulated(traffic: Traffic, costs=None, policies=None, kernel: Kernel = PLAINLY, **how) -> Cluster:
        cluster = assemble(traffic, costs or Made(), policies or Policies())
        run(cluster, kernel_of=lambda _: kernel, **how)
        return cluster

    return simulated
