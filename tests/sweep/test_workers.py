import os
import signal
import subprocess
import sys
import time
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool

import pytest

from polysilicon.sweep import WorkersGone, workers


def test_one_worker_is_this_process():
    with workers(1) as executor:
        assert executor is None


def test_a_pool_works_in_processes_of_its_own():
    with workers(2) as executor:
        assert executor.submit(os.getpid).result() != os.getpid()


def test_workers_leave_ctrl_c_to_their_parent():
    with workers(2) as executor:
        worker = executor.submit(os.getpid).result()
        os.kill(worker, signal.SIGINT)
        assert executor.submit(os.getpid).result() == worker


ORPHANED = """
import os, sys, time
from polysilicon.sweep import WorkersGone, workers
if __name__ == "__main__":
    with workers(2) as executor:
        print(executor.submit(os.getpid).result(), flush=True)
        executor.submit(time.sleep, 60).result()
"""


def test_workers_go_when_their_parent_is_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(ORPHANED)
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    worker = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    for _ in range(200):
        if not _runs(worker):
            return
        time.sleep(0.02)
    raise AssertionError("the worker outlived its parent")


def test_what_is_under_way_is_given_up_by_whoever_stops():
    asked = []

    def interrupted():
        with workers(2) as executor:
            executor.submit(os.getpid).result()
            asked.append(executor.submit(time.sleep, 10))
            while not asked[0].running():
                time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert isinstance(asked[0].exception(), BrokenProcessPool)


def test_a_worker_that_is_killed_is_told_as_such():
    with pytest.raises(WorkersGone), workers(2) as executor:
        executor.submit(os.kill, executor.submit(os.getpid).result(), signal.SIGKILL).result()


@pytest.mark.filterwarnings("default")
def test_a_cluster_that_loses_its_workers_is_told_as_such():
    from distributed import LocalCluster

    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with LocalCluster(**options) as cluster:
        with pytest.raises(WorkersGone), workers(cluster=cluster.scheduler_address):
            raise CancelledError
        with pytest.raises(ZeroDivisionError), workers(cluster=cluster.scheduler_address) as executor:
            executor.submit(divmod, 1, 0).result()


def _runs(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8") as state:
            return state.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
