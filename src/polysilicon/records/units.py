"""Units: the suffix of a name says its unit; the constants that turn one unit into another.

Rates are SI as vendors quote them (1 TFLOP/s = 1e12/s, 1 GB/s = 1e9 B/s); capacities inside are bytes.
"""

TERA = 1e12
GIGA = 1e9
MEGA = 1e6
KILO = 1e3
MICRO = 1e-6
GIB = 2.0**30
MIB = 2.0**20
MS_PER_S = 1e3
S_PER_MIN = 60.0
S_PER_H = 3600.0
S_PER_DAY = 86_400.0
H_PER_YEAR = 8760.0
BITS_PER_BYTE = 8.0
J_PER_KWH = 3.6e6

# Longest suffix wins: `bandwidth_gbs` is GB/s although `_s` is a suffix too.
SUFFIXES: dict[str, str] = {
    "bytes": "B",
    "gib": "GiB",
    "mib": "MiB",
    "gb": "GB",
    "mb": "MB",
    "gbs": "GB/s",
    "tbs": "TB/s",
    "gbps": "Gbit/s",
    "tflops": "TFLOP/s",
    "tops": "TOP/s",
    "flop": "FLOP",
    "flop_per_s": "FLOP/s",
    "bytes_per_s": "B/s",
    "per_s": "1/s",
    "s": "s",
    "ms": "ms",
    "us": "µs",
    "h": "h",
    "min": "min",
    "w": "W",
    "kw": "kW",
    "mw": "MW",
    "kwh": "kWh",
    "mwh": "MWh",
    "kg": "kgCO2e",
    "t": "tCO2e",
    "g_per_kwh": "gCO2e/kWh",
    "kg_per_gb": "kgCO2e/GB",
    "l_per_kwh": "L/kWh",
    "m3": "m³",
    "usd": "USD",
    "musd": "M USD",
    "usd_per_h": "USD/h",
    "usd_per_kwh": "USD/kWh",
    "usd_per_gb": "USD/GB",
    "usd_per_kw": "USD/kW",
    "usd_per_mtoken": "USD/M tokens",
    "musd_per_mw": "M USD/MW",
    "pct": "%",
    "mm2": "mm²",
    "bn": "10⁹",
    "c": "°C",
    "tokens_per_s": "tokens/s",
    "tokens_per_s_per_chip": "tokens/s/chip",
    "j_per_token": "J/token",
    "years": "years",
    "per_cm2": "1/cm²",
    "kg_per_cm2": "kgCO2e/cm²",
    "kwh_per_cm2": "kWh/cm²",
    "g_per_cm2": "g/cm²",
    "mtr_per_mm2": "MTr/mm²",
    "person_months": "person-months",
}


def unit_of(name: str) -> str:
    """The unit that the suffix of `name` states; empty for a name that states none."""
    parts = name.split("_")
    for first in range(len(parts)):
        suffix = "_".join(parts[first:])
        # A bare `h` or `min` is a name, not a unit; a whole name such as `tokens_per_s` is its own.
        if suffix in SUFFIXES and (first > 0 or "_" in suffix):
            return SUFFIXES[suffix]
    return ""
