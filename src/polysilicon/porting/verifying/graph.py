"""The graph that every runtime runs: an ONNX model, read once, and the smaller graphs that are cut from it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

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

    def cut(self, groups: Sequence[Sequence[Node]], values: Values) -> "Graph":
        """Groups of nodes side by side in one graph: each reads given values, none what another gives.

        A value `x` that a group reads from outside is the input `x.given`; what is read outside the group, or of a
        group of one node all that it gives, comes out. `values` tell shapes and formats. Weights stay weights.
        """
        protos, given, wanted = [], {}, {}
        named = self._protos
        for group in groups:
            made = {one for node in group for one in node.outputs}
            for node in group:
                twin = onnx.NodeProto()
                twin.CopyFrom(named[node.name])
                outside = [one for one in node.inputs if one and one not in made and one not in self.constants]
                given.update({one + GIVEN: values[one] for one in outside})
                twin.input[:] = [one + GIVEN if one in outside else one for one in node.inputs]
                protos.append(twin)
            wanted.update({one: values[one] for one in self._leaving(group)})
        within = {one: values[one] for proto in protos for one in proto.output if one and one not in wanted}
        return self._built(protos, given, wanted, within)

    def _leaving(self, group: Sequence[Node]) -> list[str]:
        """What a group gives to others."""
        if len(group) == 1:
            return [one for one in group[0].outputs if one]
        names = {node.name for node in group}
        return [
            one
            for node in group
            for one in node.outputs
            if one in self.outputs or any(reader not in names for reader in self._readers.get(one, ()))
        ]

    @cached_property
    def _readers(self) -> dict[str, list[str]]:
        readers: dict[str, list[str]] = {}
        for node in self.nodes:
            for one in node.inputs:
                readers.setdefault(one, []).append(node.name)
        return readers

    @cached_property
    def _protos(self) -> dict[str, Any]:
        return {node.name: proto for node, proto in zip(self.nodes, self.model.graph.node, strict=True)}

    def _built(self, protos: Sequence[Any], given: Values, wanted: Values, inner: Values) -> "Graph":
        read = {one for proto in protos for one in proto.input}
        weights = [one for one in self.model.graph.initializer if one.name in read]
        graph = helper.make_graph(
            protos,
            "part",
            [typed(name, value) for name, value in given.items()],
            [typed(name, value) for name, value in wanted.items()],
            initializer=weights,
            value_info=[typed(name, value) for name, value in inner.items()],
        )
        return Graph(with_graph(self.model, graph))


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
