"""What a row of measured serving cases measures, a chip.

A summary may count cards where the catalogue counts chips; how many a card has, a table says.
"""

from collections.abc import Mapping
from functools import lru_cache

from polysilicon.facts.index import DATA
from polysilicon.records.document import read_csv

CARDS = DATA / "measurements" / "serving_cards.csv"
UNITS = {
    "ttft_ms": "ms",
    "tpot_ms": "ms",
    "output_tps_per_accel": "tokens/s/chip",
    "input_tps_per_accel": "tokens/s/chip",
    "total_tps_per_accel": "tokens/s/chip",
    "joules_per_output_token": "J/token",
}
RATE = "_per_accel"
# No count, length or rate of a deployment is larger.
MOST = 1e12


def measured(row: Mapping[str, str]) -> dict[str, float | str]:
    """What a row measures: a number for each filled quantity, or the cell's text where it is none above zero.

    Rates of a card with several chips are those of each.
    """
    cells = {name: row[name].strip() for name in UNITS if row.get(name, "").strip()}
    chips = chips_of(row.get("accelerator", ""))
    return {name: _figure(text, chips if name.endswith(RATE) else 1) or text for name, text in cells.items()}


def chips_of(accelerator: str) -> int:
    """Chips of what a row calls an accelerator; one where no table says otherwise."""
    return _cards().get(accelerator.strip(), 1)


def _figure(text: str, chips: int) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value / chips if 0 < value < MOST else None


@lru_cache(maxsize=1)
def _cards() -> dict[str, int]:
    return {row["accelerator"]: int(row["chips"]) for _, row in read_csv(CARDS)}
