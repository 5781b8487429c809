"""IREE: a compiler from the graph to code for the CPU, and for GPUs where its drivers find one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from polysilicon.porting.verifying.case import Case
from polysilicon.porting.verifying.graph import Array, Graph, Values
from polysilicon.porting.verifying.runtimes import Placed, Runtime, missing_module, version_of

# Back end, driver, and flags that keep arithmetic as it is written.
CPU = ("llvm-cpu", "local-task", ("--iree-llvmcpu-target-cpu=host",))


@dataclass(frozen=True)
class Module:
    """A graph compiled to one module for one back end: what it holds can run nowhere else."""

    graph: Graph
    backend: str
    driver: str
    flags: tuple[str, ...]

    @cached_property
    def _function(self) -> Any:
        from iree import compiler, runtime

        blob = compiler.compile_str(
            _imported(self.graph.model), target_backends=[self.backend], input_type="onnx", extra_args=list(self.flags)
        )
        context = runtime.SystemContext(config=runtime.Config(self.driver))
        context.add_vm_module(runtime.VmModule.copy_buffer(context.instance, blob))
        return getattr(context.modules.module, self.graph.model.graph.name)

    def run(self, feeds: Values) -> dict[str, Array]:
        """Every output by name."""
        given = self._function(*[np.asarray(feeds[one], order="C") for one in self.graph.inputs])
        several = given if isinstance(given, tuple | list) else [given]
        every = {name: _array(one) for name, one in zip(self.graph.outputs, several, strict=True)}
        return {name: value.astype(np.bool_) if value.dtype == np.int8 else value for name, value in every.items()}

    def placement(self, feeds: Values) -> Sequence[Placed]:
        """Every node: the module is compiled for one back end and has no other to fall back to."""
        return [Placed(one.name, one.op, self.backend) for one in self.graph.nodes]


def _array(value: Any) -> Array:
    return np.asarray(value.to_host() if hasattr(value, "to_host") else value)


def _imported(model: Any) -> str:
    """The model in IREE's own intermediate language."""
    from iree.compiler import ir
    from iree.compiler.extras import onnx_importer

    info = onnx_importer.ModelInfo(model)
    with ir.Context() as context:
        module = info.create_module(context=context).operation
        onnx_importer.NodeImporter.define_function(info.main_graph, module).import_all()
        return str(module.get_asm())


def prepared(backend: str, driver: str, flags: tuple[str, ...], _: Case, graph: Graph) -> Module:
    """A graph ready for a back end."""
    return Module(graph, backend, driver, flags)


def runtimes() -> list[Runtime]:
    """The CPU's code generator."""
    backend, driver, flags = CPU
    return [
        Runtime(
            "iree", backend, partial(prepared, backend, driver, flags),
            missing_module("iree.compiler", "iree.runtime"), partial(_precision, flags),
            version_of("iree-base-compiler"),
        )
    ]  # fmt: skip


def _precision(flags: tuple[str, ...]) -> Mapping[str, str]:
    return {"flags": " ".join(flags)}
