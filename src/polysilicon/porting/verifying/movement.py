"""Operators that move, select, join and make elements without computing on them, in NumPy."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from onnx import helper, numpy_helper

from polysilicon.porting.verifying.graph import Array

Attributes = Mapping[str, Any]


def _reshape(attributes: Attributes, x: Array, shape: Array) -> Array:
    sizes = [
        x.shape[at] if one == 0 and not attributes.get("allowzero", 0) else one for at, one in enumerate(shape.tolist())
    ]
    return x.reshape(sizes)


def _flatten(attributes: Attributes, x: Array) -> Array:
    return x.reshape(int(np.prod(x.shape[: attributes.get("axis", 1)])), -1)


def _squeeze(_: Attributes, x: Array, axes: Array | None = None) -> Array:
    return np.squeeze(x, None if axes is None else tuple(axes.tolist()))


def _unsqueeze(_: Attributes, x: Array, axes: Array) -> Array:
    return np.expand_dims(x, tuple(np.atleast_1d(axes).tolist()))


def _transpose(attributes: Attributes, x: Array) -> Array:
    return np.transpose(x, attributes.get("perm"))


def _expand(_: Attributes, x: Array, shape: Array) -> Array:
    return x * np.ones(shape.tolist(), x.dtype) if x.dtype != np.bool_ else x & np.ones(shape.tolist(), np.bool_)


def _slice(
    _: Attributes, x: Array, starts: Array, ends: Array, axes: Array | None = None, steps: Array | None = None
) -> Array:
    kept = [slice(None)] * x.ndim
    along = range(len(starts)) if axes is None else axes.tolist()
    strides = [1] * len(starts) if steps is None else steps.tolist()
    for axis, start, end, step in zip(along, starts.tolist(), ends.tolist(), strides, strict=True):
        stop = None if step < 0 and end < -x.shape[axis] else end
        kept[axis] = slice(start, stop, step)
    return x[tuple(kept)]


def _split(attributes: Attributes, x: Array, sizes: Array | None = None) -> list[Array]:
    axis = attributes.get("axis", 0)
    if sizes is None:
        count = attributes["num_outputs"]
        each = -(-x.shape[axis] // count)
        sizes = np.array([each] * (count - 1) + [x.shape[axis] - each * (count - 1)])
    return np.split(x, np.cumsum(sizes)[:-1], axis)


def _gather(attributes: Attributes, x: Array, at: Array) -> Array:
    return np.take(x, at, attributes.get("axis", 0))


def _gather_elements(attributes: Attributes, x: Array, at: Array) -> Array:
    axis = attributes.get("axis", 0)
    return np.take_along_axis(x, np.where(at < 0, at + x.shape[axis], at), axis)


def _gather_nd(attributes: Attributes, x: Array, at: Array) -> Array:
    batch = attributes.get("batch_dims", 0)
    if not batch:
        return x[tuple(np.moveaxis(at, -1, 0))]
    lead = x.shape[:batch]
    flat, places = x.reshape(-1, *x.shape[batch:]), at.reshape(-1, *at.shape[batch:])
    picked = [one[tuple(np.moveaxis(place, -1, 0))] for one, place in zip(flat, places, strict=True)]
    return np.stack(picked).reshape(*lead, *picked[0].shape)


_JOINED = {b"add": np.add, b"mul": np.multiply, b"max": np.maximum, b"min": np.minimum}


def _scatter_nd(attributes: Attributes, x: Array, at: Array, new: Array) -> Array:
    result, places = x.copy(), tuple(np.moveaxis(at, -1, 0))
    joined = _JOINED.get(attributes.get("reduction", b"none"))
    if joined is None:
        result[places] = new
    else:
        joined.at(result, places, new)
    return result


def _scatter_elements(attributes: Attributes, x: Array, at: Array, new: Array) -> Array:
    result, axis = x.copy(), attributes.get("axis", 0) % x.ndim
    places: list[Any] = list(np.indices(at.shape, sparse=True))
    places[axis] = np.where(at < 0, at + x.shape[axis], at)
    joined = _JOINED.get(attributes.get("reduction", b"none"))
    if joined is None:
        result[tuple(places)] = new
    else:
        joined.at(result, tuple(np.broadcast_arrays(*places)), new)
    return result


def _constant(attributes: Attributes) -> Array:
    if "value" in attributes:
        return numpy_helper.to_array(attributes["value"])
    kind, value = next(iter(attributes.items()))
    return np.asarray(value, np.float32 if "float" in kind else np.int64)


def _constant_of_shape(attributes: Attributes, shape: Array) -> Array:
    value = numpy_helper.to_array(attributes["value"]) if "value" in attributes else np.zeros(1, np.float32)
    return np.full(shape.tolist(), value[0])


def _shape(attributes: Attributes, x: Array) -> Array:
    return np.array(x.shape[attributes.get("start", 0) : attributes.get("end")], np.int64)


def _range(_: Attributes, start: Array, end: Array, step: Array) -> Array:
    made: Any = np.arange(start.item(), end.item(), step.item())
    return made.astype(start.dtype)


def _pad(attributes: Attributes, x: Array, pads: Array, value: Array | None = None, axes: Array | None = None) -> Array:
    along = list(range(x.ndim)) if axes is None else axes.tolist()
    widths, half = [(0, 0)] * x.ndim, len(along)
    for place, axis in enumerate(along):
        widths[axis] = (int(pads[place]), int(pads[place + half]))
    cropped = x[
        tuple(slice(max(-low, 0), size - max(-high, 0)) for (low, high), size in zip(widths, x.shape, strict=True))
    ]
    grown = [(max(low, 0), max(high, 0)) for low, high in widths]
    mode = attributes.get("mode", b"constant").decode()
    if mode == "constant":
        return np.pad(cropped, grown, constant_values=0 if value is None else value.item())
    return np.pad(cropped, grown, mode=mode)  # type: ignore[call-overload] # ONNX names modes as NumPy does


def _trilu(attributes: Attributes, x: Array, by: Array | None = None) -> Array:
    offset = 0 if by is None else int(by)
    return np.triu(x, offset) if attributes.get("upper", 1) else np.tril(x, offset)


def _one_hot(attributes: Attributes, at: Array, depth: Array, ends: Array) -> Array:
    size, axis = int(np.ravel(depth)[0]), attributes.get("axis", -1)
    hot = np.expand_dims(np.where(at < 0, at + size, at), axis)
    shape = [1] * hot.ndim
    shape[axis] = size
    return np.where(hot == np.arange(size).reshape(shape), ends[1], ends[0])


def _eye(attributes: Attributes, x: Array) -> Array:
    kind: Any = helper.tensor_dtype_to_np_dtype(attributes["dtype"]) if "dtype" in attributes else x.dtype
    return np.eye(x.shape[0], x.shape[1], k=attributes.get("k", 0), dtype=kind)


MOVEMENT: dict[str, Callable[..., Any]] = {
    "Concat": lambda attributes, *parts: np.concatenate(parts, attributes["axis"]),
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Expand": _expand,
    "EyeLike": _eye,
    "Flatten": _flatten,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "NonZero": lambda _, x: np.array(np.nonzero(x), np.int64),
    "OneHot": _one_hot,
    "Pad": _pad,
    "Range": _range,
    "Reshape": _reshape,
    "ScatterElements": _scatter_elements,
    "ScatterND": _scatter_nd,
    "Shape": _shape,
    "Size": lambda _, x: np.array(x.size, np.int64),
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": lambda _, x, times: np.tile(x, times.tolist()),
    "Transpose": _transpose,
    "Trilu": _trilu,
    "Unsqueeze": _unsqueeze,
}
