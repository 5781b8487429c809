"""What the calibration recorded of itself: the sources that took part in a fit, and the fits without each of them."""

from functools import lru_cache
from math import exp
from pathlib import Path

from polysilicon.facts.index import DATA
from polysilicon.records.document import read_csv
from polysilicon.validation.score import Score

LEFT_OUT = DATA / "measurements" / "training_left_out.csv"
SAMPLES_LEFT_OUT = DATA / "measurements" / "samples_left_out.csv"
MEMORY_LEFT_OUT = DATA / "measurements" / "memory_left_out.csv"
SERVING_LEFT_OUT = DATA / "measurements" / "serving_left_out.csv"
SOURCES = DATA / "measurements" / "SOURCES.csv"


@lru_cache(maxsize=1)
def fitted_sources() -> frozenset[str]:
    """Every source of which any row took part in any fit of training; truth is scored on the others."""
    return frozenset(row["source_key"] for _, row in read_csv(SOURCES))


def read_left_out(path: Path = LEFT_OUT) -> list[Score]:
    """One score a case, with its time relative to the measured one; empty where nothing was recorded.

    `log_error` is the natural logarithm of predicted over measured time; `low_ratio` and `high_ratio` bound the
    measured time over the predicted one. A table with a column `peak` is of peaks of memory instead; one with a
    column `quantity` has a score for each figure of a case.

    Raises:
        InputError: the file can't be read.
    """
    if not path.exists():
        return []
    scores = []
    for _, row in read_csv(path):
        predicted = exp(float(row["log_error"]))
        low, high = (predicted * float(row[name]) if row[name] else None for name in ("low_ratio", "high_ratio"))
        scores.append(
            Score(
                case_id=row["case_id"],
                quantity=row.get("quantity") or ("peak_mem_gib" if "peak" in row else "step_time_s"),
                predicted=predicted,
                low=low,
                high=high,
                measured=1.0,
                unit="of the measured one",
                error_pct=100.0 * (predicted - 1.0),
                vendor=row["vendor"],
                chip=row["chip"],
                source=row["source"],
                kind=row.get("way", ""),
                peak=row.get("peak", ""),
            )
        )
    return scores
