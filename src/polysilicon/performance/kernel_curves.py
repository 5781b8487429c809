"""From a chip's record and the fitted parameters to the curves of inference: decode, latent attention, experts, links.

Parameters are named `operator.kind.parameter`. A kind may name a variant, `bf16@vllm`: another kernel, framework or
version for the same work. Where a variant was never fitted the usual kernel stands for it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from polysilicon.performance.attention import AttentionCurve
from polysilicon.performance.curves import FORMATS, SUSTAINED_S, Parameters, Silicon, attention_of
from polysilicon.performance.decode import DecodeCurve
from polysilicon.performance.experts import ExpertCurve
from polysilicon.performance.kernel_kinds import NETWORK, WHOLE, runs_as
from polysilicon.performance.latent import ProjectionCurve
from polysilicon.performance.matrix import ProductCurve
from polysilicon.performance.messages import ExchangeCurve, MessageCurve
from polysilicon.performance.operators import monomials
from polysilicon.performance.values import Values
from polysilicon.records.units import GIGA

# Formats of experts: those of products, and weights in four bits with activations in 16 or 8.
EXPERT_FORMATS: Mapping[str, tuple[str, float, float]] = {
    **FORMATS,
    "mxfp4_weights": ("bf16", 2.0, 0.53),
    "mxfp4_mxfp8": ("mxfp8", 1.0, 0.53),
}
# Axes of the surfaces, a letter each: batch, keys, heads, heads a group; tokens, ranks, bytes; and so on.
SURFACE_AXES = {
    "decode": "bkhg",
    "mla_prefill": "tkh",
    "mla_decode": "bkh",
    "moe": "taws",
    "collective": "sr",
    "exchange": "trb",
}


class StreamCurve(NamedTuple):
    """What the time of a memory-bound kernel depends on: the last six arguments of `operators.kernel_s`."""

    units: Values
    memory_bytes_per_s: Values
    cache_bytes_per_s: Values
    cache_bytes: Values
    row_bytes_per_s: Values
    floor_s: Values


def surface_names(operator: str) -> tuple[str, ...]:
    """The names of the coefficients of an operator's surface, in the order of `monomials`."""
    axes = SURFACE_AXES[operator]
    return tuple("surface_" + "".join(axes[at] for at in powers) for powers in monomials(len(axes)))


def kind_of(parameters: Parameters, operator: str, kind: str, family: str) -> str:
    """The kind whose parameters stand for `kind` on chips of a family: its own, else that of the usual kernel there.

    Over a network the usual one is the framework's that was timed over one.
    """
    ran = runs_as(family, operator, kind)
    if f"{operator}.{ran}.floor_s" in parameters:
        return ran
    name, _, variant = kind.partition("@")
    if variant.endswith("network") and f"{operator}.{name}@{NETWORK}.floor_s" in parameters:
        return f"{name}@{NETWORK}"
    return runs_as(family, operator, name)


class _Fitted:
    """The parameters of one operator and kind by their short names."""

    def __init__(self, parameters: Parameters, operator: str, kind: str) -> None:
        self._parameters, self._prefix = parameters, f"{operator}.{kind}."
        self._operator = operator

    def __call__(self, name: str) -> Values:
        return self._parameters[self._prefix + name]

    def has(self, name: str) -> bool:
        return self._prefix + name in self._parameters

    def surface(self, shape: str) -> tuple[Values, ...]:
        return tuple(self(name) for name in surface_names(shape))


def stream_curve(parameters: Parameters, silicon: Silicon, kind: str) -> StreamCurve:
    """The curve of one memory-bound kernel, such as `norm`.

    Source: fit of measurements/operators/ by scripts/calibrate_operators.py.
    """
    fitted = _Fitted(parameters, "stream", kind)
    return StreamCurve(
        silicon.units,
        silicon.memory_bytes_per_s * fitted("memory"),
        silicon.units * fitted("cache_rate") * GIGA,
        silicon.cache_bytes * fitted("cache"),
        fitted("row_rate") * GIGA,
        fitted("floor_s"),
    )


def decode_curve(parameters: Parameters, silicon: Silicon, kind: str, operator: str = "decode") -> DecodeCurve:
    """The curve of decode attention of one kernel, as `curves.attention_kind` names it; or of latent attention.

    Source: fit of measurements/operators/ by scripts/calibrate_operators.py.
    """
    fitted = _Fitted(parameters, operator, kind)
    return DecodeCurve(
        units=silicon.units,
        flop_per_s=silicon.peak("bf16") * fitted("share"),
        memory_bytes_per_s=silicon.memory_bytes_per_s * fitted("memory"),
        cache_bytes_per_s=silicon.units * fitted("cache_rate") * GIGA,
        cache_bytes=silicon.cache_bytes * fitted("cache"),
        piece_s=fitted("piece_s"),
        key_s=fitted("key_s"),
        splits=1.0 if kind.endswith(WHOLE) else 1.0 + fitted("splits"),
        join_s=fitted("join_s"),
        wave=fitted("wave"),
        single=fitted("single"),
        head_s=fitted("head_s"),
        head_key_s=fitted("head_key_s"),
        sharpness=fitted("sharpness"),
        floor_s=fitted("floor_s"),
        surface=fitted.surface("decode" if operator == "decode" else "mla_decode"),
    )


