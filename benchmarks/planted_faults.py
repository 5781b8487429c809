"""Fourteen faults that ports have, planted into a graph that a real runtime then runs.

A fault is a change of nodes: it is made in whatever part of the graph the runtime is given, the whole or one operator,
as a faulty kernel would be. `expected` is the operator that a verification has to name.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from polysilicon.porting.verifying.case import Case
from polysilicon.porting.verifying.graph import Graph, Node, with_graph
from polysilicon.porting.verifying.runtimes import Runtime

VELTKAMP = float(2**13 + 1)  # rounds the 24 bits of a significand to 11, as TF32 has


class Surgery:
    """A graph under the knife: nodes are replaced by others, weights are added."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.weights = dict(graph.constants)
        self.protos: list[onnx.NodeProto] = []
        self.count = 0

    def new(self, op: str, inputs: list[str], output: str | None = None, **attributes: object) -> str:
        self.count += 1
        output = output or f"planted.{self.count}"
        self.protos.append(helper.make_node(op, inputs, [output], name=f"planted_{self.count}", **attributes))
        return output

    def weight(self, value: object, dtype: type = np.float32) -> str:
        self.count += 1
        name = f"planted.weight.{self.count}"
        self.weights[name] = np.asarray(value, dtype)
        return name

    def keep(self, proto: onnx.NodeProto, inputs: list[str] | None = None, outputs: list[str] | None = None) -> None:
        twin = onnx.NodeProto()
        twin.CopyFrom(proto)
        if inputs is not None:
            twin.input[:] = inputs
        if outputs is not None:
            twin.output[:] = outputs
        self.protos.append(twin)

    def done(self) -> Graph:
        old = self.graph.model.graph
        inner = helper.make_graph(
            self.protos,
            old.name,
            list(old.input),
            list(old.output),
            initializer=[numpy_helper.from_array(value, name) for name, value in self.weights.items()],
        )
        return Graph(with_graph(self.graph.model, inner))


Change = Callable[[Surgery, Node, onnx.NodeProto], None]


@dataclass(frozen=True)
class Fault:
    """One fault: in which example, which nodes it changes and how, and what is to be named."""

    name: str
    example: str
    expected: tuple[str, ...]
    hit: Callable[[Node, Graph], bool]
    change: Change
    prepare: Callable[[Surgery], None] = lambda surgery: None

    def planted(self, graph: Graph) -> Graph:
        surgery = Surgery(graph)
        self.prepare(surgery)
        for node, proto in zip(graph.nodes, graph.model.graph.node, strict=True):
            if self.hit(node, graph):
                self.change(surgery, node, proto)
            else:
                surgery.keep(proto)
        return surgery.done()


def faulty(runtime: Runtime, fault: Fault) -> Runtime:
    """A runtime with the fault in it, to be judged by the others."""

    def prepare(case: Case, graph: Graph) -> object:
        return runtime.prepare(case, fault.planted(graph))

    return replace(runtime, name="ported", prepare=prepare, consensus=False)


def op(*names: str) -> Callable[[Node, Graph], bool]:
    return lambda node, _: node.op in names


def scalar(node: Node, graph: Graph, value: float) -> bool:
    held = [graph.constants[one] for one in node.inputs if one in graph.constants]
    return any(one.size == 1 and np.isclose(float(one.ravel()[0]), value, rtol=1e-5, atol=0) for one in held)


def with_scalar(value: float) -> Change:
    def change(surgery: Surgery, node: Node, proto: onnx.NodeProto) -> None:
        new = surgery.weight(value)
        kept = [one if one not in surgery.graph.constants else new for one in node.inputs]
        surgery.keep(proto, inputs=kept)

    return change


def next_row(surgery: Surgery, node: Node, proto: onnx.NodeProto) -> None:
    table = surgery.graph.constants.get(node.inputs[0])
    rows = len(table) if table is not None else 256
    after = surgery.new("Add", [node.inputs[1], surgery.weight(1, np.int64)])
    surgery.keep(proto, inputs=[node.inputs[0], surgery.new("Mod", [after, surgery.weight(rows, np.int64)])])


def mean_for_sum(surgery: Surgery, node: Node, proto: onnx.NodeProto) -> None:
    surgery.new("ReduceMean", list(node.inputs), node.outputs[0], keepdims=node.attributes.get("keepdims", 1))


def not_causal(surgery: Surgery, node: Node, _: onnx.NodeProto) -> None:
    surgery.new("Identity", [node.inputs[2]], node.outputs[0])


def interleaved(surgery: Surgery, node: Node, proto: onnx.NodeProto) -> None:
    """The halves of a head become its even and its odd elements."""
    start = int(surgery.graph.constants[node.inputs[1]][0])
    made = [surgery.weight([one], np.int64) for one in (1 if start else 0, 2**31 - 1)]
    axis, step = surgery.weight([3], np.int64), surgery.weight([2], np.int64)
    surgery.keep(proto, inputs=[node.inputs[0], *made, axis, step])


def a_half(node: Node, graph: Graph) -> bool:
    if node.op != "Slice" or node.inputs[3] not in graph.constants:
        return False
    axis, start = graph.constants[node.inputs[3]], graph.constants[node.inputs[1]]
    end = graph.constants[node.inputs[2]]
    return axis.tolist() == [3] and (start.tolist() == [8] or end.tolist() == [8])


