"""What a chip and its links reach on models whose unit is a sample: peaks of the cluster times fitted shares."""

from dataclasses import dataclass

import numpy as np

from polysilicon.performance.cluster import Cluster
from polysilicon.performance.collectives import inside
from polysilicon.performance.efficiency import Efficiency
from polysilicon.performance.rates import achieved_per_s, link_bytes_per_s, narrow_share, of_precision
from polysilicon.performance.values import BYTES_PER_ELEMENT, PRECISIONS, Values

BF16 = float(PRECISIONS.index("bf16"))
WIDTHS = np.array([BYTES_PER_ELEMENT[one] for one in PRECISIONS])
# Activations stay in 16 bits where the products run in fewer.
LEAST_BYTES = 2.0

Links = tuple[Values, Values, Values, Values]


@dataclass(frozen=True)
class SampleRates:
    """Achieved rates; each a number, or a column with one entry a candidate.

    `wide_flop_per_s` is the peak of products in at least 16 bits, at the chip's pace; `element_bytes` is the width of
    an activation.
    """

    product_flop_per_s: Values
    wide_flop_per_s: Values
    stream_bytes_per_s: Values
    scaleup_bytes_per_s: Values
    scaleout_bytes_per_s: Values
    scaleup_latency_s: Values
    scaleout_latency_s: Values
    scaleup_domain: Values
    element_bytes: Values

    @property
    def links(self) -> Links:
        """Bandwidth and latency of both network levels, in the order the collectives take them."""
        return (
            self.scaleup_bytes_per_s,
            self.scaleout_bytes_per_s,
            self.scaleup_latency_s,
            self.scaleout_latency_s,
        )

    def near(self, ranks: Values, stride: Values) -> Values:
        """How many ranks of a group share a scale-up domain."""
        return inside(ranks, stride, self.scaleup_domain)


def peak_flop_per_s(cluster: Cluster, precision: Values) -> Values:
    """Dense matrix peak of the precision of each candidate, a position in `PRECISIONS`; NaN where there is none."""
    return of_precision(cluster.peak_flop_per_s, np.asarray(precision, int))


def sample_rates(
    cluster: Cluster, efficiency: Efficiency, precision: Values, latencies_s: tuple[Values, Values]
) -> SampleRates:
    """The rates of one chip of `cluster` with products in `precision`, a position in `PRECISIONS`."""
    e = efficiency
    widths = WIDTHS[np.asarray(precision, int)]
    narrow = np.where(widths < LEAST_BYTES, 1.0, 0.0)
    peak = peak_flop_per_s(cluster, precision)
    wide = peak_flop_per_s(cluster, np.where(narrow > 0.0, BF16, precision))
    return SampleRates(
        product_flop_per_s=achieved_per_s(peak, narrow_share(e["product"], narrow, e["narrow"]), e["pace"]),
        wide_flop_per_s=achieved_per_s(wide, 1.0, e["pace"]),
        stream_bytes_per_s=achieved_per_s(cluster.memory_bytes_per_s, e["stream"], e["pace"]),
        scaleup_bytes_per_s=link_bytes_per_s(cluster.scaleup_bytes_per_s, e["scaleup"]),
        scaleout_bytes_per_s=link_bytes_per_s(cluster.scaleout_bytes_per_s, e["scaleout"]),
        scaleup_latency_s=latencies_s[0],
        scaleout_latency_s=latencies_s[1],
        scaleup_domain=cluster.scaleup_domain,
        element_bytes=np.maximum(widths, LEAST_BYTES),
    )
