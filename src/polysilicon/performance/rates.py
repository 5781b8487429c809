"""What one chip and its links reach: peaks of the cluster times fitted shares."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polysilicon.performance.cluster import Cluster
from polysilicon.performance.efficiency import Efficiency
from polysilicon.performance.layouts import Layouts
from polysilicon.performance.recipe import Recipe
from polysilicon.performance.values import BYTES_PER_ELEMENT, PRECISIONS, Values
from polysilicon.records.recorder import formula
from polysilicon.records.units import TERA

# 1 for each precision below 16 bits.
NARROW = {one: float(BYTES_PER_ELEMENT[one] < BYTES_PER_ELEMENT["bf16"]) for one in PRECISIONS}
# The fitted share of the peak that each precision's products reach.
SHARE = {
    "fp32": "gemm_16bit",
    "tf32": "gemm_16bit",
    "bf16": "gemm_16bit",
    "fp16": "gemm_16bit",
    "fp8": "gemm_fp8",
    "mxfp8": "gemm_mxfp8",
    "int8": "gemm_int8",
    "nvfp4": "gemm_fp4",
    "mxfp4": "gemm_fp4",
    "int4": "gemm_int8",
}


Codes = NDArray[np.int_]


@dataclass(frozen=True)
class Rates:
    """Achieved rates of one chip and its links; each a number, or a column with one entry a candidate.

    `narrow` is 1 where the products run in fewer than 16 bits; `operand_bytes` is the width of their operands;
    `ridge` how sharply their arithmetic and their traffic overlap, `reuse` the FLOP for each byte that their tiles read
    again (infinite where a cache does that).
    """

    matrix_flop_per_s: Values
    expert_flop_per_s: Values
    head_flop_per_s: Values
    core_flop_per_s: Values
    product_bytes_per_s: Values
    stream_bytes_per_s: Values
    scaleup_bytes_per_s: Values
    scaleout_bytes_per_s: Values
    scaleup_latency_s: Values
    scaleout_latency_s: Values
    scaleup_domain: Values
    operand_bytes: Values
    narrow: Values
    ridge: Values
    reuse: Values
    fill: Values
    lost_width: Values
    experts_pace: Values


@formula
def achieved_per_s(peak_per_s: Values, share: Values, pace: Values) -> Values:
    """Rate that is reached: the peak, times the fitted share of it, times the fitted pace of this chip.

    Source: Williams, Waterman, Patterson, Roofline (CACM 52(4), 2009), ceilings; shares from the fit.
    """
    return peak_per_s * share * pace


@formula
def matured_pace(pace: Values, youth: Values, software_years: Values) -> Values:
    """Pace of a chip whose software had so many years to mature: what it lacks halves every year.

    Source: repeated publications of one configuration in measurements/training.csv; size of the effect from the fit.
    """
    return pace * np.exp(-youth * np.exp2(-software_years))


@formula
def own_pace(pace: Values, vendor_tuned: Values, untuned: Values) -> Values:
    """Pace that a team reaches which is not the chip's vendor, unless the run is tuned as the vendor's own are.

    Source: rows of measurements/training.csv that vendors published of their own clusters, beside those of others;
    size of the effect from the fit.
    """
    return pace * np.where(np.asarray(vendor_tuned) > 0.0, 1.0, untuned)


@formula
def joined_share(fabric: Values, bus: Values, on_bus: Values) -> Values:
    """Share of its bandwidth that a scale-up link reaches: a fabric's, or that of a bus the chips of a host share.

    Source: fit of measurements/training.csv, whose rows of A100 PCIe and L40S have no fabric.
    """
    return np.where(np.asarray(on_bus) > 0.0, bus, fabric)


@formula
def link_bytes_per_s(peak_bytes_per_s: Values, share: Values) -> Values:
    """Bandwidth that a collective reaches on a link.

    Source: Hockney (Parallel Computing 20(3), 1994), asymptotic bandwidth; share from the fit.
    """
    return peak_bytes_per_s * share


@formula
def narrow_share(share: Values, narrow: Values, narrow_pace: Values) -> Values:
    """Share of the peak in a narrow format, corrected for how well this chip runs narrow formats.

    Source: fit of the narrow-format rows of measurements/training.csv.
    """
    return share * np.where(np.asarray(narrow) > 0.0, narrow_pace, 1.0)


@formula
def expert_share(share: Values, experts: Values) -> Values:
    """Share of the peak that grouped products of many experts reach.

    Source: Gale et al., MegaBlocks (arXiv 2211.15841), section 6; share from the fit.
    """
    return share * experts


@formula
def kernel_share(share: Values, tuned: Values, untuned: Values) -> Values:
    """Share of a peak that is reached with the vendor's kernels, or with the framework's own: less fused, less tuned.

    Source: Shah et al., FlashAttention-3 (arXiv 2407.08608), section 4; shares from the fit.
    """
    return share * np.where(np.asarray(tuned) == 0.0, untuned, 1.0)


@formula
def core_peak_per_s(peak_per_s: Values, half_per_s: Values, narrow: Values, core_narrow: Values) -> Values:
    """What attention proper has a share of: the peak of its precision, below 16 bits at most what kernels gain on 16.

    Its exponentials stay wide, so that half the bits don't make it twice as fast.

    Source: Shah et al., FlashAttention-3 (arXiv 2407.08608), FP8; gain from measurements/operators/.
    """
    return np.where(np.asarray(narrow) > 0.0, np.minimum(half_per_s * core_narrow, peak_per_s), peak_per_s)


@formula
def lost_width(width_a_tflops: Values, unit_flop_per_s: Values) -> Values:
    """Head width whose products take as long as the exponentials beside them.

    Compute units of every generation take as many exponentials a clock, while their products became faster.

    Source: Shah et al., FlashAttention-3 (arXiv 2407.08608), section 3.1; NVIDIA, Making Softmax More Efficient with
    NVIDIA Blackwell Ultra (2026); size from the fit.
    """
    return width_a_tflops * unit_flop_per_s / TERA


@formula
def reuse(scratchpad_reuse: Values, scratchpad: Values) -> Values:
    """FLOP for each byte that tiles read again where software stages them; kernels with a cache were timed with theirs.

    Source: Jouppi et al., Ten Lessons From Three Generations Shaped Google's TPUv4i (ISCA 2021), on-chip memory; fit of
    measurements/training.csv.
    """
    return np.where(np.asarray(scratchpad) > 0.0, scratchpad_reuse, np.inf)


@formula
def mixed_per_s(narrow_per_s: Values, wide_per_s: Values, wide_share: Values) -> Values:
    """Rate of products of which a share stays in 16 bits: their times add up.

    Source: Amdahl (AFIPS 1967); NVIDIA, Pretraining Large Language Models with NVFP4 (arXiv 2509.25149), section 3,
    layers kept in higher precision.
    """
    return 1.0 / ((1.0 - wide_share) / narrow_per_s + wide_share / wide_per_s)


@formula
def sparse_gain(sparse: Values, chip_gain: Values) -> Values:
    """How much faster products with a weight pruned two of four run: as the chip's record says, else not at all.

    Source: Mishra et al., Accelerating Sparse Deep Neural Networks (arXiv 2104.08378), section 3.
    """
    return np.where(np.asarray(sparse) > 0.0, chip_gain, 1.0)


@formula
def sparse_backward_gain(sparse_gain: Values, frozen: Values) -> Values:
    """Gain over the backward pass: gradients of activations meet the pruned weight, those of weights do not.

    The mask has to be transposable; frozen weights have no gradients of their own.

    Source: Hubara et al., Accelerated Sparse Neural Training (arXiv 2102.08124), section 3.
    """
    return (2.0 - frozen) / ((1.0 - frozen) + 1.0 / sparse_gain)


@formula
def sparse_per_s(flop_per_s: Values, gain: Values) -> Values:
    """Rate of products whose pruned operand the chip skips, counted in operations of the dense product.

    Source: Mishra et al., Accelerating Sparse Deep Neural Networks (arXiv 2104.08378), section 3.
    """
    return flop_per_s * gain


def of_precision(by_precision: Mapping[str, Values], codes: Codes) -> Values:
    """Each candidate's own value; for a single candidate the very object, so that an explanation can follow it."""
    if codes.ndim == 0:
        return by_precision.get(PRECISIONS[int(codes)], np.nan)
    table = np.array([np.broadcast_to(by_precision.get(one, np.nan), codes.shape) for one in PRECISIONS])
    chosen: Values = np.take_along_axis(table, codes[np.newaxis], axis=0)[0]
    return chosen


