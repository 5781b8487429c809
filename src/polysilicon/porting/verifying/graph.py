"""The graph that every runtime runs: an ONNX model, read once, and the smaller graphs that are cut from it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[Any]
Values = Mapping[str, Array]

GIVEN = ".given"
FLOATS = frozenset({TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16})
MOST_BYTES = 2**31 - 2**20


@dataclass(frozen=True)
class Node:
    """One operator of the graph. `scope` is the path of the module that it came from, `aten` PyTorch's own name."""

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    scope: tuple[str, ...] = ()
    aten: str = ""


@dataclass(frozen=True)
class Graph:
    """A model as a list of nodes in an order in which they can run, its inputs and outputs by name."""

    model: Any

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Every node, in an order in which they can run."""
        return tuple(_node(at, one) for at, one in enumerate(self.model.graph.node))

    @cached_property
    def constants(self) -> dict[str, Array]:
        """Weights and other values that are part of the model."""
        return {one.name: numpy_helper.to_array(one) for one in self.model.graph.initializer}

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """What is fed."""
        return tuple(one.name for one in self.model.graph.input if one.name not in self.constants)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """What comes out."""
        return tuple(one.name for one in self.model.graph.output)

    @cached_property
    def blob(self) -> bytes:
        """The model as bytes, as runtimes read it."""
        return bytes(self.model.SerializeToString(deterministic=True))

    @cached_property
    def sha256(self) -> str:
        """What tells this graph, weights included, from any other."""
        return hashlib.sha256(self.blob).hexdigest()

    def cut(self, kept: Sequence[Node], values: Values) -> "Graph":
        """Every kept node by itself in one graph: each reads given values, none another's output.

        A value `x` that a node reads is the input `x.given`. `values` tell shapes and formats. Weights stay weights.
        """
        renamed = {
            one: one + GIVEN for node in kept for one in node.inputs if one and one not in self.constants
        }
        protos = []
        for node, proto in self._protos(kept):
            twin = onnx.NodeProto()
            twin.CopyFrom(proto)
            twin.input[:] = [renamed.get(one, one) for one in node.inputs]
            protos.append(twin)
        outputs = [one for node in kept for one in node.outputs if one]
        given = {renamed[one]: values[one] for one in renamed}
        return self._built(protos, given, {one: values[one] for one in outputs})

    def segment(self, kept: Sequence[Node], values: Values) -> "Graph":
        """The kept nodes as one graph, fed with what they read from outside, giving what outside reads."""
        made = {one for node in kept for one in node.outputs}
        read = dict.fromkeys(one for node in kept for one in node.inputs if one and one not in made)
        names = {node.name for node in kept}
        outside = {one for node in self.nodes if node.name not in names for one in node.inputs}
        wanted = [one for node in kept for one in node.outputs if one in outside or one in self.outputs]
        given = {one: values[one] for one in read if one not in self.constants}
        protos = [proto for _, proto in self._protos(kept)]
        return self._built(protos, given, {one: values[one] for one in wanted})

    def _protos(self, kept: Iterable[Node]) -> list[tuple[Node, Any]]:
        names = {node.name for node in kept}
        return [pair for pair in zip(self.nodes, self.model.graph.node, strict=True) if pair[0].name in names]

    def _built(self, protos: Sequence[Any], given: Values, wanted: Values) -> "Graph":
        read = {one for proto in protos for one in proto.input}
        weights = [one for one in self.model.graph.initializer if one.name in read]
        inner = helper.make_graph(
            protos,
            "part",
            [typed(name, value) for name, value in given.items()],
            [typed(name, value) for name, value in wanted.items()],
            initializer=weights,
        )
        return Graph(with_graph(self.model, inner))


def with_graph(model: Any, inner: Any) -> Any:
    """A model with another graph, of the same operator sets."""
    return helper.make_model(inner, opset_imports=list(model.opset_import), ir_version=model.ir_version)


def typed(name: str, value: Array) -> Any:
    """A value's declaration."""
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)


def floating(value: Array) -> bool:
    """Whether a value holds numbers that are rounded."""
    return value.dtype.kind == "f" or value.dtype.name == "bfloat16"


def _node(at: int, proto: Any) -> Node:
    metadata = {one.key: one.value for one in proto.metadata_props}
    scopes = metadata.get("pkg.torch.onnx.name_scopes", "[]")
    told = metadata.get("pkg.torch.onnx.fx_node", "").partition("target=torch.ops.")[2]
    return Node(
        proto.name or f"{proto.op_type}_{at}",
        proto.op_type,
        tuple(proto.input),
        tuple(proto.output),
        {one.name: helper.get_attribute_value(one) for one in proto.attribute},
        tuple(one for one in scopes.strip("[]").replace("'", "").split(", ") if one)[:-1],
        told.partition("]")[0].removesuffix(".default"),
    )
