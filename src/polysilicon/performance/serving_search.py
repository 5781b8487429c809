"""Every way to serve a model on given chips, and the best of those that meet the targets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.serving_candidates import Asked, Candidates, Layout
from polysilicon.performance.serving_estimate import MOST_CONCURRENT, ServingEstimate, answer, ask, shortfall
from polysilicon.performance.serving_formats import computed_in, format_of
from polysilicon.performance.serving_table import Figures, evaluate, unqueued
from polysilicon.records.errors import InputError, NothingFits
from polysilicon.records.interval import Bools
from polysilicon.records.table import Table
from polysilicon.records.units import GIB, MS_PER_S
from polysilicon.workloads.model import Transformer
from polysilicon.workloads.task import Serving

MOST_PIPELINE = 8


@dataclass(frozen=True)
class ServingSearch:
    """`best` gives most tokens a second and chip; `top` is the table of the next best; `front` trades users' speed."""

    best: ServingEstimate
    top: Table
    front: Table
    tried: int
    met: int

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "best": self.best.to_dict(),
            "top": self.top.to_dict(),
            "front": self.front.to_dict(),
            "tried": self.tried,
            "met": self.met,
        }


def search_serving(
    catalogue: Catalogue,
    model: Transformer,
    task: Serving,
    clusters: Sequence[Cluster],
    *,
    most_chips: int | None = None,
    precisions: Sequence[str] | None = None,
    engine: str = "vllm",
    top: int = 10,
) -> ServingSearch:
    """Try every layout, format and load on every cluster and keep those that fit and meet the targets of `task`.

    A replica has at most `most_chips` chips (by default those of its cluster), so more chips never give less.
    No load is tried beyond what runs at once: its queue, not the deployment, would set the first token.
    Formats are the one the weights are published in, unless `precisions` allows others.

    Raises:
        NothingFits: no candidate fits in memory, or none meets the targets; names the nearest miss.
        InputError: no cluster, an unknown engine or format.
    """
    if not clusters:
        raise InputError("a search needs at least one cluster")
    formats = list(precisions) if precisions else [model.precision]
    every = [
        ask(catalogue, model, task, cluster, layout, load * layout.attn_dp, engine)
        for cluster in clusters
        for layout in layouts(model, cluster, most_chips or int(np.max(cluster.chips)), formats)
        for load in _loads()
    ]
    if not every:
        raise InputError("no layout: none of the chips has arithmetic for the formats asked for", found=formats)
    every = unqueued(every)
    table = Candidates.of(every)
    figures = evaluate(table)
    if not np.any(figures.fits):
        at = int(np.argmin(figures.memory_bytes / table.cluster.memory_bytes))
        raise NothingFits(f"nothing fits; nearest: {shortfall(every[at], table, figures, at)}")
    met = _meets(task, figures)
    if not np.any(met):
        raise NothingFits(f"no candidate meets the targets; nearest: {_nearest(task, every, figures)}")
    speed = np.where(met, figures.tokens_per_s_per_chip, -np.inf)
    chips = np.array([one.layout.chips for one in every], float)
    order = np.lexsort((chips, -speed))
    chosen = [int(at) for at in order[: min(top, int(np.sum(met)))]]
    return ServingSearch(
        best=answer(catalogue, every[chosen[0]], task, figures, chosen[0]),
        top=_table("best deployments", every, figures, chosen),
        front=_table("throughput of a chip against speed for a user", every, figures, _front(figures, met)),
        tried=len(every),
        met=int(np.sum(met)),
    )


def layouts(model: Transformer, cluster: Cluster, most_chips: int, formats: Sequence[str]) -> Iterator[Layout]:
    """Every layout of at most `most_chips` chips: powers of two that divide the model.

    Attention is replicated (`attn_dp`) only where experts are shared among the replicas; experts are then spread
    over all of them.
    """
    for precision in formats:
        form = format_of(precision, model.experts > 0)
        try:
            computed_in(form.expert_compute, cluster.peak_flop_per_s)
            computed_in(form.dense_compute, cluster.peak_flop_per_s)
        except InputError:
            continue
        for tp in _powers(most_chips):
            if model.heads % tp:
                continue
            for attn_dp in _powers(most_chips // tp) if model.experts else (1,):
                for pp in _powers(min(most_chips // (tp * attn_dp), MOST_PIPELINE, model.layers)):
                    ep = min(tp * attn_dp, model.experts) if model.experts else 1
                    yield Layout(tp=tp, pp=pp, attn_dp=attn_dp, ep=ep, precision=precision)


def _powers(most: int) -> Iterator[int]:
    power = 1
    while power <= most:
        yield power
        power *= 2


def _loads() -> list[float]:
    return [2.0**half for half in range(int(np.log2(MOST_CONCURRENT)) + 1)]


def _meets(task: Serving, figures: Figures) -> Bools:
    met = np.array(figures.fits, bool)
    if task.ttft_ms is not None:
        met &= np.asarray(figures.ttft_ms <= task.ttft_ms)
    if task.tpot_ms is not None:
        met &= np.asarray(figures.tpot_ms <= task.tpot_ms)
    return met


def _nearest(task: Serving, every: Sequence[Asked], figures: Figures) -> str:
    over = np.ones(len(every))
    for figure, limit in ((figures.ttft_ms, task.ttft_ms), (figures.tpot_ms, task.tpot_ms)):
        if limit is not None:
            over = np.maximum(over, figure / limit)
    at = int(np.argmin(np.where(figures.fits, over, np.inf)))
    layout, chip = every[at].layout, every[at].cluster.chip
    ttft, tpot = np.ravel(figures.ttft_ms)[at], np.ravel(figures.tpot_ms)[at]
    return (
        f"{layout.chips} x {chip} (tp {layout.tp}, pp {layout.pp}, attention dp {layout.attn_dp}) with "
        f"{every[at].concurrency:g} in flight: TTFT {ttft:.1f} ms, TPOT {tpot:.2f} ms"
    )


def _front(figures: Figures, met: Bools) -> list[int]:
    """Candidates that no other beats in both tokens a second and chip, and tokens a second and user."""
    speed, user = np.asarray(figures.tokens_per_s_per_chip), -np.asarray(figures.tpot_ms)
    front: list[int] = []
    best = -np.inf
    for at in np.lexsort((-speed, -user)):
        if met[at] and speed[at] > best:
            best = float(speed[at])
            front.append(int(at))
    return front


def _table(title: str, every: Sequence[Asked], figures: Figures, chosen: Sequence[int]) -> Table:
    picked = [every[at] for at in chosen]
    index = np.array(chosen, int)
    return Table(
        title,
        {
            "chip": [one.cluster.chip for one in picked],
            "chips": [one.layout.chips for one in picked],
            "tp": [one.layout.tp for one in picked],
            "pp": [one.layout.pp for one in picked],
            "attn_dp": [one.layout.attn_dp for one in picked],
            "ep": [one.layout.ep for one in picked],
            "precision": [one.layout.precision for one in picked],
            "concurrency": [one.concurrency for one in picked],
            "ttft_ms": np.asarray(figures.ttft_ms)[index],
            "tpot_ms": np.asarray(figures.tpot_ms)[index],
            "tokens_per_s_per_chip": np.asarray(figures.tokens_per_s_per_chip)[index],
            "tokens_per_s_per_user": MS_PER_S / np.asarray(figures.tpot_ms)[index],
            "memory_gib": np.asarray(figures.memory_bytes)[index] / GIB,
        },
        units={"tokens_per_s_per_user": "tokens/s"},
        notes=("Latencies are means over requests, not percentiles.",),
    )
