"""Operators that sum over elements: products, convolutions, pools, norms and reductions, in NumPy."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from polysilicon.porting.verifying.graph import Array
from polysilicon.records.errors import Unsupported

Attributes = Mapping[str, Any]


def _reduced(compute: Callable[..., Array]) -> Callable[..., Array]:
    def reduced(attributes: Attributes, x: Array, axes: Array | None = None) -> Array:
        keep = bool(attributes.get("keepdims", 1))
        told = attributes.get("axes") if axes is None else axes.tolist()
        if not told and attributes.get("noop_with_empty_axes", 0):
            return x
        return np.asarray(compute(x, axis=tuple(told) if told else None, keepdims=keep))

    return reduced


def _chosen(compute: Callable[..., Array]) -> Callable[..., Array]:
    def chosen(attributes: Attributes, x: Array) -> Array:
        axis, keep = attributes.get("axis", 0), bool(attributes.get("keepdims", 1))
        if attributes.get("select_last_index", 0):
            return x.shape[axis] - 1 - compute(np.flip(x, axis), axis=axis, keepdims=keep)
        return compute(x, axis=axis, keepdims=keep)

    return chosen


def _softmax(attributes: Attributes, x: Array) -> Array:
    axis = attributes.get("axis", -1)
    raised = np.exp(x - x.max(axis, keepdims=True))
    return np.asarray(raised / raised.sum(axis, keepdims=True))


def _log_softmax(attributes: Attributes, x: Array) -> Array:
    axis = attributes.get("axis", -1)
    low = x - x.max(axis, keepdims=True)
    return np.asarray(low - np.log(np.exp(low).sum(axis, keepdims=True)))


def _log_sum_exp(x: Array, axis: Any, keepdims: bool) -> Array:
    most = x.max(axis=axis, keepdims=True)
    total = np.log(np.exp(x - most).sum(axis=axis, keepdims=True)) + most
    return np.asarray(total if keepdims else total.squeeze(axis))


def _gemm(attributes: Attributes, x: Array, y: Array, added: Array | None = None) -> Array:
    left = x.T if attributes.get("transA", 0) else x
    right = y.T if attributes.get("transB", 0) else y
    product = attributes.get("alpha", 1.0) * (left @ right)
    return np.asarray(product if added is None else product + attributes.get("beta", 1.0) * added)


def _top(attributes: Attributes, x: Array, count: Array) -> tuple[Array, Array]:
    axis, most = attributes.get("axis", -1), bool(attributes.get("largest", 1))
    order = np.argsort(-x if most else x, axis, kind="stable")
    at = np.take(order, range(int(np.ravel(count)[0])), axis)
    return np.take_along_axis(x, at, axis), at.astype(np.int64)


def _cumulated(attributes: Attributes, x: Array, axis: Array) -> Array:
    along = int(axis)
    turned = np.flip(x, along) if attributes.get("reverse", 0) else x
    total = np.cumsum(turned, along, dtype=x.dtype)
    if attributes.get("exclusive", 0):
        total = total - turned
    return np.flip(total, along) if attributes.get("reverse", 0) else total


def _einsum(attributes: Attributes, *parts: Array) -> Array:
    return np.asarray(np.einsum(attributes["equation"].decode(), *parts, optimize=True))


def _layer_norm(
    attributes: Attributes, x: Array, scale: Array, shift: Array | None = None
) -> tuple[Array, Array, Array]:
    axes = tuple(range(attributes.get("axis", -1) % x.ndim, x.ndim))
    mean = x.mean(axes, keepdims=True)
    inverse = 1 / np.sqrt(np.square(x - mean).mean(axes, keepdims=True) + attributes.get("epsilon", 1e-5))
    normed = (x - mean) * inverse * scale
    return (normed if shift is None else normed + shift), mean, inverse


def _rms_norm(attributes: Attributes, x: Array, scale: Array) -> Array:
    axes = tuple(range(attributes.get("axis", -1) % x.ndim, x.ndim))
    return np.asarray(x / np.sqrt(np.square(x).mean(axes, keepdims=True) + attributes.get("epsilon", 1e-5)) * scale)


def _by_channel(one: Array, x: Array) -> Array:
    return one.reshape(1, -1, *[1] * (x.ndim - 2))


def _instance_norm(attributes: Attributes, x: Array, scale: Array, shift: Array) -> Array:
    axes = tuple(range(2, x.ndim))
    inverse = 1 / np.sqrt(x.var(axes, keepdims=True) + attributes.get("epsilon", 1e-5))
    return np.asarray((x - x.mean(axes, keepdims=True)) * inverse * _by_channel(scale, x) + _by_channel(shift, x))


def _batch_norm(attributes: Attributes, x: Array, scale: Array, shift: Array, mean: Array, variance: Array) -> Array:
    if attributes.get("training_mode", 0):
        raise Unsupported("batch normalisation in training mode is not interpreted")
    inverse = 1 / np.sqrt(_by_channel(variance, x) + attributes.get("epsilon", 1e-5))
    return np.asarray((x - _by_channel(mean, x)) * inverse * _by_channel(scale, x) + _by_channel(shift, x))


def _pads(attributes: Attributes, sizes: Sequence[int], kernel: Sequence[int]) -> tuple[list[int], list[int]]:
    """Padding before and after each axis, as the model says or as `auto_pad` works it out."""
    count = len(kernel)
    strides, stretch = attributes.get("strides", [1] * count), attributes.get("dilations", [1] * count)
    way = attributes.get("auto_pad", b"NOTSET")
    if way in (b"NOTSET", b"VALID"):
        pads = attributes.get("pads", [0] * 2 * count) if way == b"NOTSET" else [0] * 2 * count
        return list(pads[:count]), list(pads[count:])
    whole = [
        max((-(-size // step) - 1) * step + (width - 1) * far + 1 - size, 0)
        for size, step, width, far in zip(sizes, strides, kernel, stretch, strict=True)
    ]
    less, more = [one // 2 for one in whole], [one - one // 2 for one in whole]
    return (less, more) if way == b"SAME_UPPER" else (more, less)


def _windows(attributes: Attributes, x: Array, kernel: Sequence[int], filler: float) -> Array:
    """(batch, channels, places..., kernel...): what each place of the result sees of a padded input."""
    count = len(kernel)
    strides, stretch = attributes.get("strides", [1] * count), attributes.get("dilations", [1] * count)
    low, high = _pads(attributes, x.shape[2:], kernel)
    padded = np.pad(x, [(0, 0), (0, 0), *zip(low, high, strict=True)], constant_values=filler)
    reach = [(width - 1) * far + 1 for width, far in zip(kernel, stretch, strict=True)]
    seen = np.lib.stride_tricks.sliding_window_view(padded, reach, tuple(range(2, 2 + count)))
    places = tuple(slice(None, None, one) for one in strides)
    return seen[(slice(None), slice(None), *places, *(slice(None, None, one) for one in stretch))]


def _convolved(attributes: Attributes, x: Array, weight: Array, shift: Array | None = None) -> Array:
    groups, count = attributes.get("group", 1), weight.ndim - 2
    seen = _windows(attributes, x, weight.shape[2:], 0.0)
    batch, channels, *rest = seen.shape
    places = rest[:count]
    seen = seen.reshape(batch, groups, channels // groups, *rest)
    seen = np.moveaxis(seen, range(3, 3 + count), range(2, 2 + count)).reshape(batch, groups, int(np.prod(places)), -1)
    product = seen @ weight.reshape(groups, weight.shape[0] // groups, -1).swapaxes(1, 2)
    given = product.swapaxes(2, 3).reshape(batch, weight.shape[0], *places)
    return given if shift is None else given + _by_channel(shift, given)


def _convolved_back(attributes: Attributes, x: Array, weight: Array, shift: Array | None = None) -> Array:
    """The transposed convolution: each input element adds its kernel to the places that would have seen it."""
    count, groups = weight.ndim - 2, attributes.get("group", 1)
    strides, stretch = attributes.get("strides", [1] * count), attributes.get("dilations", [1] * count)
    pads, more = attributes.get("pads", [0] * 2 * count), attributes.get("output_padding", [0] * count)
    reach = [(width - 1) * far + 1 for width, far in zip(weight.shape[2:], stretch, strict=True)]
    whole = [(size - 1) * step + wide for size, step, wide in zip(x.shape[2:], strides, reach, strict=True)]
    batch, each = x.shape[0], weight.shape[0] // groups
    split = x.reshape(batch, groups, each, *x.shape[2:])
    kernels = weight.reshape(groups, each, *weight.shape[1:])
    total = np.zeros(
        (batch, groups, weight.shape[1], *(size + one for size, one in zip(whole, more, strict=True))), x.dtype
    )
    for place in np.ndindex(*weight.shape[2:]):
        part = np.einsum("ngc...,gco->ngo...", split, kernels[(slice(None), slice(None), slice(None), *place)])
        spots = tuple(
            slice(at * far, at * far + (size - 1) * step + 1, step)
            for at, far, size, step in zip(place, stretch, x.shape[2:], strides, strict=True)
        )
        total[(slice(None), slice(None), slice(None), *spots)] += part
    given = total.reshape(batch, -1, *total.shape[3:])
    ends = [size - pads[at + count] for at, size in enumerate(given.shape[2:])]
    given = given[(slice(None), slice(None), *(slice(pads[at], end) for at, end in enumerate(ends)))]
    return given if shift is None else given + _by_channel(shift, given)


def _max_pool(attributes: Attributes, x: Array) -> tuple[Array, Array]:
    """The largest of each window, and its place in the whole flattened input."""
    kernel = attributes["kernel_shape"]
    places = np.arange(x.size).reshape(x.shape)
    seen, at = (_windows(attributes, one, kernel, low) for one, low in ((x, -np.inf), (places, -1)))
    flat = seen.reshape(*seen.shape[: -len(kernel)], -1)
    chosen = np.argmax(flat, -1)[..., None]
    picked = np.take_along_axis(at.reshape(flat.shape), chosen, -1)[..., 0]
    return np.take_along_axis(flat, chosen, -1)[..., 0], picked


def _mean_pool(attributes: Attributes, x: Array) -> Array:
    kernel = attributes["kernel_shape"]
    axes = tuple(range(-len(kernel), 0))
    total = _windows(attributes, x, kernel, 0.0).sum(axes)
    if attributes.get("count_include_pad", 0):
        return np.asarray(total / np.prod(kernel))
    return np.asarray(total / _windows(attributes, np.ones_like(x), kernel, 0.0).sum(axes))


REDUCTIONS: dict[str, Callable[..., Any]] = {
    "ArgMax": _chosen(np.argmax),
    "ArgMin": _chosen(np.argmin),
    "AveragePool": _mean_pool,
    "BatchNormalization": _batch_norm,
    "Conv": _convolved,
    "ConvTranspose": _convolved_back,
    "CumSum": _cumulated,
    "Einsum": _einsum,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda _, x: x.mean(tuple(range(2, x.ndim)), keepdims=True),
    "GlobalMaxPool": lambda _, x: x.max(tuple(range(2, x.ndim)), keepdims=True),
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "LogSoftmax": _log_softmax,
    "MatMul": lambda _, x, y: np.asarray(x @ y),
    "MaxPool": _max_pool,
    "RMSNormalization": _rms_norm,
    "ReduceL1": _reduced(lambda x, **to: np.abs(x).sum(**to)),
    "ReduceL2": _reduced(lambda x, **to: np.sqrt(np.square(x).sum(**to))),
    "ReduceLogSumExp": _reduced(_log_sum_exp),
    "ReduceMax": _reduced(np.max),
    "ReduceMean": _reduced(np.mean),
    "ReduceMin": _reduced(np.min),
    "ReduceProd": _reduced(np.prod),
    "ReduceSum": _reduced(np.sum),
    "ReduceSumSquare": _reduced(lambda x, **to: np.square(x).sum(**to)),
    "Softmax": _softmax,
    "TopK": _top,
}
