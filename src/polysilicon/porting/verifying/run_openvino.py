"""OpenVINO, with 32-bit arithmetic forced: by default it computes in bfloat16 where the CPU can, without a word.

Placement and format of every node are read from the compiled model itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from polysilicon.porting.verifying.case import Case
from polysilicon.porting.verifying.graph import Array, Graph, Values
from polysilicon.porting.verifying.runtimes import Placed, Runtime, missing_module, version_of

FORCED: dict[str, str] = {"INFERENCE_PRECISION_HINT": "f32", "EXECUTION_MODE_HINT": "ACCURACY"}
FORMATS = {"f32": "fp32", "f64": "fp64", "bf16": "bf16", "f16": "fp16"}
DEVICES = ("GPU", "NPU")
# Layers of a compiled model that hold or hand over values and compute nothing.
PASSIVE = frozenset({"Input", "Output", "Const", "Constant", "Parameter", "Result"})


@dataclass(frozen=True)
class Compiled:
    """A graph compiled for one device."""

    graph: Graph
    device: str
    flags: Mapping[str, str]

    @cached_property
    def _model(self) -> Any:
        import openvino

        core = openvino.Core()
        return core.compile_model(core.read_model(self.graph.blob), self.device, dict(self.flags))

    def run(self, feeds: Values) -> dict[str, Array]:
        """Every output by name."""
        given = self._model([feeds[one] for one in self.graph.inputs])
        return {name: given[at].copy() for at, name in enumerate(self.graph.outputs)}

    def placement(self, feeds: Values) -> Sequence[Placed]:
        """The layers of the compiled model, each with the device and the format that it says it runs in."""
        devices = self._model.get_property("EXECUTION_DEVICES")
        where = ", ".join(one.strip("()") for one in devices)
        placed = []
        for layer in self._model.get_runtime_model().get_ops():
            told = {key: str(value.astype(str)) for key, value in layer.get_rt_info().items() if key in _TOLD}
            if told.get("layerType", "") in PASSIVE:
                continue
            kind = told.get("runtimePrecision", "")
            placed.append(
                Placed(
                    layer.get_friendly_name(),
                    told.get("layerType", ""),
                    where,
                    FORMATS.get(kind, kind),
                    numeric=kind in FORMATS,
                )
            )
        return placed


_TOLD = ("layerType", "runtimePrecision")


def prepared(device: str, flags: Mapping[str, str], _: Case, graph: Graph) -> Compiled:
    """A graph ready for a device with flags."""
    return Compiled(graph, device, flags)


def runtimes() -> list[Runtime]:
    """A runtime for each device that OpenVINO finds, the CPU first."""
    return [runtime("CPU"), *(runtime(one) for one in _others())]


def runtime(device: str, flags: Mapping[str, str] = FORCED) -> Runtime:
    """The runtime of one device with its flags pinned."""
    return Runtime(
        "openvino" if device == "CPU" else f"openvino-{device.lower()}",
        device,
        partial(prepared, device, flags),
        missing_module("openvino"),
        lambda: flags,
        version_of("openvino"),
        consensus=device == "CPU",
    )


def elsewhere() -> list[Runtime]:
    """OpenVINO's devices that it doesn't find here."""
    here = {one.partition(".")[0] for one in _others()}
    return [replace(runtime(one), missing=partial(_lacking, one)) for one in DEVICES if one not in here]


def _lacking(device: str) -> str:
    return missing_module("openvino")() or f"OpenVINO finds no {device} here"


def _others() -> list[str]:
    if missing_module("openvino")():
        return []
    import openvino

    return [one for one in openvino.Core().available_devices if one != "CPU"]
