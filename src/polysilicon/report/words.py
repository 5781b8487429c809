"""How values are written for people: numbers, units, gaps and text that others wrote."""

import math
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from polysilicon.performance.values import Range

GAP = "–"


def printable(text: str) -> str:
    """`text` without control characters: a scenario's names must not be able to drive the reader's terminal."""
    return "".join(
        letter if letter in "\n\t" or letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def number(value: float, digits: int = 4) -> str:
    """A number with `digits` significant digits, thousands grouped: `12,340`, `0.0123`, `1.2e-07`."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "-∞" if value < 0 else GAP
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if magnitude < -4 or magnitude >= 15:
        return f"{value:.{digits}g}"
    places = 0 if float(value).is_integer() else max(0, digits - 1 - magnitude)
    written = f"{value:,.{places}f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """The ends of a 90 % interval: `90 %: 194 to 390`; empty where neither end is known."""
    if low is None and high is None:
        return ""
    above = "unbounded" if high is None else number(high, digits)
    return f"90 %: {number(low or 0.0, digits)} to {above}"


def ranged(figure: "Range", unit: str) -> str:
    """A figure with its interval: `250 ms (90 %: 194 to 390)`."""
    return f"{number(figure.value)} {unit} ({interval(figure.low, figure.high)})"


def short(value: float) -> str:
    """A number where there is little room: three digits and a letter, `40 M`, `1.25 k`."""
    for least, letter in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= least:
            return f"{number(value / (1e3 if letter == 'k' else least), 3)} {letter}"
    return number(value, 3)


def cell(value: Any) -> str:
    """Any value of a table as text; a gap where nothing is known."""
    if value is None:
        return GAP
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,d}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, msgspec.Struct):
        return cell(msgspec.to_builtins(value))
    if isinstance(value, dict):
        return printable(", ".join(f"{name}: {cell(inner)}" for name, inner in value.items()))
    if isinstance(value, list | tuple | set | frozenset):
        return printable(", ".join(cell(inner) for inner in value)) or GAP
    return printable(str(value))


def label(word: str) -> str:
    """A closed-list word as people read it: `on_demand` as `on demand`."""
    return LABELS.get(word, printable(word.replace("_", " ").replace(":", ": ")))


LABELS = {
    "own": "buy",
    "reserve": "reserve",
    "on_demand": "rent",
    "unlawful": "not lawful",
    "law_undetermined": "law undetermined",
    "price_unknown": "price unknown",
    "does_not_fit": "does not fit",
    "not_trusted": "not trusted as demanded",
    "no_supply": "no supply",
    "not_available": "not available yet",
    "unvalidated": "unvalidated",
    "dominated": "never the best choice",
}
