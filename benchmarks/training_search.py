"""How fast whole training searches are: configurations enumerated, feasible, CPU seconds, nanoseconds each.

    python benchmarks/training_search.py

The problems are those of Calculon's and our own examples: a model, a chip, a number of chips and a batch. CPU time
is this process's; the catalogue is loaded before the clock starts.
"""

import time

import numpy as np

from polysilicon.facts import load
from polysilicon.performance import Cluster, Space, estimate_training, search_training
from polysilicon.performance.space import layouts
from polysilicon.workloads import Training, transformer

PROBLEMS = (
    ("gpt-3-175b", "nvidia-a100-sxm-80gb", 512, Training(2048, 512), Space()),
    ("gpt-3-175b", "nvidia-a100-sxm-80gb", 4096, Training(2048, 4096), Space()),
    ("llama-3.1-70b", "nvidia-h100-sxm-80gb", 512, Training(8192, 1024), Space(precisions=("bf16", "fp8"))),
    ("deepseek-v3", "huawei-ascend-910c", 1024, Training(4096, 4096), Space(cp=(1, 2, 4))),
)


def main() -> None:
    """Run every problem once and print a line each."""
    catalogue = load()
    for name, chip, chips, task, space in PROBLEMS:
        model, cluster = transformer(catalogue, name), Cluster.from_catalogue(catalogue, chip, chips)
        before = time.process_time()
        found = search_training(catalogue, model, task, cluster, space)
        spent = time.process_time() - before
        print(
            f"{name} on {chips} {chip}: {found.enumerated:,} enumerated, {found.feasible:,} feasible, "
            f"{spent:.2f} CPU s, {spent / found.enumerated * 1e9:,.0f} ns each; best {found.best.step_s[0]:.3f} s"
        )
    model, cluster = (
        transformer(catalogue, "gpt-3-175b"),
        Cluster.from_catalogue(catalogue, "nvidia-a100-sxm-80gb", 512),
    )
    table = layouts(model, Training(2048, 512), 512, 8, Space())
    table = table.take(np.resize(np.arange(len(table)), 200_000))
    before = time.process_time()
    estimate_training(catalogue, model, Training(2048, 512), cluster, table)
    spent = time.process_time() - before
    print(f"one table of {len(table):,}: {spent:.2f} CPU s, {spent / len(table) * 1e9:,.0f} ns a configuration")


if __name__ == "__main__":
    main()
