"""Which measurements the vendor of a chip published of its own clusters."""

from collections.abc import Mapping
from functools import lru_cache

from polysilicon.facts.index import DATA
from polysilicon.records.document import read_csv

TUNED = DATA / "measurements" / "vendor_tuned.csv"


def vendor_tuned(row: Mapping[str, str], vendor: str) -> bool:
    """Whether the row was tuned as the chip's `vendor` tunes its own runs: published by it, or for a benchmark.

    Most who submit to MLPerf run the code that the chip's vendor submits: their configurations carry its names, and
    their times are its times. So every submission is taken to be tuned like that.
    """
    source = row.get("source_key", "")
    if "/results/" in row.get("source_ref", ""):
        return True
    return any(theirs == vendor and (source == key or (also and also in source)) for key, also, theirs in _published())


@lru_cache(maxsize=1)
def _published() -> tuple[tuple[str, str, str], ...]:
    return tuple((row["source_key"], row["also"], row["vendor"]) for _, row in read_csv(TUNED))
