"""How an offline benchmark runs, where its document says so and its rows don't: above all how many requests it sends.

So many come at once, and none after them: the run is over when the last has its answer. With few requests of long
answers much of it has fewer running than fit, and where they fit at a time and a half, the second wave is half empty.
"""

from collections.abc import Mapping
from functools import lru_cache

from polysilicon.facts.index import DATA
from polysilicon.records.document import read_csv

BATCHES = DATA / "measurements" / "serving_batches.csv"
OFFLINE, BATCH = "offline max throughput", "offline batch"
SAID = ("requests", "kv_precision", "in_process")

Row = Mapping[str, str]


def sent_at_once(row: Row, model: str, chip: str) -> Row:
    """An `OFFLINE` row as the batch that its document says was sent; as it is where no document says.

    `model` and `chip` are ids of the catalogue. The document says how the cache was kept, too, and whether the
    benchmark calls the engine in its own process.
    """
    mine = {"model": model, "chip_id": chip, "isl": row.get("isl", "").strip(), "osl": row.get("osl", "").strip()}
    found = [
        one
        for one in _batches()
        if one["document"] in row.get("source", "") and all(one[name] in ("", value) for name, value in mine.items())
    ]
    said = {name: next((one[name] for one in found if one[name]), "") for name in SAID}
    if not said["requests"]:
        return row
    own = {name: row.get(name, "").strip() or said[name] for name in ("kv_precision", "in_process")}
    return {**row, "mode": BATCH, "concurrency": said["requests"], **own}


@lru_cache(maxsize=1)
def _batches() -> tuple[Row, ...]:
    return tuple(row for _, row in read_csv(BATCHES))
