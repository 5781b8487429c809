"""From a chip's record and the fitted parameters to the curves that operator formulas take.

A chip without measurements has the parameters of its family, its class or of all chips: they are shares and times that
don't name a size of the chip, so its own count of compute units, peaks, bandwidth and cache carry over to it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.catalogue import require
from polysilicon.facts.hardware import Chip
from polysilicon.facts.money import Assumption
from polysilicon.performance.attention import AttentionCurve
from polysilicon.performance.matrix import ProductCurve
from polysilicon.performance.values import BYTES_PER_ELEMENT, PEAK_FIELD, PRECISIONS, Values
from polysilicon.records.units import BITS_PER_BYTE, GIGA, MEGA, TERA

Parameters = Mapping[str, Values]

# Formats that matrix products were timed in: the peak that counts, and bytes an element of the left and right operand.
FORMATS: dict[str, tuple[str, float, float]] = {
    "bf16": ("bf16", 2.0, 2.0),
    "fp8": ("fp8", 1.0, 1.0),
    "fp8_block": ("fp8", 1.0, 1.0),
    "nvfp4": ("nvfp4", 0.5, 0.5),
    "int8": ("int8", 1.0, 1.0),
    "int8_weights": ("bf16", 2.0, 1.0),
    "int4_weights": ("bf16", 2.0, 0.5),
}
# Formats that users time on chips of their own (`measuring`); no public table has them.
OWN_FORMATS: dict[str, tuple[str, float, float]] = {"fp32": ("fp32", 4.0, 4.0), "fp16": ("fp16", 2.0, 2.0)}
SURFACE = ("m", "n", "k", "mm", "nn", "kk", "mn", "mk", "nk", "mmm")
# A kernel so long has met the power limit half.
SUSTAINED_S = 0.01
# Heads at least so wide run on the kernels of wide heads.
WIDE_HEAD = 96.0


def _bus_gbs(chip: Chip) -> float:
    """One way of the bus that joins chips through their host: that to the host, or the only one there is."""
    alone = chip.scaleup_bw_gbs / 2.0 if (chip.scaleup_domain or 1.0) == 1.0 and chip.scaleup_bw_gbs else np.nan
    return chip.host_link_gbs or alone


@dataclass(frozen=True)
class Silicon:
    """What the curves need to know of a chip; each a number, or a column with one entry a candidate.

    `peak_flop_per_s` is dense matrix throughput by precision; where a precision is absent, products in it run at the
    peak of `bf16`. `cache_bytes` is the last-level cache, 0 where unknown. `link_bytes_per_s`,
    `network_bytes_per_s` and `bus_bytes_per_s` are one way of the chip's scale-up link, of its network card and of its
    link to the host, NaN where unknown. `joined` is 1 where the chip is sold joined to its host's processor, else 0.
    """

    units: Values
    memory_bytes_per_s: Values
    cache_bytes: Values
    peak_flop_per_s: Mapping[str, Values]
    link_bytes_per_s: Values = np.nan
    network_bytes_per_s: Values = np.nan
    bus_bytes_per_s: Values = np.nan
    joined: Values = 0.0

    @classmethod
    def of(cls, catalogue: Catalogue, chip_id: str) -> "Silicon":
        """The figures of one chip of the catalogue.

        Raises:
            UnknownName: no chip is called so.
            InputError: its memory bandwidth or its 16-bit matrix peak is unknown.
        """
        chip = catalogue.get(Chip, chip_id)
        peaks = {one: getattr(chip, name) for one, name in PEAK_FIELD.items()}
        peaks["bf16"] = peaks["bf16"] or peaks["fp16"]
        if peaks["bf16"] is None:
            require(chip, "bf16_tflops")
        units = chip.compute_units or catalogue.get(Assumption, "compute-units").value
        return cls(
            units,
            require(chip, "memory_bw_gbs") * GIGA,
            (chip.sram_mb or 0.0) * MEGA,
            {one: value * TERA for one, value in peaks.items() if value is not None},
            chip.scaleup_bw_gbs * GIGA / 2.0 if chip.scaleup_bw_gbs else np.nan,
            chip.scaleout_nic_gbps * GIGA / BITS_PER_BYTE if chip.scaleout_nic_gbps else np.nan,
            _bus_gbs(chip) * GIGA,
            1.0 if chip.host_cpu else 0.0,
        )

    @classmethod
    def stack(cls, many: Sequence["Silicon"]) -> "Silicon":
        """One column a figure; a precision that one of them lacks is NaN there."""
        return cls(
            np.array([one.units for one in many], float),
            np.array([one.memory_bytes_per_s for one in many], float),
            np.array([one.cache_bytes for one in many], float),
            {name: np.array([one.peak_flop_per_s.get(name, np.nan) for one in many], float) for name in PRECISIONS},
            np.array([one.link_bytes_per_s for one in many], float),
            np.array([one.network_bytes_per_s for one in many], float),
            np.array([one.bus_bytes_per_s for one in many], float),
            np.array([one.joined for one in many], float),
        )

    def peak(self, precision: str) -> Values:
        """Dense matrix FLOP/s of a precision; that of 16 bits where the chip has no units for a narrower one."""
        wide = self.peak_flop_per_s["bf16"]
        if BYTES_PER_ELEMENT[precision] > BYTES_PER_ELEMENT["bf16"]:
            return self.peak_flop_per_s[precision]
        own = np.asarray(self.peak_flop_per_s.get(precision, np.nan))
        # Some parts keep a token rate of a format that their libraries then don't use.
        return np.where(own > 0.5 * np.asarray(wide), own, wide)[()]


def product_curve(parameters: Parameters, silicon: Silicon, kind: str) -> ProductCurve:
    """The curve of matrix products in the format `kind`, one that was timed, or a variant of one such as `fp8@vllm`.

    Source: fit of measurements/operators/ by scripts/calibrate_operators.py.
    """

    def fitted(name: str) -> Values:
        return parameters[f"gemm.{kind}.{name}"]

    precision, _, right_bytes = (FORMATS | OWN_FORMATS)[kind.partition("@")[0]]
    return ProductCurve(
        units=silicon.units,
        matrix_flop_per_s=silicon.peak(precision) * fitted("share"),
        feed_bytes_per_s=silicon.peak_flop_per_s["bf16"] * fitted("feed"),
        memory_bytes_per_s=silicon.memory_bytes_per_s * fitted("memory"),
        cache_bytes_per_s=silicon.units * fitted("cache_rate") * GIGA,
        cache_bytes=silicon.cache_bytes * fitted("cache"),
        wave=fitted("wave"),
        fill_s=fitted("fill_s"),
        store=fitted("store"),
        join_s=fitted("join_s"),
        sharpness=fitted("sharpness"),
        fade=fitted("fade"),
        sustained_s=SUSTAINED_S,
        quantise=fitted("quantise") if right_bytes < 2.0 else 0.0,
        floor_s=fitted("floor_s"),
        surface=tuple(fitted(f"surface_{name}") for name in SURFACE),
    )


def attention_kind(precision: str, kept: str, head_dim: float) -> str:
    """The kernel that attention with queries in `precision` and keys kept in `kept` runs on: `bf16.fp8.wide`."""
    return f"{precision}.{kept}.{'wide' if head_dim >= WIDE_HEAD else 'narrow'}"


def attention_curve(parameters: Parameters, silicon: Silicon, kind: str) -> AttentionCurve:
    """The curve of context attention of one kernel, as `attention_kind` names it.

    Source: fit of measurements/operators/ by scripts/calibrate_operators.py.
    """

    def fitted(name: str) -> Values:
        return parameters[f"attention.{kind}.{name}"]

    return attention_of(fitted, silicon, silicon.peak_flop_per_s["bf16"])


def attention_of(fitted: Callable[[str], Values], silicon: Silicon, peak_flop_per_s: Values) -> AttentionCurve:
    """The curve of attention that walks over tiles of queries, from its `fitted` parameters by name."""
    return AttentionCurve(
        units=silicon.units,
        matrix_flop_per_s=peak_flop_per_s * fitted("share"),
        small=fitted("small"),
        wave=fitted("wave"),
        fill_s=fitted("fill_s"),
        move_bytes_per_s=silicon.memory_bytes_per_s * fitted("move"),
        cache_move_bytes_per_s=silicon.units * fitted("cache_rate") * GIGA,
        cache_bytes=silicon.cache_bytes * fitted("cache"),
        keys=fitted("keys"),
        fade=fitted("fade"),
        sustained_s=SUSTAINED_S,
        floor_s=fitted("floor_s"),
    )
