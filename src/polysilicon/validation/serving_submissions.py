"""What submitters to MLPerf publish of the settings of their runs, for rows that only say who ran what on which chips.

A cell is filled only where all settings that the row may have come from agree on it, and degrees only all together.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from polysilicon.facts.index import DATA
from polysilicon.records.document import read_csv

SUBMISSIONS = DATA / "measurements" / "serving_submissions.csv"
# How a row's source names who submitted: `(submission 5.1-0069, NVIDIA, closed division)`. Settings are those of 5.1.
SUBMITTED = re.compile(r"\(submission 5\.1-\d+, (?P<submitter>[^,]+), closed division\)")
# How a row is called whose power was measured, and the setting that such runs and others have where both are published.
POWER, MOST_EFFICIENT, FASTEST = "_power", "MaxQ", "MaxP"
DEGREES = ("tp", "pp", "ep", "dp_attention")
OWN_DEGREES = ("tp", "pp", "ep", "attn_dp")
CELLS = ("kv_precision", "chunk_tokens", "memory_share", "look_passes", "fused_reductions", "sequences", "activations")

Row = Mapping[str, str]


def stated(row: Row, model: str, chip: str, scenario: str) -> Row:
    """The row with cells it leaves empty as its submitter's settings have them; as it is where none are published.

    `model` and `chip` are ids of the catalogue, `scenario` is `offline`, `server` or `interactive`.
    """
    told = SUBMITTED.search(row.get("source", ""))
    if told is None:
        return row
    accuracy = "99.9" if "99.9" in row.get("model", "") else "99"
    named = (told["submitter"], model, chip, scenario, row.get("num_accelerators", "").strip(), accuracy)
    power = MOST_EFFICIENT if row.get("case_id", "").endswith(POWER) else FASTEST
    weights = row.get("weight_precision", "").strip().casefold()
    found = [one for one in _submissions().get(named, []) if one["precision"] in (weights, "") or not weights]
    found = [one for one in found if one["power"] == power] or found
    if not found:
        return row
    cells = {name: _agreed(found, name) for name in CELLS} | {"weight_precision": _agreed(found, "precision")}
    if not any(row.get(name, "").strip() for name in OWN_DEGREES):
        cells |= _degrees(found)
    return {**row, **{name: value for name, value in cells.items() if value and not row.get(name, "").strip()}}


def _degrees(found: Sequence[Row]) -> dict[str, str]:
    """The layout that all of `found` state; none where they differ, or state no tensor parallelism."""
    if len({tuple(one[name] for name in DEGREES) for one in found}) > 1 or not found[0]["tp"]:
        return {}
    tp, pp, ep, copied = (found[0][name] for name in DEGREES)
    # Where attention is copied, every chip is a rank of its own.
    return {"tp": "1", "attn_dp": tp, "pp": pp, "ep": ep} if copied == "1" else {"tp": tp, "pp": pp, "ep": ep}


def _agreed(found: Sequence[Row], name: str) -> str:
    values = {one[name] for one in found}
    return values.pop() if len(values) == 1 else ""


@lru_cache(maxsize=1)
def _submissions() -> dict[tuple[str, ...], list[Row]]:
    known: dict[tuple[str, ...], list[Row]] = {}
    for _, row in read_csv(SUBMISSIONS):
        run = (row["scenario"].casefold(), row["accelerators"], row["accuracy_pct"])
        known.setdefault((*(row[name] for name in ("submitter", "model", "chip_id")), *run), []).append(row)
    return known
