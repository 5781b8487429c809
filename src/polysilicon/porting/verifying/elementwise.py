"""Operators that compute each element by itself, in NumPy."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from onnx import helper
from scipy import special

from polysilicon.porting.verifying.graph import FLOATS, Array

Attributes = Mapping[str, Any]


def _unary(compute: Callable[[Array], Array]) -> Callable[..., Array]:
    return lambda _, x: compute(x)


def _binary(compute: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    return lambda _, x, y: compute(x, y)


def _several(compute: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    def folded(_: Attributes, first: Array, *others: Array) -> Array:
        for one in others:
            first = compute(first, one)
        return first

    return folded


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)) without overflow."""
    return np.asarray(special.expit(x))


def erf(x: Array) -> Array:
    """The error function."""
    return np.asarray(special.erf(x))


def _gelu(attributes: Attributes, x: Array) -> Array:
    if attributes.get("approximate", b"none") == b"tanh":
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + erf(x / np.sqrt(2)))


def _cast(attributes: Attributes, x: Array) -> Array:
    """A cast between real formats keeps what is known: the reference computes as if nothing were rounded."""
    to = attributes["to"]
    if to in FLOATS:
        return x if x.dtype.kind == "f" else x.astype(np.float64)
    kind = helper.tensor_dtype_to_np_dtype(to)
    return x.astype(kind) if x.dtype.kind != "f" or kind == np.bool_ else np.trunc(x).astype(kind)


def _clip(_: Attributes, x: Array, low: Array | None = None, high: Array | None = None) -> Array:
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


def _divided(x: Array, y: Array) -> Array:
    if x.dtype.kind == "f":
        return x / y
    quotient = np.abs(x) // np.abs(np.where(y == 0, 1, y))
    return np.asarray((quotient * np.sign(x) * np.sign(y)).astype(x.dtype))


def _modulo(attributes: Attributes, x: Array, y: Array) -> Array:
    return np.fmod(x, y) if attributes.get("fmod", 0) else np.mod(x, y)


def _power(x: Array, y: Array) -> Array:
    return np.power(x, y).astype(x.dtype, copy=False)


def _softplus(x: Array) -> Array:
    return np.logaddexp(x, 0)


def _leaky(attributes: Attributes, x: Array) -> Array:
    return np.where(x < 0, attributes.get("alpha", 0.01) * x, x)


def _elu(attributes: Attributes, x: Array) -> Array:
    return np.where(x > 0, x, attributes.get("alpha", 1.0) * np.expm1(np.minimum(x, 0)))


def _hard_sigmoid(attributes: Attributes, x: Array) -> Array:
    return np.clip(attributes.get("alpha", 0.2) * x + attributes.get("beta", 0.5), 0, 1)


ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "Abs": _unary(np.abs),
    "Add": _binary(np.add),
    "And": _binary(np.logical_and),
    "Atan": _unary(np.arctan),
    "Cast": _cast,
    "CastLike": lambda _, x, like: x.astype(like.dtype),
    "Ceil": _unary(np.ceil),
    "Clip": _clip,
    "Cos": _unary(np.cos),
    "Div": _binary(_divided),
    "Dropout": lambda _, x, *__: x,
    "Elu": _elu,
    "Equal": _binary(np.equal),
    "Erf": _unary(erf),
    "Exp": _unary(np.exp),
    "Floor": _unary(np.floor),
    "Gelu": _gelu,
    "Greater": _binary(np.greater),
    "GreaterOrEqual": _binary(np.greater_equal),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda _, x: x * np.clip(x / 6 + 0.5, 0, 1),
    "Identity": lambda _, x: x,
    "IsInf": _unary(np.isinf),
    "IsNaN": _unary(np.isnan),
    "LeakyRelu": _leaky,
    "Less": _binary(np.less),
    "LessOrEqual": _binary(np.less_equal),
    "Log": _unary(np.log),
    "Max": _several(np.maximum),
    "Min": _several(np.minimum),
    "Mish": _unary(lambda x: x * np.tanh(_softplus(x))),
    "Mod": _modulo,
    "Mul": _binary(np.multiply),
    "Neg": _unary(np.negative),
    "Not": _unary(np.logical_not),
    "Or": _binary(np.logical_or),
    "PRelu": lambda _, x, slope: np.where(x < 0, slope * x, x),
    "Pow": _binary(_power),
    "Reciprocal": _unary(lambda x: np.asarray(1, x.dtype) / x),
    "Relu": _unary(lambda x: np.maximum(x, np.asarray(0, x.dtype))),
    "Round": _unary(np.rint),
    "Sigmoid": _unary(sigmoid),
    "Sign": _unary(np.sign),
    "Sin": _unary(np.sin),
    "Softplus": _unary(_softplus),
    "Sqrt": _unary(np.sqrt),
    "Sub": _binary(np.subtract),
    "Sum": _several(np.add),
    "Tan": _unary(np.tan),
    "Tanh": _unary(np.tanh),
    "Where": lambda _, which, x, y: np.where(which, x, y),
    "Xor": _binary(np.logical_xor),
}