def gelu_for_silu(surgery: Surgery, node: Node, _: onnx.NodeProto) -> None:
    scaled = surgery.new("Mul", [node.inputs[0], surgery.weight(0.5**0.5)])
    risen = surgery.new("Add", [surgery.new("Erf", [scaled]), surgery.weight(1.0)])
    surgery.new("Mul", [risen, surgery.weight(0.5)], node.outputs[0])


def narrow_weights(kind: int) -> Callable[[Surgery], None]:
    narrow = helper.tensor_dtype_to_np_dtype(kind)

    def prepare(surgery: Surgery) -> None:
        for name, value in surgery.weights.items():
            if value.dtype == np.float32:
                with np.errstate(over="ignore"):  # a mask's -1e9 becomes an infinity, and masks all the same
                    surgery.weights[name] = value.astype(narrow).astype(np.float32)

    return prepare


FLOAT_OPS = frozenset({"Mul", "MatMul", "Add", "Pow", "ReduceMean", "Sqrt", "Reciprocal", "Softmax", "Sigmoid", "Gemm"})


def narrow_result(kind: int) -> Change:
    def change(surgery: Surgery, node: Node, proto: onnx.NodeProto) -> None:
        wide = f"{node.outputs[0]}.wide"
        surgery.keep(proto, outputs=[wide, *node.outputs[1:]])
        narrow = surgery.new("Cast", [wide], to=kind)
        surgery.new("Cast", [narrow], node.outputs[0], to=TensorProto.FLOAT)

    return change


def as_tf32(surgery: Surgery, name: str) -> str:
    large = surgery.new("Mul", [name, surgery.weight(VELTKAMP)])
    return surgery.new("Sub", [large, surgery.new("Sub", [large, name])])


def tf32_inputs(surgery: Surgery, node: Node, proto: onnx.NodeProto) -> None:
    surgery.keep(proto, inputs=[*(as_tf32(surgery, one) for one in node.inputs[:2]), *node.inputs[2:]])


def fp16_table(surgery: Surgery, node: Node, proto: onnx.NodeProto) -> None:
    table = surgery.graph.constants.get(node.inputs[0])
    if table is None or table.dtype != np.float32:
        surgery.keep(proto)
        return
    surgery.keep(proto, inputs=[surgery.weight(table.astype(np.float16).astype(np.float32)), node.inputs[1]])


def rough_exponential(surgery: Surgery, node: Node, _: onnx.NodeProto) -> None:
    """A softmax whose exponential is off by up to 2e-4, differently at each element."""
    axes = surgery.weight([-1], np.int64)
    low = surgery.new("Sub", [node.inputs[0], surgery.new("ReduceMax", [node.inputs[0], axes])])
    wave = surgery.new("Sin", [surgery.new("Mul", [low, surgery.weight(40.0)])])
    off = surgery.new("Add", [surgery.new("Mul", [wave, surgery.weight(2e-4)]), surgery.weight(1.0)])
    raised = surgery.new("Mul", [surgery.new("Exp", [low]), off])
    surgery.new("Div", [raised, surgery.new("ReduceSum", [raised, axes])], node.outputs[0])


def epsilon(node: Node, graph: Graph) -> bool:
    return node.op == "Add" and scalar(node, graph, 1e-6)


T, R = "transformer", "recommender"
FAULTS = (
    Fault("embedding rows shifted by one", T, ("Gather",), lambda n, g: n.op == "Gather", next_row),
    Fault("bag mean instead of sum", R, ("ReduceSum",), op("ReduceSum"), mean_for_sum),
    Fault("attention not causal", T, ("Where",), op("Where"), not_causal),
    Fault("RoPE interleaved instead of half-split", T, ("Slice",), a_half, interleaved),
    Fault(
        "softmax scale 1/d instead of 1/sqrt(d)", T, ("Mul",),
        lambda n, g: n.op == "Mul" and scalar(n, g, 0.25), with_scalar(1 / 16),
    ),
    Fault("GELU instead of SiLU", T, ("Sigmoid",), op("Sigmoid"), gelu_for_silu),
    Fault(
        "bf16 weights and compute", T, ("Gather",), op(*FLOAT_OPS), narrow_result(TensorProto.BFLOAT16),
        narrow_weights(TensorProto.BFLOAT16),
    ),
    Fault(
        "fp16 weights and compute", T, ("Gather",), op(*FLOAT_OPS), narrow_result(TensorProto.FLOAT16),
        narrow_weights(TensorProto.FLOAT16),
    ),
    Fault("TF32-rounded GEMM inputs", T, ("MatMul", "Gemm"), op("MatMul", "Gemm"), tf32_inputs),
    Fault("TF32-rounded GEMM inputs, recommender", R, ("MatMul", "Gemm"), op("MatMul", "Gemm"), tf32_inputs),
    Fault("fp16 embedding tables", R, ("Gather",), op("Gather"), fp16_table),
    Fault("exp with 2e-4 relative error in softmax", T, ("Softmax",), op("Softmax"), rough_exponential),
    Fault("RMSNorm eps 1e-5 instead of 1e-6", T, ("Add",), epsilon, with_scalar(1e-5)),
    Fault("RMSNorm eps 0", T, ("Add",), epsilon, with_scalar(0.0)),
)  # fmt: skip