def prefill_curve(
    parameters: Parameters, silicon: Silicon, kind: str, operator: str = "mla_prefill"
) -> tuple[AttentionCurve, tuple[Values, ...]]:
    """The curve of latent attention over a prompt, and its surface.

    Source: fit of measurements/operators/ by scripts/calibrate_operators.py.
    """
    fitted = _Fitted(parameters, operator, kind)
    curve = attention_of(fitted, silicon, silicon.peak("bf16"))
    return curve, fitted.surface("mla_prefill")


def projection_curve(parameters: Parameters, silicon: Silicon, kind: str, operator: str) -> ProjectionCurve:
    """The curve of the projections of a latent attention block whose products run in the format before `kind`'s dot.

    Source: fit of measurements/operators/ by scripts/calibrate_operators.py.
    """
    fitted = _Fitted(parameters, operator, kind)
    precision, _, right_bytes = FORMATS[kind.partition(".")[0]]
    return ProjectionCurve(
        flop_per_s=silicon.peak(precision) * fitted("project_share"),
        memory_bytes_per_s=silicon.memory_bytes_per_s * fitted("project_memory"),
        cache_bytes_per_s=silicon.units * fitted("project_cache_rate") * GIGA,
        cache_bytes=silicon.cache_bytes * fitted("project_cache"),
        width_bytes=right_bytes,
        row_bytes=fitted("row_bytes"),
        sharpness=2.0,
        floor_s=fitted("project_s"),
    )


def expert_curve(parameters: Parameters, silicon: Silicon, kind: str) -> ExpertCurve:
    """The curve of the experts of one layer in the format `kind`, one of `EXPERT_FORMATS`, or a variant of one.

    Source: fit of measurements/operators/ by scripts/calibrate_operators.py.
    """
    fitted = _Fitted(parameters, "moe", kind)
    precision, left_bytes, right_bytes = EXPERT_FORMATS[kind.partition("@")[0]]
    product = ProductCurve(
        units=silicon.units,
        matrix_flop_per_s=silicon.peak(precision) * fitted("share"),
        feed_bytes_per_s=silicon.peak("bf16") * fitted("feed"),
        memory_bytes_per_s=silicon.memory_bytes_per_s * fitted("memory"),
        cache_bytes_per_s=silicon.units * fitted("cache_rate") * GIGA,
        cache_bytes=silicon.cache_bytes * fitted("cache"),
        wave=fitted("wave"),
        fill_s=fitted("fill_s"),
        store=1.0,
        # Grouped kernels don't split the inner dimension.
        join_s=1.0,
        sharpness=fitted("sharpness"),
        fade=fitted("fade"),
        sustained_s=SUSTAINED_S,
        quantise=0.0,
        floor_s=0.0,
        surface=(0.0,) * 10,
    )
    return ExpertCurve(
        product=product,
        skew=fitted("skew"),
        kept=fitted("kept"),
        route_s=fitted("floor_s"),
        copy_passes=fitted("copy"),
        expert_s=fitted("expert_s"),
        left_bytes=left_bytes,
        right_bytes=right_bytes,
        surface=fitted.surface("moe"),
    )


def message_curve(parameters: Parameters, silicon: Silicon, kind: str) -> MessageCurve:
    """The curve of one collective, such as `all_reduce`, of the usual library or a variant: `all_reduce@vllm.graph`.

    A variant whose name ends in `network` runs over the network card, one that ends in `bus` over the link to the host,
    every other over the scale-up link. The processor of a chip that is joined to one launches at a pace of its own.

    Source: fit of measurements/operators/ by scripts/calibrate_operators.py.
    """
    fitted = _Fitted(parameters, "collective", kind)
    over = {"network": silicon.network_bytes_per_s, "bus": silicon.bus_bytes_per_s}
    link = next((rate for name, rate in over.items() if kind.endswith(name)), silicon.link_bytes_per_s)
    return MessageCurve(
        quick_bytes_per_s=link * fitted("share") * fitted("quick"),
        full_bytes_per_s=link * fitted("share"),
        quick_growth=fitted("quick_growth"),
        full_growth=fitted("full_growth"),
        start_s=fitted("floor_s"),
        hop_s=fitted("hop_s"),
        lag_s=fitted("lag_s"),
        launch_s=fitted("launch_s") * fitted("joined") ** silicon.joined if fitted.has("launch_s") else 0.0,
        surface=fitted.surface("collective"),
    )


def exchange_curve(parameters: Parameters, silicon: Silicon, kind: str) -> ExchangeCurve:
    """The curve of sending tokens to their experts or back: `dispatch@deepep_ht`, `combine@deepep_ht`.

    Source: fit of measurements/operators/ by scripts/calibrate_operators.py.
    """
    fitted = _Fitted(parameters, "exchange", kind)
    return ExchangeCurve(
        link_bytes_per_s=silicon.link_bytes_per_s * fitted("share"),
        network_bytes_per_s=silicon.network_bytes_per_s * fitted("network"),
        token_s=fitted("token_s"),
        start_s=fitted("floor_s"),
        rank_s=fitted("rank_s"),
        domain_s=fitted("domain_s"),
        saturating=fitted("saturating"),
        surface=fitted.surface("exchange"),
    )
