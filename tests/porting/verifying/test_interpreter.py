"""Our operators against PyTorch's, in 64 bits, over shapes that are not square and sizes that don't divide."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from polysilicon.porting.verifying.graph import Node
from polysilicon.porting.verifying.interpreter import OPERATORS, apply, evaluate
from polysilicon.records.errors import Unsupported

RANDOM = np.random.default_rng(3)


def run(op, *read, **attributes):
    node = Node("n", op, (), ("y",), attributes)
    return apply(node, [None if one is None else np.asarray(one) for one in read])[0]


def same(mine, right):
    np.testing.assert_allclose(mine, right.numpy(), rtol=1e-11, atol=1e-12)


def drawn(*shape):
    return RANDOM.standard_normal(shape)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.integers(1, 2), st.integers(0, 2), st.integers(1, 2), st.sampled_from([1, 2]))
def test_convolutions_are_pytorchs(width, stride, padding, dilation, groups):
    x, weight, shift = drawn(2, 4, 9, 8), drawn(6, 4 // groups, width, 2), drawn(6)
    told = {"strides": [stride] * 2, "pads": [padding] * 4, "dilations": [dilation] * 2, "group": groups}
    right = functional.conv2d(*map(torch.tensor, (x, weight, shift)), stride, padding, dilation, groups)
    same(run("Conv", x, weight, shift, **told), right)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.integers(1, 2), st.integers(0, 1), st.integers(1, 2), st.sampled_from([1, 2]))
def test_transposed_convolutions_are_pytorchs(width, stride, padding, dilation, groups):
    x, weight = drawn(2, 4, 5, 6), drawn(4, 6 // groups, width + 1, 3)
    more = 1 if stride > 1 else 0
    told = {"strides": [stride] * 2, "pads": [padding] * 4, "dilations": [dilation] * 2, "group": groups}
    right = functional.conv_transpose2d(
        torch.tensor(x), torch.tensor(weight), None, stride, padding, more, groups, dilation
    )
    same(run("ConvTranspose", x, weight, output_padding=[more] * 2, **told), right)


def test_pools_are_pytorchs():
    x = drawn(2, 3, 7, 8)
    told = {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 0]}
    right, places = functional.max_pool2d(torch.tensor(x), (3, 2), (2, 1), (1, 0), return_indices=True)
    largest, at = apply(Node("n", "MaxPool", (), ("y", "at"), told), [x])
    same(largest, right)
    starts = np.arange(6).reshape(2, 3, 1, 1) * 56  # PyTorch counts within each channel, ONNX over all
    np.testing.assert_array_equal(at, places.numpy() + starts)
    right = functional.avg_pool2d(torch.tensor(x), (3, 2), (2, 1), (1, 0), count_include_pad=False)
    same(run("AveragePool", x, **told), right)


def test_norms_are_pytorchs():
    x, scale, shift = drawn(3, 4, 5), drawn(5), drawn(5)
    same(
        run("LayerNormalization", x, scale, shift),
        functional.layer_norm(*map(torch.tensor, (x,)), (5,), *map(torch.tensor, (scale, shift))),
    )
    right = functional.instance_norm(torch.tensor(x), weight=torch.tensor(scale[:4]), bias=torch.tensor(shift[:4]))
    same(run("InstanceNormalization", x, scale[:4], shift[:4]), right)
    right = functional.batch_norm(
        torch.tensor(x), *map(torch.tensor, (shift[:4], scale[:4] ** 2, scale[:4], shift[:4]))
    )
    same(run("BatchNormalization", x, scale[:4], shift[:4], shift[:4], scale[:4] ** 2), right)
    right = functional.rms_norm(torch.tensor(x), (5,), torch.tensor(scale), 1e-5)
    same(run("RMSNormalization", x, scale), right)


@pytest.mark.parametrize(
    ("op", "told", "right"),
    [
        ("Softmax", {"axis": -1}, lambda x: torch.softmax(x, -1)),
        ("LogSoftmax", {"axis": 1}, lambda x: torch.log_softmax(x, 1)),
        ("Gelu", {}, functional.gelu),
        ("Gelu", {"approximate": b"tanh"}, lambda x: functional.gelu(x, approximate="tanh")),
        ("Sigmoid", {}, torch.sigmoid),
        ("Erf", {}, torch.erf),
        ("Elu", {}, functional.elu),
        ("HardSwish", {}, functional.hardswish),
        ("Mish", {}, functional.mish),
        ("Softplus", {}, functional.softplus),
        ("LeakyRelu", {}, functional.leaky_relu),
    ],
)
def test_functions_are_pytorchs(op, told, right):
    x = 30 * drawn(4, 5)
    np.testing.assert_allclose(run(op, x, **told), right(torch.tensor(x)).numpy(), rtol=1e-9, atol=1e-12)


def test_gathers_and_scatters_are_pytorchs():
    x, at, new = drawn(5, 4), RANDOM.integers(0, 5, (3, 4)), drawn(3, 4)
    same(run("GatherElements", x, at, axis=0), torch.tensor(x).gather(0, torch.tensor(at)))
    right = torch.tensor(x).scatter_add(0, torch.tensor(at), torch.tensor(new))
    same(run("ScatterElements", x, at, new, axis=0, reduction=b"add"), right)
    rows = RANDOM.integers(0, 5, (6, 1))
    right = torch.tensor(x).index_add(0, torch.tensor(rows[:, 0]), torch.tensor(drawn(6, 4) * 0 + 1))
    same(run("ScatterND", x, rows, np.ones((6, 4)), reduction=b"add"), right)
    same(run("GatherND", x, rows), torch.tensor(x)[torch.tensor(rows[:, 0])])


def test_slices_go_backwards_too():
    x = drawn(5, 4)
    np.testing.assert_array_equal(run("Slice", x, [-1], [-(2**31)], [0], [-1]), x[::-1])
    np.testing.assert_array_equal(run("Slice", x, [1], [2**31], [1], [2]), x[:, 1::2])


def test_sums_products_and_chosen_elements_are_pytorchs():
    x = drawn(4, 5)
    same(run("Einsum", x, x, equation=b"ij,kj->ik"), torch.tensor(x) @ torch.tensor(x).T)
    same(run("CumSum", x, np.array(1), reverse=1), torch.tensor(x).flip(1).cumsum(1).flip(1))
    same(run("TopK", x, np.array([2])), torch.tensor(x).topk(2)[0])
    same(run("ReduceLogSumExp", x, np.array([1]), keepdims=0), torch.tensor(x).logsumexp(1))
    same(run("Gemm", x, x, transB=1, alpha=0.5), 0.5 * torch.tensor(x) @ torch.tensor(x).T)


def test_whole_numbers_are_divided_towards_zero():
    assert run("Div", np.array([-7, 7]), np.array([2, -2])).tolist() == [-3, -3]


def test_an_operator_that_is_not_interpreted_is_named():
    with pytest.raises(Unsupported, match="NoSuchOperator"):
        run("NoSuchOperator", drawn(1))


def test_narrow_formats_round_what_every_operator_gives(exported):
    case = exported("recommender")
    wide = evaluate(case.graph, case.feeds)[case.graph.outputs[0]]
    off = {
        dtype: np.linalg.norm(evaluate(case.graph, case.feeds, dtype)[case.graph.outputs[0]] - wide)
        / np.linalg.norm(wide)
        for dtype in ("fp32", "fp16", "bf16")
    }
    assert off["fp32"] < 1e-6 < off["fp16"] < 2e-3 < off["bf16"] < 0.1


def test_every_operator_has_a_name_of_the_standard():
    import onnx

    known = {one.name for one in onnx.defs.get_all_schemas()}
    assert OPERATORS.keys() <= known
