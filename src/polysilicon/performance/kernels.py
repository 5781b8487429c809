"""The kernels of one chip: the curves of every operator that was fitted, read from the catalogue once.

    kernels = Kernels.of(catalogue, chip_id)
    decode_attention_s(batch, keys, 32.0, 8.0, 128.0, 2.0, kernels.decode("bf16.bf16.wide"))
    moe_s(tokens, 7168.0, 2048.0, 8.0, 256.0, 1.0, 8.0, 0.0, kernels.experts("fp8_block"))
    collective_s(message_bytes, 8.0, 2.0, kernels.message("all_reduce@vllm.graph", 8.0))

    kernels.residual_ratio("decode", "bf16.bf16.wide", sizes)

A variant (after `@`) that was never fitted is taken for the usual kernel; `interval` then has the wider interval.
Intervals are those of a time by its curve times its `residual_ratio`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.efficiency import Fit
from polysilicon.facts.hardware import Chip
from polysilicon.performance import kernel_curves
from polysilicon.performance.attention import AttentionCurve
from polysilicon.performance.curves import Parameters, Silicon, attention_curve, product_curve
from polysilicon.performance.decode import DecodeCurve
from polysilicon.performance.efficiency import efficiency_of
from polysilicon.performance.experts import ExpertCurve
from polysilicon.performance.kernel_kinds import collective_runs_as, runs_as
from polysilicon.performance.matrix import ProductCurve
from polysilicon.performance.messages import ExchangeCurve, MessageCurve
from polysilicon.performance.residuals import points_of, residual_ratio, residuals_of
from polysilicon.performance.values import Values
from polysilicon.records.errors import InputError

# What a record states of each operator that its rows tell of.
TOLD = ".low_ratio"


@dataclass(frozen=True)
class Kernels:
    """The fitted parameters of a chip and what curves need of its record.

    `timed` are the operators whose published tables hold the chip, so that residuals apply to its curves; those of a
    chip that nobody timed, or that the user measured, are fitted to other rows. `domain`: chips that a scale-up link
    joins, 1 where there is none. Every method takes the kind of a kernel: a format, with a variant after `@` where it
    is not the usual one.
    """

    chip: str
    parameters: Parameters
    silicon: Silicon
    family: str = ""
    timed: frozenset[str] = frozenset()
    domain: float | None = None

    @classmethod
    def of(cls, catalogue: Catalogue, chip_id: str) -> "Kernels":
        """The kernels of one chip of the catalogue.

        Raises:
            UnknownName: no chip is called so.
            InputError: its memory bandwidth or its 16-bit matrix peak is unknown.
        """
        return _of(catalogue, chip_id)

    def kind(self, operator: str, kind: str) -> str:
        """The kind whose parameters stand for `kind`.

        Raises:
            InputError: nothing like it was ever timed.
        """
        own = kernel_curves.kind_of(self.parameters, operator, kind, self.family)
        if f"{operator}.{own}.floor_s" not in self.parameters:
            raise InputError(f"no kernel of the kind was timed for {operator}", found=kind)
        return own

    def interval(self, operator: str, kind: str) -> tuple[float, float]:
        """Ratios of measured over predicted time that hold nine in ten, wider where `kind` was never timed.

        Raises:
            InputError: as `kind`.
        """
        timed = self.kind(operator, kind) == runs_as(self.family, operator, kind)
        told = operator if timed else f"{operator}.strange"
        return float(self.parameters[f"{told}{TOLD}"]), float(self.parameters[f"{told}.high_ratio"])

    def residual_ratio(self, operator: str, kind: str, sizes: Mapping[str, Values]) -> Values:
        """Measured over the curve's time, as timed shapes near by have it: one for each row of `sizes`; 1 if none is.

        Raises:
            InputError: as `kind`.
        """
        own = self.kind(operator, kind)
        residuals = residuals_of(self.parameters, operator, own, self.family) if operator in self.timed else None
        if residuals is None:
            return np.ones_like(np.asarray(next(iter(sizes.values())), float))
        ratio: Values = residual_ratio(points_of(operator, sizes, self.silicon.units), residuals)
        return ratio

    def product(self, kind: str) -> ProductCurve:
        """Of matrix products, for `matrix.product_s`: `bf16`, `fp8_block`, `int4_weights`, ..."""
        return product_curve(self.parameters, self.silicon, self.kind("gemm", kind))

    def attention(self, kind: str) -> AttentionCurve:
        """Of attention over a prompt, for `attention.attention_s`: as `curves.attention_kind` names it."""
        return attention_curve(self.parameters, self.silicon, self.kind("attention", kind))

    def decode(self, kind: str) -> DecodeCurve:
        """Of attention of one new token, for `decode.decode_attention_s`: as `curves.attention_kind` names it."""
        return kernel_curves.decode_curve(self.parameters, self.silicon, self.kind("decode", kind))

    def latent_decode(self, kind: str) -> DecodeCurve:
        """Of latent attention of one new token, for `latent.latent_decode_s`: `bf16` or `fp8` keys."""
        kind = self.kind("mla_decode", kind)
        return kernel_curves.decode_curve(self.parameters, self.silicon, kind, "mla_decode")

    def latent_prefill(self, kind: str) -> tuple[AttentionCurve, tuple[Values, ...]]:
        """Of latent attention over a prompt, for `latent.latent_prefill_s`: `bf16` or `fp8` keys."""
        return kernel_curves.prefill_curve(self.parameters, self.silicon, self.kind("mla_prefill", kind))

    def experts(self, kind: str) -> ExpertCurve:
        """Of the experts of one layer, for `experts.moe_s`: one of `kernel_curves.EXPERT_FORMATS`."""
        return kernel_curves.expert_curve(self.parameters, self.silicon, self.kind("moe", kind))

    def message(self, kind: str, ranks: float) -> MessageCurve:
        """Of a collective, for `messages.collective_s`: `all_reduce`, `all_gather`, `reduce_scatter`, `all_to_all`.

        Among how many `ranks` decides where a framework leaves it to the library.
        """
        ran = self.kind("collective", collective_runs_as(self.domain, kind, ranks))
        return kernel_curves.message_curve(self.parameters, self.silicon, ran)

    def exchange(self, kind: str) -> ExchangeCurve:
        """Of sending tokens to experts or back, for `messages.exchange_s`: `dispatch`, `combine`, with the library."""
        return kernel_curves.exchange_curve(self.parameters, self.silicon, self.kind("exchange", kind))

    def stream(self, kind: str) -> kernel_curves.StreamCurve:
        """Of a memory-bound kernel, for `operators.kernel_s`: `input_layernorm`, `attn_rope`, `mlp_act`, `add`, ..."""
        return kernel_curves.stream_curve(self.parameters, self.silicon, self.kind("stream", kind))


@lru_cache(maxsize=256)
def _of(catalogue: Catalogue, chip_id: str) -> Kernels:
    fit = efficiency_of(catalogue, chip_id, "operators")
    last = catalogue.get(Fit, fit.records[-1])
    ours = last.parameters if last.level == "chip" and not last.theirs else {}
    timed = frozenset(name.removesuffix(TOLD) for name in ours if name.endswith(TOLD))
    chip = catalogue.get(Chip, chip_id)
    silicon = Silicon.of(catalogue, chip_id)
    return Kernels(chip_id, fit.parameters, silicon, chip.family or chip_id, timed, chip.scaleup_domain)
