"""One training step as a graph of its own: forward, loss, gradients and the update, ready to be exported.

PyTorch's functional transforms write the step out (`torch.func.grad_and_value`), `make_fx` records it, and core ATen
decompositions leave few operators. Two are rewritten here, as exporters don't know them: memory that is not
initialised becomes zeros, and a convolution's backward pass becomes three convolutions and sums (the gradient of
the weights is the convolution of the input with the gradient, batch and channels changed over).
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch._decomp import core_aten_decompositions
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.attention import SDPBackend, sdpa_kernel

from polysilicon.records.errors import Unsupported

RATE = 0.05
aten = torch.ops.aten
Loss = Callable[[Any, Tensor], Tensor]


def step_of(module: nn.Module, loss: Loss, inputs: int, rate: float = RATE) -> Callable[..., tuple[Tensor, ...]]:
    """A function of parameters, inputs and what is wanted: the loss, every gradient and every updated parameter.

    The update is that of plain stochastic gradient descent.
    """
    names = [name for name, _ in module.named_parameters()]
    buffers = dict(module.named_buffers())

    def step(*given: Tensor) -> tuple[Tensor, ...]:
        parameters = given[: len(names)]
        fed, wanted = given[len(names) : len(names) + inputs], given[len(names) + inputs]

        def lost(values: Sequence[Tensor]) -> Tensor:
            answer = torch.func.functional_call(module, (dict(zip(names, values, strict=True)), buffers), fed)
            return loss(answer, wanted)

        gradients, value = torch.func.grad_and_value(lost)(parameters)
        updated = [one - rate * by for one, by in zip(parameters, gradients, strict=True)]
        return (value, *gradients, *updated)

    return step


def traced(step: Callable[..., tuple[Tensor, ...]], given: Sequence[Tensor], *, whole: bool = False) -> Any:
    """The step as a graph of ATen operators; `whole` leaves PyTorch's own kernels of the backward pass together."""
    table = {} if whole else _TABLE
    with sdpa_kernel(SDPBackend.MATH):
        return make_fx(step, tracing_mode="real", decomposition_table=table)(*given)


def _empty(size: Sequence[int], _: Sequence[int], *, dtype: torch.dtype | None = None, **__: object) -> Tensor:
    return torch.zeros(size, dtype=dtype)


def _convolution_backward(
    grad: Tensor, x: Tensor, weight: Tensor, _: object, stride: Sequence[int], padding: Sequence[int],
    dilation: Sequence[int], transposed: bool, __: object, groups: int, mask: Sequence[bool],
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:  # fmt: skip
    """The three gradients of a convolution, each where it is asked for.

    Raises:
        Unsupported: the convolution is a transposed one.
    """
    if transposed:
        raise Unsupported("the backward pass of a transposed convolution is not written out yet")
    places = tuple(range(2, x.ndim))
    by_input = _input_gradient(grad, x, weight, stride, padding, dilation, groups) if mask[0] else None
    by_weight = _weight_gradient(grad, x, weight, stride, padding, dilation, groups) if mask[1] else None
    return by_input, by_weight, grad.sum([0, *places]) if mask[2] else None


def _input_gradient(
    grad: Tensor, x: Tensor, weight: Tensor, stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int],
    groups: int,
) -> Tensor:  # fmt: skip
    sizes = weight.shape[2:]
    reach = [far * (width - 1) for far, width in zip(dilation, sizes, strict=True)]
    none = [0] * len(sizes)
    if set(stride) == {1} and all(pad <= wide for pad, wide in zip(padding, reach, strict=True)):
        # A plain convolution with the kernel turned round: more runtimes have it than the transposed one.
        turned = weight.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1).flip(*range(2, weight.ndim))
        pads = [wide - pad for pad, wide in zip(padding, reach, strict=True)]
        plain: Tensor = aten.convolution(grad, turned, None, stride, pads, dilation, False, none, groups)
        return plain
    short = [
        x.shape[2 + at] - ((grad.shape[2 + at] - 1) * stride[at] - 2 * padding[at] + wide + 1)
        for at, wide in enumerate(reach)
    ]
    given: Tensor = aten.convolution(grad, weight, None, stride, padding, dilation, True, short, groups)
    return given


def _weight_gradient(
    grad: Tensor, x: Tensor, weight: Tensor, stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int],
    groups: int,
) -> Tensor:  # fmt: skip
    batch, channels, *places = x.shape
    seen = x.reshape(batch, groups, channels // groups, *places).transpose(0, 2)
    seen = seen.reshape(channels // groups, groups * batch, *places)
    kernels = grad.transpose(0, 1)
    none = [0] * len(places)
    given: Tensor = aten.convolution(seen, kernels, None, dilation, padding, stride, False, none, groups)
    given = given.transpose(0, 1)
    for at, width in enumerate(weight.shape[2:]):
        given = given.narrow(2 + at, 0, width)
    return given


_TABLE = {
    **core_aten_decompositions(),
    aten.empty_permuted.default: _empty,
    aten.convolution_backward.default: _convolution_backward,
}
