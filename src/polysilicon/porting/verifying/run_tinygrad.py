"""tinygrad, where it is installed: a second way to OpenCL and other open device languages."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from polysilicon.porting.verifying.graph import Array, Graph, Values
from polysilicon.porting.verifying.runtimes import Placed, Runtime, missing_module, version_of


@dataclass(frozen=True)
class Runner:
    """A graph that tinygrad imported."""

    graph: Graph

    @cached_property
    def _runner(self) -> Any:
        from tinygrad import Tensor
        from tinygrad.nn.onnx import OnnxRunner

        return OnnxRunner(Tensor(self.graph.blob, device="PYTHON"))

    def run(self, feeds: Values) -> dict[str, Array]:
        """Every output by name."""
        from tinygrad import Tensor

        given = self._runner({one: Tensor(feeds[one]) for one in self.graph.inputs})
        return {one: given[one].numpy() for one in self.graph.outputs}

    def placement(self, feeds: Values) -> Sequence[Placed]:
        """Every output's device; what lies between was compiled for the same one."""
        from tinygrad import Tensor

        given = self._runner({one: Tensor(feeds[one]) for one in self.graph.inputs})
        return [Placed(one, "output", str(given[one].device)) for one in self.graph.outputs]


def runtimes() -> list[Runtime]:
    """The device that tinygrad's DEV variable asks for, where it is set: its own choice may need a compiler."""
    device = os.environ.get("DEV", "")
    return [
        Runtime(
            "tinygrad", device, lambda _, graph: Runner(graph),
            lambda: missing_module("tinygrad")() or ("" if device else "DEV names no device for it"),
            lambda: {"DEV": device}, version_of("tinygrad"), consensus=False,
        )
    ]  # fmt: skip
