"""Rows of timed operators that say what no chip can do: faster than its peaks, its memory and cache, or its links."""

from polysilicon.performance.curves import FORMATS, Silicon
from polysilicon.validation.operator_cases import Timed
from polysilicon.validation.operator_readings import BYTES

# A measured time this share below the least that is possible is a mistake, not a clock that ran fast.
SLACK = 0.80
# No compute unit loads more: 64 bytes a clock from the last-level cache, at 2 GHz.
# Source: Luo et al., Benchmarking and Dissecting the Nvidia Hopper GPU Architecture (arXiv 2402.13499), table on L2.
UNIT_BYTES_PER_S = 128e9


def impossible(case: Timed, silicon: Silicon) -> str:
    """Why no chip can have been so fast; empty where it can."""
    what, least_s = _least(case, silicon)
    # What is unknown of the chip tells of nothing impossible.
    if not least_s * SLACK > case.measured_s:
        return ""
    return f"the measured time is too short for {what}"


def _least(case: Timed, silicon: Silicon) -> tuple[str, float]:
    sizes, operator, form = case.sizes, case.operator, case.kind.partition("@")[0]
    if operator == "gemm":
        peak = float(silicon.peak(FORMATS[form][0]))
        return "the chip's peak", 2.0 * sizes["m"] * sizes["n"] * sizes["k"] / peak
    if operator == "decode":
        kept = 2.0 * BYTES[form.split(".")[1]] * sizes["batch"] * sizes["keys"] * sizes["kv_heads"] * sizes["head_dim"]
        return "reading the keys", _read_s(kept, silicon)
    if operator == "attention":
        seen = sizes["keys"] - sizes["queries"] / 2.0
        flop = 4.0 * sizes["batch"] * sizes["queries"] * seen * sizes["heads"] * sizes["head_dim"]
        # Exponentials keep attention further below the peak than a clock is above it.
        return "the chip's peak", flop / float(silicon.peak(form.split(".")[0])) / SLACK
    if operator == "collective" and not case.kind.endswith("network"):
        sent = sizes["message_bytes"] * (sizes["ranks"] - 1.0) / sizes["ranks"]
        # Behind a bridge between two, half of what goes over a bus stays off it.
        over_bus = case.kind.endswith("bus")
        rate = 2.0 * float(silicon.bus_bytes_per_s) if over_bus else float(silicon.link_bytes_per_s)
        return "the chip's link", sent / rate
    return "", 0.0


def _read_s(kept: float, silicon: Silicon) -> float:
    """Least time to read what lies in memory but for what the cache can hold of it."""
    beyond_s = (kept - float(silicon.cache_bytes)) / float(silicon.memory_bytes_per_s)
    return max(beyond_s, kept / (UNIT_BYTES_PER_S * float(silicon.units)))
