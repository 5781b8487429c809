"""How bad: CVSS scores computed from their vectors by the `cvss` package, and what contradicts them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from cvss import CVSS2, CVSS3, CVSS4, CVSSError

from polysilicon.watch.notice import Score

Band = Literal["none", "low", "medium", "high", "critical", "unknown"]

# The qualitative scale that CVSS 3.1 (section 5) and 4.0 (section 6) share: the lowest score of each band.
BANDS: tuple[tuple[float, Band], ...] = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.1, "low"))

MOST_LETTERS = 400  # no vector is longer, with every optional metric

# The metrics whose value JSON records also spell out in a field of its own.
FIELDS = {
    "attackVector": "AV",
    "attackComplexity": "AC",
    "privilegesRequired": "PR",
    "userInteraction": "UI",
    "scope": "S",
}


def band(base: float | None) -> Band:
    """The word for a base score."""
    if base is None:
        return "unknown"
    return next((word for least, word in BANDS if base >= least), "none")


def scored(
    vector: str,
    *,
    stated: float | None = None,
    by: str = "",
    scenario: str = "",
    fields: Mapping[str, str] | None = None,
) -> Score | None:
    """The score of a vector, its metrics in whatever order; `None` where neither vector nor number is usable.

    A stated number or field that contradicts the vector is noted, and the vector is trusted. Without a vector that
    can be read the stated number stands, and the note says so.
    """
    vector = vector.strip()
    read = _read(vector)
    if read is None:
        if stated is None or not 0.0 <= stated <= 10.0:
            return None
        note = f"the vector can't be read: {vector[:60]}" if vector else "no vector is given"
        return Score(version="", base=round(float(stated), 1), by=by, scenario=scenario, note=note)
    version, base, metrics = read
    notes = [
        f"the record says {name} {fields[name]}, its vector {letter}:{metrics[letter]}"
        for name, letter in FIELDS.items()
        if fields and fields.get(name) and letter in metrics and fields[name][:1].upper() != metrics[letter][:1]
    ]
    if stated is not None and abs(stated - base) > 0.05:
        notes.append(f"the record says {stated:g}, its vector gives {base:g}")
    return Score(version=version, base=base, vector=vector, by=by, scenario=scenario, note="; ".join(notes))


def _read(vector: str) -> tuple[str, float, Mapping[str, str]] | None:
    if not vector or len(vector) > MOST_LETTERS:
        return None
    kind = CVSS4 if vector.startswith("CVSS:4.0/") else CVSS3 if vector.startswith("CVSS:3") else CVSS2
    version = "4.0" if kind is CVSS4 else vector[5:8] if kind is CVSS3 else "2.0"
    try:
        read = kind(vector)
        base = read.base_score
    except (CVSSError, KeyError, ValueError, ArithmeticError):
        return None
    return version, float(Decimal(str(base))), dict(part.split(":", 1) for part in vector.split("/")[1:] if ":" in part)


def worst(scores: tuple[Score, ...]) -> Score | None:
    """The highest score: scorers and scenarios differ, and a lookout counts on the worse one."""
    return max(scores, key=lambda one: one.base, default=None)
