"""A million made-up designs against every rule in force: `python benchmarks/policy_million.py`."""

import datetime as dt
import time

import numpy as np

from polysilicon.facts import load
from polysilicon.policy import Items, Transaction, judge

COUNT = 1_000_000


def main() -> None:
    catalogue, draw = load(), np.random.default_rng(0)
    columns = {
        "tpp": draw.uniform(500, 40_000, COUNT),
        "die_area_mm2": draw.uniform(200, 1_600, COUNT),
        "memory_bw_gbs": draw.uniform(500, 9_000, COUNT),
        "scaleup_bw_gbs": draw.uniform(0, 2_000, COUNT),
    }
    items = Items.from_columns(columns, vendor="NVIDIA", designer="US")
    acts = (
        (Transaction("CN"), dt.date(2025, 6, 1)),
        (Transaction("CN", exported_from="US"), dt.date(2026, 6, 1)),
        (Transaction("MY", headquarters="CN", exported_from="MY"), dt.date(2026, 6, 1)),
        (Transaction("AE"), dt.date(2026, 8, 1)),
    )
    for transaction, on in acts:
        start = time.perf_counter()
        verdicts = judge(catalogue, items, transaction, on)
        verdicts.permission_code.sum()
        print(f"{transaction.to} {on}: {time.perf_counter() - start:.2f} s for {COUNT:,} designs")


if __name__ == "__main__":
    main()
