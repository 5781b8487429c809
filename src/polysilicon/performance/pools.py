"""One training job over unequal pools of chips: what a pool is, what joins pools, and what crosses between them.

A pool is a number of equal chips with a layout of its own. A job can be split over pools in two ways. By *data* each
pool trains a share of every batch with the whole model, and gradients are reduced over the link (`pool_data`). By
*layers* pools are stretches of one pipeline, and activations and their gradients cross the link (`pool_layers`).
`mixing` puts the answers beside each pool alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.performance import pipeline as whole
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.domain import refuse_unmodelled
from polysilicon.performance.efficiency import Efficiency, efficiency_of
from polysilicon.performance.job import Job
from polysilicon.performance.layouts import Layouts
from polysilicon.performance.recipe import Recipe
from polysilicon.performance.space import Space
from polysilicon.performance.step import Breakdown
from polysilicon.performance.training import job_of
from polysilicon.performance.values import PEAK_FIELD, Values
from polysilicon.records.errors import InputError, UnknownName
from polysilicon.records.names import nearest
from polysilicon.records.recorder import formula
from polysilicon.records.units import GIGA, MS_PER_S
from polysilicon.workloads.counts import Shape
from polysilicon.workloads.model import Transformer
from polysilicon.workloads.task import Training

# What the user may fix of a pool's layout, and the figures of its chip that may be the user's own.
DEGREES = ("tp", "pp", "cp", "ep", "micro_batch")
NETWORK = ("memory_gb", "memory_bw_gbs", "scaleup_bw_gbs", "scaleup_domain", "scaleout_nic_gbps")
FIGURES = (*dict.fromkeys(PEAK_FIELD.values()), *NETWORK)
MOST_CHIPS = 10_000_000
# What a step has beside the parts that overhead is counted on.
UNCOUNTED = ("step_s", "overhead_s")


@formula
def share_of_link(
    card_bytes_per_s: Values, link_bytes_per_s: Values, chip_bytes: Values, crossing_bytes: Values
) -> Values:
    """Bandwidth that one chip finds towards another pool: its part of what crosses the link, or its own card's.

    All chips of a pool send at once, each what it holds, so that nothing crosses twice.

    Source: Narayanan et al. (arXiv 2104.04473), section 4.1: scatter and gather, every card sends a share.
    """
    return np.minimum(card_bytes_per_s, link_bytes_per_s * chip_bytes / crossing_bytes)


@formula
def link_latency_s(card_latency_s: Values, link_latency_s: Values) -> Values:
    """Latency of a message from a chip of one pool to one of another: no less than inside a pool's own network.

    Source: Hockney (Parallel Computing 20(3), 1994), alpha-beta.
    """
    return np.maximum(card_latency_s, link_latency_s)


@dataclass(frozen=True)
class Link:
    """What joins the pools: bandwidth of one direction, all of it together, and latency of one way.

    `every` is after how many steps gradients are reduced over it. More than one is local SGD, another algorithm:
    pools drift apart in between, and the same number of steps need not reach the same loss.
    """

    gbs: float
    ms: float
    every: int = 1

    def __post_init__(self) -> None:
        if not self.gbs > 0:
            raise InputError("a link between pools needs a bandwidth above zero", found=self.gbs)
        if not 0 <= self.ms < np.inf:
            raise InputError("the latency of a link is nought or more", found=self.ms)
        if not (self.every >= 1 and self.every == int(self.every)):
            raise InputError("pools are reduced after a whole number of steps", found=self.every, allowed="1 or more")

    @cached_property
    def bytes_per_s(self) -> float:
        """Bandwidth of one direction."""
        return self.gbs * GIGA

    @cached_property
    def latency_s(self) -> float:
        """Latency of one way."""
        return self.ms / MS_PER_S


@dataclass(frozen=True)
class Pool:
    """Equal chips that work together. `space` is what of their layout is left to choose."""

    name: str
    cluster: Cluster
    space: Space

    @property
    def chips(self) -> int:
        """Chips of the pool."""
        return int(np.max(self.cluster.chips))

    def __str__(self) -> str:
        return f"{self.chips:,} x {self.name}"


def pool(
    catalogue: Catalogue, name: str, chips: int, said: Mapping[str, float] | None = None, precision: str = "bf16"
) -> Pool:
    """A pool of `chips` chips of the chip or system `name`.

    `said` fixes degrees of its layout (`DEGREES`), or replaces figures of its chip by the user's own (`FIGURES`):
    a host processor's record states neither its memory nor the link between its sockets, for example.

    Raises:
        UnknownName: neither a chip nor a system is called so, or nothing of a pool is.
        InputError: an absurd count or figure, or one that the formulas need is unknown.
    """
    said = dict(said or {})
    for key, value in said.items():
        if key not in (*DEGREES, *FIGURES):
            close = nearest(key, (*DEGREES, *FIGURES))
            allowed = (*DEGREES, *FIGURES)
            raise UnknownName(f"{name}: nothing of a pool is called {key!r}", allowed=allowed, nearest=close)
        if not 0 < value < np.inf or (key in DEGREES and value != int(value)):
            kind = "a whole number from 1 up" if key in DEGREES else "a number above 0"
            raise InputError(f"{name}: {key} can't be meant", found=value, allowed=kind)
    if not 1 <= chips <= MOST_CHIPS:
        raise InputError(f"{name}: a pool needs at least one chip", found=chips, allowed=f"1 to {MOST_CHIPS:,} chips")
    cluster = _leaving(catalogue, name, chips, {key: said[key] for key in FIGURES if key in said})
    cluster.peak(precision)
    fixed = {key: (int(said[key]),) for key in DEGREES if key in said}
    return Pool(name, cluster, Space(precisions=(precision,), **fixed))  # type: ignore[arg-type]


def _leaving(catalogue: Catalogue, name: str, chips: int, figures: Mapping[str, float]) -> Cluster:
    """A cluster whose chips also have a network card, however few of them: that is how anything leaves a pool.

    Raises:
        UnknownName: neither a chip nor a system is called so.
        InputError: a figure that the formulas need is unknown, the bandwidth of the card among them.
    """
    inside = Cluster.from_catalogue(catalogue, name, chips, figures)
    domain = float(inside.scaleup_domain)
    if chips > domain:
        return inside
    beyond = Cluster.from_catalogue(catalogue, name, domain + 1.0, figures)
    return replace(inside, scaleout_bytes_per_s=beyond.scaleout_bytes_per_s, readings=beyond.readings)


@dataclass(frozen=True)
class Seat:
    """A pool at a task: what its formulas read, for any table of its layouts."""

    catalogue: Catalogue
    model: Transformer
    task: Training
    pool: Pool
    efficiency: Efficiency

    @classmethod
    def of(cls, catalogue: Catalogue, model: Transformer, task: Training, pool: Pool) -> "Seat":
        """A pool with the fitted parameters of its chip.

        Raises:
            Unsupported: the training of this model is not modelled.
        """
        refuse_unmodelled(model)
        return cls(catalogue, model, task, pool, efficiency_of(catalogue, pool.cluster.chip, "training"))

    def job(self, layouts: Layouts, sequences: Values, shape: Shape | None = None) -> Job:
        """The job of so many sequences a step, with the whole model or the part of it that `shape` is."""
        shape = shape or Shape.of(self.model)
        made = job_of(self.catalogue, shape, self.task, self.pool.cluster, layouts, Recipe(), self.efficiency)
        return replace(made, global_batch=sequences)


def overhead_s(job: Job, parts: Mapping[str, Values], chips: float) -> Values:
    """Overhead of a step of so many chips: that of these parts of a `Breakdown`, by the parameters of one pool."""
    named = {one.name: parts.get(one.name, 0.0) for one in fields(Breakdown) if one.name not in UNCOUNTED}
    fixed, straggle = job.efficiency["step_s"], job.efficiency["straggle"]
    return whole.overhead_s(**named, fixed_s=fixed, chips=chips, node_size=job.node_size, straggle=straggle)


def with_overhead(job: Job, parts: Breakdown, chips: float) -> Breakdown:
    """A pool's step with the overhead of a job of so many chips, the other pools' with it."""
    named = {name: value for name, value in parts.columns().items() if name not in UNCOUNTED}
    overhead = overhead_s(job, named, chips)
    return replace(parts, overhead_s=overhead, step_s=whole.step_s(**named, overhead_s=overhead))