def rates(
    cluster: Cluster, efficiency: Efficiency, layouts: Layouts, recipe: Recipe, latencies_s: tuple[float, float]
) -> Rates:
    """The rates of every candidate.

    Raises:
        InputError: the chip states no matrix peak for a precision that a candidate asks for.
    """
    codes = np.asarray(layouts.precision).astype(int)
    gain = None
    if np.any(np.asarray(recipe.sparse) > 0.0):
        gain = sparse_gain(recipe.sparse, cluster.sparse_gain)
    return _rates(cluster, efficiency, codes, recipe, latencies_s, gain)


def backward_rates(
    cluster: Cluster, efficiency: Efficiency, layouts: Layouts, recipe: Recipe, latencies_s: tuple[float, float]
) -> Rates | None:
    """The rates of the backward pass where a recipe makes them others than those of the forward pass.

    Raises:
        InputError: the chip states no matrix peak for a precision that a recipe asks for.
    """
    sparse = bool(np.any(np.asarray(recipe.sparse) > 0.0))
    if not (sparse or recipe.said("backward_precision")):
        return None
    asked = np.asarray(recipe.backward_precision)
    codes = np.where(asked < 0.0, layouts.precision, asked).astype(int)
    gain = None
    if sparse:
        gain = sparse_backward_gain(sparse_gain(recipe.sparse, cluster.sparse_gain), recipe.frozen)
    return _rates(cluster, efficiency, codes, recipe, latencies_s, gain)


