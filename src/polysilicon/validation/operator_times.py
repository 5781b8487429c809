"""Time of timed operators by their curves, whole columns of one operator and kind at a time."""

from collections.abc import Callable, Mapping

from polysilicon.performance.attention import attention_s
from polysilicon.performance.curves import FORMATS, Parameters, Silicon, attention_curve, product_curve
from polysilicon.performance.decode import decode_attention_s
from polysilicon.performance.experts import moe_s
from polysilicon.performance.kernel_curves import (
    decode_curve,
    exchange_curve,
    expert_curve,
    message_curve,
    prefill_curve,
    projection_curve,
    stream_curve,
)
from polysilicon.performance.latent import Latent, latent_decode_s, latent_prefill_s, projections_s
from polysilicon.performance.matrix import product_s
from polysilicon.performance.messages import collective_s, exchange_s
from polysilicon.performance.operators import kernel_s
from polysilicon.performance.values import Values
from polysilicon.validation.operator_readings import BYTES

Sizes = Mapping[str, Values]
ELEMENT_BYTES = 2.0


def predicted_s(operator: str, kind: str, sizes: Sizes, parameters: Parameters, silicon: Silicon) -> Values:
    """Time of operators of one kind by their curve, without residuals.

    `sizes` and `silicon` are numbers or columns of one length.

    Raises:
        KeyError: no such kind was ever fitted.
    """
    return TIMES[operator](operator, kind, sizes, parameters, silicon)


def _kept(kind: str) -> float:
    """Bytes an element of keys, from the part of the kind that says how they are kept."""
    return BYTES[kind.partition("@")[0].split(".")[1]]


def _gemm(_: str, kind: str, sizes: Sizes, parameters: Parameters, silicon: Silicon) -> Values:
    _, left, right = FORMATS[kind.partition("@")[0]]
    curve = product_curve(parameters, silicon, kind)
    return product_s(sizes["m"], sizes["n"], sizes["k"], 1.0, left, right, ELEMENT_BYTES, curve)


def _attention(_: str, kind: str, sizes: Sizes, parameters: Parameters, silicon: Silicon) -> Values:
    return attention_s(
        sizes["batch"],
        sizes["queries"],
        sizes["keys"],
        sizes["heads"],
        sizes["kv_heads"],
        sizes["head_dim"],
        _kept(kind),
        sizes["causal"],
        attention_curve(parameters, silicon, kind),
    )


def _decode(_: str, kind: str, sizes: Sizes, parameters: Parameters, silicon: Silicon) -> Values:
    return decode_attention_s(
        sizes["batch"],
        sizes["keys"],
        sizes["heads"],
        sizes["kv_heads"],
        sizes["head_dim"],
        _kept(kind),
        decode_curve(parameters, silicon, kind),
    )


def _latent(sizes: Sizes) -> Latent:
    return Latent(*(sizes[name] for name in Latent._fields))


def _mla_prefill(operator: str, kind: str, sizes: Sizes, parameters: Parameters, silicon: Silicon) -> Values:
    kept = BYTES[kind.partition("@")[0].rpartition(".")[2]]
    curve, surface = prefill_curve(parameters, silicon, kind, operator)
    return latent_prefill_s(
        sizes["batch"], sizes["queries"], sizes["keys"], sizes["heads"], kept, _latent(sizes), curve, surface
    )


def _mla_decode(operator: str, kind: str, sizes: Sizes, parameters: Parameters, silicon: Silicon) -> Values:
    kept = BYTES[kind.partition("@")[0].rpartition(".")[2]]
    curve = decode_curve(parameters, silicon, kind, operator)
    return latent_decode_s(sizes["batch"], sizes["keys"], sizes["heads"], kept, _latent(sizes), curve)


def _block(operator: str, kind: str, sizes: Sizes, parameters: Parameters, silicon: Silicon) -> Values:
    kernel = _mla_prefill if "prefill" in operator else _mla_decode
    rows = sizes["batch"] * (sizes["queries"] if "prefill" in operator else 1.0)
    curve = projection_curve(parameters, silicon, kind, operator)
    around_s = projections_s(rows, sizes["heads"], _latent(sizes), curve)
    return kernel(operator, kind, sizes, parameters, silicon) + around_s


def _moe(_: str, kind: str, sizes: Sizes, parameters: Parameters, silicon: Silicon) -> Values:
    return moe_s(
        sizes["tokens"],
        sizes["hidden"],
        sizes["inner"],
        sizes["top_k"],
        sizes["experts"],
        sizes["expert_tp"],
        sizes["ep"],
        sizes["alpha"],
        expert_curve(parameters, silicon, kind),
    )


def _collective(_: str, kind: str, sizes: Sizes, parameters: Parameters, silicon: Silicon) -> Values:
    curve = message_curve(parameters, silicon, kind)
    return collective_s(sizes["message_bytes"], sizes["ranks"], sizes["passes"], curve)


def _exchange(_: str, kind: str, sizes: Sizes, parameters: Parameters, silicon: Silicon) -> Values:
    return exchange_s(
        sizes["tokens"],
        sizes["token_bytes"],
        sizes["top_k"],
        sizes["ranks"],
        sizes["domains"],
        sizes["units"],
        exchange_curve(parameters, silicon, kind),
    )


def _stream(_: str, kind: str, sizes: Sizes, parameters: Parameters, silicon: Silicon) -> Values:
    curve = stream_curve(parameters, silicon, kind)
    return kernel_s(ELEMENT_BYTES * sizes["elements"], sizes["tokens"], *curve)


TIMES: Mapping[str, Callable[[str, str, Sizes, Parameters, Silicon], Values]] = {
    "gemm": _gemm,
    "attention": _attention,
    "decode": _decode,
    "mla_prefill": _mla_prefill,
    "mla_prefill_block": _block,
    "mla_decode": _mla_decode,
    "mla_decode_block": _block,
    "moe": _moe,
    "collective": _collective,
    "exchange": _exchange,
    "stream": _stream,
}
