"""What is said of a model that works on samples instead of tokens: recommenders and image models."""

from dataclasses import asdict, dataclass
from typing import Any

from polysilicon.facts.money import Assumption
from polysilicon.performance.cluster import Cluster, Reading
from polysilicon.performance.serving_formats import BYTES
from polysilicon.performance.values import BYTES_PER_ELEMENT, Range, Values
from polysilicon.records.errors import InputError
from polysilicon.records.recorder import formula
from polysilicon.records.units import GIB


@dataclass(frozen=True)
class SamplesEstimate:
    """Throughput of one chip among `chips`, and what it holds.

    `samples` says what a sample is. `unvalidated` is true: too few measured cases stand behind the figures, and the
    interval is that of the assumption `share`, not of measured errors.
    """

    model: str
    chip: str
    chips: float
    samples: str
    samples_per_s_per_chip: Range
    bound_s: float
    memory_gib: float
    fits: bool
    share: str
    doubts: tuple[Reading, ...]
    catalogue_hash: str
    unvalidated: bool = True

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        plain = {name: value for name, value in vars(self).items() if name != "doubts"}
        ranges = {"samples_per_s_per_chip": asdict(self.samples_per_s_per_chip)}
        return plain | ranges | {"doubts": [str(one) for one in self.doubts]}


def stored_bytes(precision: str) -> float:
    """Bytes of a weight as it lies in memory: the scales of a block format included, as language models count them."""
    return BYTES[precision] if precision in BYTES else BYTES_PER_ELEMENT[precision]


@formula
def samples_per_s_per_chip(bound_s: Values, share: Values) -> Values:
    """Samples a second, from the time that peaks alone would allow and the share of it that is reached.

    Source: Williams, Waterman, Patterson, Roofline (CACM 52(4), 2009); the share is an assumption of the catalogue.
    """
    return share / bound_s


def estimate(
    catalogue_hash: str,
    model: str,
    cluster: Cluster,
    samples: str,
    bound_s: float,
    held_bytes: float,
    share: Assumption,
) -> SamplesEstimate:
    """The estimate that a bound on the time of a sample gives, with the range of the assumed share."""
    low, high = share.low, share.high
    if low is None or high is None:
        raise InputError(f"the assumption {share.id} states no range")
    ends = [float(samples_per_s_per_chip(bound_s, one)) for one in (share.value, low, high)]
    return SamplesEstimate(
        model=model,
        chip=cluster.chip,
        chips=float(cluster.chips),
        samples=samples,
        samples_per_s_per_chip=Range(*ends),
        bound_s=bound_s,
        memory_gib=held_bytes / GIB,
        fits=held_bytes <= float(cluster.memory_bytes),
        share=share.id,
        doubts=cluster.doubts,
        catalogue_hash=catalogue_hash,
    )