def _rates(
    cluster: Cluster,
    e: Efficiency,
    codes: Codes,
    recipe: Recipe,
    latencies_s: tuple[float, float],
    gain: Values | None,
) -> Rates:
    pace = own_pace(
        matured_pace(e["pace"], e["youth"], recipe.software_years), recipe.vendor_tuned, e["untuned_by_vendor"]
    )
    peak, wide = _peak(cluster, codes), _wide_peak(cluster, codes)
    narrow = _column(NARROW, codes)
    share = narrow_share(of_precision({one: e[SHARE[one]] for one in PRECISIONS}, codes), narrow, e["narrow_pace"])
    head = achieved_per_s(wide, e["gemm_16bit"], pace)
    products = [
        achieved_per_s(peak, one, pace)
        for one in (share, narrow_share(expert_share(share, e["experts"]), narrow, e["experts_narrow"]))
    ]
    if np.any(np.asarray(recipe.wide_share) > 0.0):
        wides = head, achieved_per_s(wide, expert_share(e["gemm_16bit"], e["experts"]), pace)
        products = [mixed_per_s(*both, recipe.wide_share) for both in zip(products, wides, strict=True)]
    if gain is not None:
        products = [sparse_per_s(one, gain) for one in products]
    core = wide
    if recipe.said("attention_precision"):
        own = core_codes(recipe, codes)
        half = _peak(cluster, np.full_like(own, PRECISIONS.index("bf16")))
        core = core_peak_per_s(_peak(cluster, own), half, _column(NARROW, own), e["core_narrow"])
    return Rates(
        matrix_flop_per_s=products[0],
        expert_flop_per_s=products[1],
        head_flop_per_s=head,
        core_flop_per_s=achieved_per_s(core, kernel_share(e["core"], recipe.tuned_attention, e["untuned_core"]), pace),
        product_bytes_per_s=achieved_per_s(cluster.memory_bytes_per_s, e["product_traffic"], pace),
        stream_bytes_per_s=achieved_per_s(
            cluster.memory_bytes_per_s,
            kernel_share(e["stream_traffic"], recipe.tuned_attention, e["untuned_stream"]),
            pace,
        ),
        scaleup_bytes_per_s=link_bytes_per_s(
            cluster.scaleup_bytes_per_s, joined_share(e["scaleup"], e["bus"], cluster.on_bus)
        ),
        scaleout_bytes_per_s=link_bytes_per_s(cluster.scaleout_bytes_per_s, e["scaleout"]),
        scaleup_latency_s=latencies_s[0],
        scaleout_latency_s=latencies_s[1],
        scaleup_domain=cluster.scaleup_domain,
        operand_bytes=_column(BYTES_PER_ELEMENT, codes),
        narrow=narrow,
        ridge=e["ridge"],
        reuse=reuse(e["reuse"], cluster.scratchpad),
        fill=e["fill"],
        lost_width=lost_width(e["core_width"], cluster.unit_flop_per_s),
        experts_pace=matured_pace(1.0, e["experts_youth"], recipe.software_years),
    )


def core_codes(recipe: Recipe, codes: Codes) -> Codes:
    """The precision of attention proper: what a recipe asks for, else that of 16 bits or of wider products."""
    asked = np.asarray(recipe.attention_precision)
    return np.where(asked < 0.0, _wide_codes(codes), asked).astype(int)


def _wide_codes(codes: Codes) -> Codes:
    """What attention, head and loss keep: the precision of the products, or bf16 where that is narrower."""
    wide = _column({one: float(BYTES_PER_ELEMENT[one] >= BYTES_PER_ELEMENT["bf16"]) for one in PRECISIONS}, codes)
    return np.where(np.asarray(wide) > 0.0, codes, PRECISIONS.index("bf16"))


def _column(by_precision: Mapping[str, float], codes: Codes) -> Values:
    column: Values = np.array([by_precision[one] for one in PRECISIONS])[codes]
    return column


def _peak(cluster: Cluster, codes: Codes) -> Values:
    """Dense matrix peak of the precision of each candidate."""
    chosen = of_precision(cluster.peak_flop_per_s, codes)
    if np.any(np.isnan(chosen)):
        cluster.peak(PRECISIONS[int(np.ravel(codes)[np.argmax(np.isnan(np.ravel(chosen)))])])
    return chosen


def _wide_peak(cluster: Cluster, codes: Codes) -> Values:
    """Peak of the products that attention, head and loss keep in 16 bits, or in what is wider."""
    wide = _wide_codes(codes)
    return cluster.peak("bf16") if np.all(wide == PRECISIONS.index("bf16")) else _peak(cluster, wide)
