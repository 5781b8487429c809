"""A runtime in a process of its own: where it crashes, that is an answer, and the verification goes on.

Code generators and drivers crash on what they were never tried on, an empty index for one; a process that dies with
them would tell nothing of all the others. The process is started once for each runtime and again after a crash; it
also keeps what compilers print off the user's terminal.
"""

import atexit
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from typing import Any

from polysilicon.porting.verifying.case import Case
from polysilicon.porting.verifying.graph import Array, Graph, Values
from polysilicon.porting.verifying.runtimes import Placed, Prepared, Runtime, of_graph
from polysilicon.porting.verifying.trial import Apart

# Our own interpreter has nothing to crash.
SAFE = ("numpy-fp64", "numpy-fp32")
PATIENCE_S = 2.0


class Crashed(Apart):
    """A runtime ended its own process."""


class Refused(Apart):
    """A runtime raised an error; the message is its own."""


@dataclass
class Worker:
    """The process of one runtime. `sent` are the graphs that it has by now."""

    name: str
    process: Any = None
    pipe: Any = None
    sent: set[str] = field(default_factory=set)

    def ask(self, what: str, graph: Graph, feeds: Values) -> Any:
        """Have the process run a graph or tell of its placement.

        Raises:
            Crashed: the process died over it.
            Refused: the runtime raised an error.
        """
        if self.process is None:
            self._start()
        blob = None if graph.sha256 in self.sent else graph.blob
        self.sent.add(graph.sha256)
        try:
            self.pipe.send((what, graph.sha256, blob, dict(feeds)))
            kind, answer = self.pipe.recv()
        except (EOFError, ConnectionError) as gone:
            raise Crashed(f"the runtime crashed ({self._ended()})") from gone
        if kind == "raised":
            raise Refused(answer)
        return answer

    def _start(self) -> None:
        context = get_context("spawn")
        self.pipe, far = context.Pipe()
        self.process = context.Process(target=serve, args=(far, self.name), daemon=True)
        self.process.start()
        far.close()
        self.sent = set()
        atexit.register(self.stop)

    def _ended(self) -> str:
        self.process.join(PATIENCE_S)
        code = self.process.exitcode
        self.stop()
        return signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"

    def stop(self) -> None:
        """End the process."""
        if self.process is not None:
            self.pipe.close()
            self.process.terminate()
            self.process.join(PATIENCE_S)
            self.process = None
            atexit.unregister(self.stop)


@dataclass(frozen=True)
class Remote:
    """A graph that a worker has."""

    worker: Worker
    graph: Graph

    def run(self, feeds: Values) -> dict[str, Array]:
        """Every output by name."""
        given: dict[str, Array] = self.worker.ask("run", self.graph, feeds)
        return given

    def placement(self, feeds: Values) -> Sequence[Placed]:
        """Where each node ran."""
        given: Sequence[Placed] = self.worker.ask("placement", self.graph, feeds)
        return given


def isolated(runtime: Runtime) -> Runtime:
    """The same runtime, in a process of its own."""
    if runtime.name in SAFE:
        return runtime
    worker = Worker(runtime.name)
    return replace(runtime, prepare=lambda _, graph: Remote(worker, graph))


def serve(pipe: Any, name: str) -> None:
    """What the process does: keep graphs ready, and answer until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, sys.stdout.fileno() if sys.stdout else 1)
    os.dup2(quiet, sys.stderr.fileno() if sys.stderr else 2)
    runtime = of_graph(name)
    ready: dict[str, Prepared] = {}
    while True:
        try:
            what, key, blob, feeds = pipe.recv()
        except (EOFError, ConnectionError):
            return
        pipe.send(_answered(runtime, ready, what, key, blob, feeds))


def _answered(
    runtime: Runtime, ready: dict[str, Prepared], what: str, key: str, blob: bytes | None, feeds: Values
) -> tuple[str, Any]:
    import onnx

    try:
        if blob is not None:
            runtime.precision()
            ready[key] = runtime.prepare(_NO_CASE, Graph(onnx.load_from_string(blob)))
        return "given", getattr(ready[key], what)(feeds)
    except Exception as cause:  # noqa: BLE001 - told to the other side
        return "raised", f"{type(cause).__name__}: {cause}"


# Runtimes of the graph look at nothing else of a case.
_NO_CASE = Case("", Graph(None), {}, lambda *_: lambda *_: None, lambda: (None, ()))
