"""What a benchmark publishes of the settings of its runs, for rows that leave them out.

A row of InferenceX says model, chip, lengths, load and degrees, but seldom how many workers there were, whether
attention was replicated, whether tokens were drafted, or how the cache was kept. Its lists of configurations do. A cell
is filled only where every configuration that the row may have come from agrees on it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache

from polysilicon.facts.index import DATA
from polysilicon.records.document import read_csv

RECIPES = DATA / "measurements" / "serving_recipes.csv"
SIDES = ("prefill", "decode")
# Words of a row that say nothing of drafting.
UNSAID = ("", "not recorded", "none stated")
# A run may come from a change that is listed some days later, and be read some days after the list moved on.
EARLY, LATE = timedelta(days=14), timedelta(days=7)

Row = Mapping[str, str]


def filled(row: Row, model: str, chip: str, engine: str) -> Row:
    """The row with cells it leaves empty as the benchmark's configurations have them; as it is where none is listed.

    `model`, `chip` and `engine` are ids of the catalogue; the precision is that of the row's words.
    """
    apart = "disaggregated" in row.get("mode", "").casefold()
    precision = row.get("precision", "").strip().casefold()
    named, lengths = (model, chip, engine, precision), (row.get("isl", "").strip(), row.get("osl", "").strip())
    if not apart and (split := _split(row, named, lengths)):
        return split
    load, degrees = row.get("concurrency", "").strip(), [f"{side}_tp" for side in SIDES] if apart else ["tp"]
    found = [
        one
        for one in _recipes().get((*named, *lengths, apart), ())
        if load in one["concurrency"].split() and all(one[name] == _degree(row, name) for name in degrees)
    ] or _recipes().get((*named, "", "", apart), [])
    found = _narrowed(found, lambda one: _then(one, row.get("source_date", "")))
    for name in ("ep", *(f"{side}_ep" for side in SIDES)):
        found = _narrowed(found, _same(name, row.get(name, "").strip() or "1"))
    if not apart:
        found = _narrowed(found, lambda one: _as_copied(one, row))
    spoken = row.get("spec_decoding", "").strip().casefold()
    # A row that says nothing is taken for plain decoding wherever it may be.
    drafted = "none" if spoken in UNSAID else spoken
    found = _narrowed(found, lambda one: one["spec_decoding"] == drafted)
    return {**row, **_told(row, found, apart)} if found else row


def _split(row: Row, named: tuple[str, ...], lengths: tuple[str, str]) -> Row | None:
    """The row as the split deployment that it must have been; `None` where it may have been what it says.

    Where the benchmark ran nothing but split deployments of a model on a chip, a degree that is the chips of one of
    these together counts all its workers. Of several, the list nearest in time that has the load says how many workers
    read prompts; early lists say that alone.
    """
    if any(key[:4] == named and not key[-1] for key in _recipes()):
        return None
    listed = _recipes().get((*named, *lengths, True), [])
    chips = _count(row, "tp") * _count(row, "attn_dp")
    found = [one for one in listed if _chips(one) == chips]
    if not found:
        return None
    load = row.get("concurrency", "").strip()
    under = _narrowed(listed, lambda one: load in one["concurrency"].split())
    nearest = min(under, key=lambda one: _days_apart(one, row.get("source_date", "")))
    found = _narrowed(found, lambda one: one["prefill_workers"] == nearest["prefill_workers"])
    found = _narrowed(found, lambda one: load in one["concurrency"].split())
    mine = dict.fromkeys(("tp", "pp", "attn_dp", "moe_tp", "ep"), "")
    split = {**row, **mine, "mode": "disaggregated"}
    return {**split, **_told(split, found, apart=True)}


def _chips(one: Row) -> int:
    """Chips of a split configuration: of all its workers, where it states more than one a worker."""
    workers = [(_count(one, f"{side}_workers"), _count(one, f"{side}_tp")) for side in SIDES]
    return sum(number * chips for number, chips in workers) if any(chips > 1 for _, chips in workers) else 0


def _told(row: Row, found: Sequence[Row], apart: bool) -> dict[str, str]:
    """Cells on which all of `found` agree, where the row has none of its own; and the degrees of split workers.

    Those of a row count chips: whether attention is cut or copied over them, and how experts lie, the lists say.
    """
    told = {}
    for name in ("draft_tokens", "kv_precision", "chunk_tokens", "look_passes", *(f"{side}_workers" for side in SIDES)):
        # Ranks of attention wait for one another only where there are several.
        value = _agreed([one for one in found if name != "look_passes" or _as_copied(one, row)], name)
        if value and not row.get(name, "").strip():
            told[name] = value
    if row.get("spec_decoding", "").strip().casefold() in UNSAID and (spoken := _agreed(found, "spec_decoding")):
        told["spec_decoding"] = spoken
    for side in SIDES if apart else ():
        replicated, chips, ep = (_agreed(found, f"{side}_{name}") for name in ("dp_attention", "tp", "ep"))
        if replicated and ep and not row.get(f"{side}_attn_dp", "").strip():
            ranks = chips if replicated == "1" else "1"
            told |= {f"{side}_tp": "1" if replicated == "1" else chips, f"{side}_attn_dp": ranks, f"{side}_ep": ep}
    return told


def _as_copied(one: Row, row: Row) -> bool:
    """Whether a configuration copies attention over chips, or cuts it, as the row does."""
    return (one["dp_attention"] == "1") == (_count(row, "attn_dp") > 1)


def _agreed(found: Sequence[Row], name: str) -> str:
    values = {one[name] for one in found}
    return values.pop() if len(values) == 1 else ""


def _narrowed(found: list[Row], holds: Callable[[Row], bool]) -> list[Row]:
    """Those for which it holds; all where it holds for none, as then it tells nothing."""
    return [one for one in found if holds(one)] or found


def _same(name: str, value: str) -> Callable[[Row], bool]:
    return lambda one: one[name] == value


def _then(one: Row, day: str) -> bool:
    """Whether a configuration was listed when the row was run."""
    try:
        run = date.fromisoformat(day.strip().lstrip("<="))
    except ValueError:
        return True
    return date.fromisoformat(one["first_seen"]) - EARLY <= run <= date.fromisoformat(one["last_seen"]) + LATE


def _days_apart(one: Row, day: str) -> int:
    """Days between a row's run and the time for which a configuration was listed; none where either is unknown."""
    try:
        run = date.fromisoformat(day.strip().lstrip("<="))
    except ValueError:
        return 0
    first, last = (date.fromisoformat(one[name]) for name in ("first_seen", "last_seen"))
    return max((first - run).days, (run - last).days, 0)


def _degree(row: Row, name: str) -> str:
    """Chips of a worker's attention as the benchmark counts them: those of all its ranks."""
    ranks = _count(row, "attn_dp") if name == "tp" else 1
    return str(_count(row, name) * ranks)


def _count(row: Row, name: str) -> int:
    text = row.get(name, "").strip()
    return int(float(text)) if text.replace(".", "", 1).isdigit() else 1


@lru_cache(maxsize=1)
def _recipes() -> dict[tuple[str | bool, ...], list[Row]]:
    known: dict[tuple[str | bool, ...], list[Row]] = {}
    for _, row in read_csv(RECIPES):
        names = (row[name] for name in ("model", "chip_id", "engine", "precision", "isl", "osl"))
        known.setdefault((*names, bool(row["prefill_tp"])), []).append(row)
    return known
