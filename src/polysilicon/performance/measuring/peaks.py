"""The best rates that a device reaches, which all that is learned later is a share of."""

from collections.abc import Callable, Sequence

from polysilicon.performance.curves import Silicon
from polysilicon.performance.measuring.kernels import PRODUCT, STREAMS, TRANSFERS, VECTOR, Kernel
from polysilicon.performance.measuring.timing import Timing
from polysilicon.performance.operators import gemm_flop
from polysilicon.performance.values import BYTES_PER_ELEMENT
from polysilicon.records.errors import InputError
from polysilicon.records.units import MEGA

# Times one kernel in a format.
Take = Callable[[str, Kernel], Timing]

# Products, and sums, that show a peak: ever larger until one takes long.
PEAK_SIZES, LONG_S = (256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0), 0.02
STREAM_ELEMENTS, STREAM_COLUMNS = (2.0**22, 2.0**24, 2.0**26), 2.0**12
LONG_WEIGHT = (2.0**12, 2.0**13)
TRANSFER_ELEMENTS = 2.0**25
# A cache that nobody tells of is taken to be so large; what share of it counts is learned anyway.
UNKNOWN_CACHE_BYTES = 32 * MEGA


def peak_silicon(
    take: Take, dtype: str, dtypes: Sequence[str], units: float, cache_bytes: float, most_s: float = LONG_S
) -> Silicon:
    """Peaks of the formats `dtypes` and of memory, found with kernels in `dtype` of about `most_s` [s] at most.

    Raises:
        InputError: no product runs in `dtype`.
    """
    # The format that is measured comes last: its pool of cold operands then stays.
    order = sorted(dtypes, key=lambda one: one == dtype)
    peaks = {one: rate for one in order if (rate := _peak_flop_per_s(take, one, most_s)) > 0.0}
    if dtype not in peaks:
        raise InputError("no product runs on this device", found=dtype, allowed=sorted(peaks))
    # Formulas of other formats count shares of the 16-bit peak.
    peaks.setdefault("bf16", peaks.get("fp16", peaks[dtype]))
    return Silicon(
        units or 1.0, _memory_bytes_per_s(take, dtype, most_s), cache_bytes or UNKNOWN_CACHE_BYTES, dict(peaks)
    )


def link_bytes_per_s(take: Take, dtype: str) -> dict[str, float]:
    """Rates of copying to the device and back; one that does not run is left out."""
    moved = BYTES_PER_ELEMENT[dtype] * TRANSFER_ELEMENTS
    took = {kind: take(dtype, Kernel(kind, 1.0, TRANSFER_ELEMENTS)).time_s for kind in TRANSFERS}
    return {kind: moved / one for kind, one in took.items() if one > 0.0}


def _peak_flop_per_s(take: Take, dtype: str, most_s: float) -> float:
    """The best rate of square products; 0 where none runs."""
    best = 0.0
    for size in PEAK_SIZES:
        took = take(dtype, Kernel(PRODUCT, size, size, size)).time_s
        if took <= 0.0:
            break
        best = max(best, float(gemm_flop(size, size, size)) / took)
        if took > most_s:
            break
    return best


def _memory_bytes_per_s(take: Take, dtype: str, most_s: float) -> float:
    """The rate of the longest sum, or of a long weight that is read: writing may cost more than memory does."""
    width, rate = BYTES_PER_ELEMENT[dtype], 0.0
    for elements in STREAM_ELEMENTS:
        took = take(dtype, Kernel("add", elements / STREAM_COLUMNS, STREAM_COLUMNS)).time_s
        if took <= 0.0:
            break
        # A shorter one may stay in the cache, which says nothing of the memory.
        rate = STREAMS["add"] * width * elements / took
        if took > most_s:
            break
    took = take(dtype, Kernel(VECTOR, 1.0, *LONG_WEIGHT)).time_s
    rate = max(rate, width * LONG_WEIGHT[0] * LONG_WEIGHT[1] / took if took > 0.0 else 0.0)
    if rate <= 0.0:
        raise InputError("no stream runs on this device", found=dtype)
    return rate
