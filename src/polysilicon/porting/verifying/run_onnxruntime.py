"""ONNX Runtime: its CPU provider, and every other execution provider that this build has.

Placement is read from its profile, which names the provider of every node that ran. A provider that was asked for and
doesn't take a node leaves it to the CPU without a word; only the profile tells.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from polysilicon.porting.verifying.case import Case
from polysilicon.porting.verifying.graph import Array, Graph, Values
from polysilicon.porting.verifying.runtimes import Placed, Runtime, missing_module, version_of

CPU = "CPUExecutionProvider"
# Flags of providers that narrow arithmetic unless they are told not to.
PINNED: dict[str, dict[str, str]] = {"CUDAExecutionProvider": {"use_tf32": "0"}}
REAL = frozenset({"float", "double", "float16", "bfloat16"})
SILENT = 4


@dataclass(frozen=True)
class Session:
    """A graph in a session of one provider; what the provider refuses falls to the CPU, as it would in use."""

    graph: Graph
    provider: str

    @cached_property
    def _session(self) -> Any:
        return self._opened(profile=None)

    def run(self, feeds: Values) -> dict[str, Array]:
        """Every output by name."""
        given = self._session.run(list(self.graph.outputs), _kept(self.graph, feeds))
        return dict(zip(self.graph.outputs, given, strict=True))

    def placement(self, feeds: Values) -> Sequence[Placed]:
        """The provider of every node that ran, from a profile of one run."""
        with tempfile.TemporaryDirectory() as folder:
            session = self._opened(profile=str(Path(folder) / "profile"))
            session.run(None, _kept(self.graph, feeds))
            events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
        return [_placed(one) for one in events if one.get("cat") == "Node" and "provider" in one.get("args", {})]

    def _opened(self, profile: str | None) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = SILENT
        if profile is not None:
            options.enable_profiling, options.profile_file_prefix = True, profile
        providers = [(self.provider, PINNED.get(self.provider, {}))]
        if self.provider != CPU:
            providers.append((CPU, {}))
        return onnxruntime.InferenceSession(self.graph.blob, options, providers=providers)


def prepared(provider: str, _: Case, graph: Graph) -> Session:
    """A graph ready for a provider."""
    return Session(graph, provider)


def runtimes() -> list[Runtime]:
    """A runtime for each provider that this build has, the CPU first."""
    return [runtime(one) for one in (CPU, *_others())]


def runtime(provider: str) -> Runtime:
    """The runtime of one provider."""
    short = provider.removesuffix("ExecutionProvider").lower()
    return Runtime(
        "onnxruntime" if provider == CPU else f"onnxruntime-{short}",
        provider,
        partial(prepared, provider),
        missing_module("onnxruntime"),
        partial(_precision, provider),
        version_of("onnxruntime"),
        consensus=provider == CPU,
    )


def elsewhere() -> list[Runtime]:
    """The providers that ONNX Runtime has in other builds and not in this one."""
    if missing_module("onnxruntime")():
        return []
    import onnxruntime

    here = onnxruntime.get_available_providers()
    return [
        replace(runtime(one), missing=partial(_lacking, one))
        for one in onnxruntime.get_all_providers()
        if one not in here
    ]


def _lacking(provider: str) -> str:
    return f"this build of ONNX Runtime has no {provider}"


# Providers that send the model elsewhere, or that wrap the CPU.
_NOT_DEVICES = frozenset({CPU, "AzureExecutionProvider"})


def _others() -> list[str]:
    if missing_module("onnxruntime")():
        return []
    import onnxruntime

    return [one for one in onnxruntime.get_available_providers() if one not in _NOT_DEVICES]


def _precision(provider: str) -> Mapping[str, str]:
    return {"graph optimisation": "all", **PINNED.get(provider, {})}


def _kept(graph: Graph, feeds: Values) -> dict[str, Array]:
    return {one: feeds[one] for one in graph.inputs}


def _placed(event: Mapping[str, Any]) -> Placed:
    told = event["args"]
    given = {kind for one in told.get("output_type_shape", ()) for kind in one}
    return Placed(
        event["name"].removesuffix("_kernel_time"), told["op_name"], told["provider"], numeric=bool(given & REAL)
    )
