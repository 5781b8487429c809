"""Which kernel runs on a chip where a kind of kernel is asked for: another, where it lacks what that one is written in.

`facts/data/measurements/operator_kernels.csv` says so by family, each line with its source. A kernel that ends in
`@whole` walks over all keys of a sequence on one compute unit.
"""

from functools import lru_cache

from polysilicon.facts.index import DATA
from polysilicon.records.document import read_csv

KERNELS = DATA / "measurements" / "operator_kernels.csv"
WHOLE = "@whole"
# The variant that stands for all collectives over a network.
NETWORK = "eager.network"
# Serving frameworks with an all-reduce of their own.
FRAMEWORKS = ("trtllm", "vllm", "sglang")


def runs_as(family: str, operator: str, kind: str) -> str:
    """The kind of kernel that chips of a family run where `kind` is asked of them."""
    return _kernels().get((operator, kind, family), kind)


def collective_runs_as(domain: float | None, kind: str, ranks: float) -> str:
    """The kind of collective that runs where `kind` is asked for among `ranks` chips of a scale-up `domain`.

    Without a scale-up link (a domain of 1, or unknown) all that a framework launches goes over the bus, and it leaves
    more than two ranks to the communication library.

    Source: vLLM, issue 56128 (github.com/vllm-project/vllm/issues/56128, read 2026-11-30). Under SGLang and
    TensorRT-LLM, too, such groups were timed like NCCL (`aic_custom_allreduce.csv` and `aic_nccl.csv`).
    """
    name, _, variant = kind.partition("@")
    if (domain or 1.0) != 1.0:
        return kind
    if variant == "eager.link":
        return f"{name}@eager.bus"
    if ranks <= 2.0 or not variant.startswith(FRAMEWORKS):
        return kind
    return f"{name}@eager.bus" if variant.endswith("eager") else name


@lru_cache(maxsize=1)
def _kernels() -> dict[tuple[str, str, str], str]:
    return {(row["operator"], row["kind"], row["family"]): row["runs_as"] for _, row in read_csv(KERNELS)}
