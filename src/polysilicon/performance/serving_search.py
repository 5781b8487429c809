"""Every way to serve a model on given chips, and the best of those that meet the targets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.serving_candidates import MOST_DEGREE, Asked, Candidates, Layout
from polysilicon.performance.serving_estimate import (
    SHORT,
    ServingEstimate,
    answer,
    ask,
    met,
    per_token_limit,
    ranges_of,
    shortfall,
)
from polysilicon.performance.serving_formats import AUTO
from polysilicon.performance.serving_loads import Loaded
from polysilicon.performance.serving_table import Figures
from polysilicon.performance.values import Range
from polysilicon.records.errors import InputError, NothingFits
from polysilicon.records.interval import Bools, Floats
from polysilicon.records.table import Table
from polysilicon.records.units import GIB, MS_PER_S, unit_of
from polysilicon.workloads.model import Transformer
from polysilicon.workloads.task import Serving

MOST_PIPELINE = 8


@dataclass(frozen=True)
class ServingSearch:
    """`best` gives most tokens a second and chip; `top` is the table of the next best, `each` that of the best of each
    system; `front` trades users' speed.
    """

    best: ServingEstimate
    top: Table
    each: Table
    front: Table
    tried: int
    met: int

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "best": self.best.to_dict(),
            "top": self.top.to_dict(),
            "each": self.each.to_dict(),
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
    cache: str = AUTO,
    top: int = 10,
) -> ServingSearch:
    """Try every layout, format and load on every cluster and keep those that fit and meet the targets of `task`.

    A replica has at most `most_chips` chips (by default those of its cluster), so more chips never give less.
    No load is tried beyond what runs at once: its queue, not the deployment, would set the first token.
    Formats are the one that the model's name says, else that its weights are published in, unless `precisions` allows
    others; `cache` is the precision of keys and values, the engine's own where it is not said.

    Raises:
        NothingFits: no candidate fits in memory, or none meets the targets; names the nearest miss.
        InputError: no cluster, an unknown engine or format.
    """
    every = every_question(catalogue, model, task, clusters, most_chips, precisions, engine, cache)
    loaded = Loaded.of(every)
    check_any_fits(loaded)
    figures = loaded.figures
    kept = met(task, figures) & loaded.distinct
    if not np.any(kept):
        raise NothingFits(f"no candidate meets the targets; nearest: {_nearest(task, loaded)}")
    speed = np.where(kept, figures.tokens_per_s_per_chip, -np.inf).ravel()
    chips = np.repeat([float(one.layout.chips) for one in every], kept.shape[1])
    chosen = [int(at) for at in np.lexsort((chips, -speed))[: min(top, int(np.sum(kept)))]]
    return ServingSearch(
        best=answer(catalogue, loaded.at(chosen[0]), task, figures, chosen[0]),
        top=_table(catalogue, "best deployments", task, loaded, chosen),
        each=_table(catalogue, "the best of each system", task, loaded, _of_each(every, speed)),
        front=_table(catalogue, "throughput of a chip against speed for a user", task, loaded, _front(figures, kept)),
        tried=int(np.sum(loaded.distinct)),
        met=int(np.sum(kept)),
    )


def every_question(
    catalogue: Catalogue,
    model: Transformer,
    task: Serving,
    clusters: Sequence[Cluster],
    most_chips: int | None,
    precisions: Sequence[str] | None,
    engine: str,
    cache: str,
) -> list[Asked]:
    """Every layout of every cluster in every format that may be used, with a request a rank.

    Raises:
        InputError: no cluster, an unknown engine, format or precision of the cache, or none that a chip computes.
    """
    if not clusters:
        raise InputError("a search needs at least one cluster")
    formats = list(precisions) if precisions else [model.asked_precision]
    every = [
        one
        for cluster in clusters
        for one in questions(
            catalogue, model, task, cluster, most_chips or int(np.max(cluster.chips)), formats, engine, cache
        )
    ]
    if not every:
        raise InputError(
            "no layout: no chip has a known peak for the formats asked for and for attention over the cache",
            found=formats,
            remedy="allow another --precision or --kv-precision, or give the peak in a --facts file",
        )
    return every


def questions(
    catalogue: Catalogue,
    model: Transformer,
    task: Serving,
    cluster: Cluster,
    most_chips: int,
    formats: Sequence[str],
    engine: str,
    cache: str,
) -> list[Asked]:
    """Every layout of at most `most_chips` chips of a cluster that computes its products, with a request a rank.

    Raises:
        InputError: an unknown engine, format or precision of the cache.
    """
    every = [
        ask(catalogue, model, task, cluster, replace(cut, cache=cache), float(cut.attn_dp), engine)
        for cut in layouts(model, most_chips, formats)
    ]
    # A product's precision follows from the format alone: one layout of each answers for all.
    able = {name: one.computable for name, one in {one.layout.precision: one for one in every}.items()}
    return [one for one in every if able[one.layout.precision]]


def layouts(model: Transformer, most_chips: int, formats: Sequence[str]) -> Iterator[Layout]:
    """Every layout of at most `most_chips` chips: powers of two that divide the model.

    Attention is replicated (`attn_dp`) only where experts are shared among the replicas. Experts are spread over all
    of a stage's chips (or as many as there are experts for), or each is cut over all of them where its width divides.
    """
    most_chips = min(most_chips, MOST_DEGREE)
    for precision in formats:
        for tp in _powers(most_chips):
            if model.heads % tp:
                continue
            for attn_dp in _powers(most_chips // tp) if model.experts else (1,):
                chips = tp * attn_dp
                spread = list(_powers(min(chips, model.experts)))[-1:]
                cut = [] if model.experts and model.expert_hidden % chips else [1]
                for pp in _powers(min(most_chips // chips, MOST_PIPELINE, model.layers)):
                    for ep in dict.fromkeys([*spread, *cut]):
                        yield Layout(tp=tp, pp=pp, attn_dp=attn_dp, ep=ep, precision=precision)


def _powers(most: int) -> Iterator[int]:
    power = 1
    while power <= most:
        yield power
        power *= 2


def check_any_fits(loaded: Loaded) -> None:
    """Some deployment has room for its weights and one sequence.

    Raises:
        NothingFits: none has; says what the nearest lacks.
    """
    figures = loaded.figures
    if not np.any(figures.fits):
        held = np.asarray(Candidates.of(loaded.asked).cluster.memory_bytes)[:, None]
        at = int(np.argmin(figures.memory_bytes / held))
        raise NothingFits(f"nothing fits; nearest: {shortfall(loaded.at(at), figures, at)}")


def _nearest(task: Serving, loaded: Loaded) -> str:
    figures = loaded.figures
    over = np.ones(loaded.concurrency.shape)
    seen = figures.ttft_ms + task.round_trip_ms
    for figure, limit in ((seen, task.ttft_ms), (figures.tpot_ms, per_token_limit(task))):
        if limit is not None:
            over = np.maximum(over, figure / limit)
    at = int(np.argmin(np.where(figures.fits, over, np.inf)))
    asked = loaded.at(at)
    layout, chip = asked.layout, asked.cluster.chip
    ttft, tpot = np.ravel(figures.ttft_ms)[at], np.ravel(figures.tpot_ms)[at]
    network = f" and {task.round_trip_ms:.1f} ms of round trip" if task.round_trip_ms else ""
    return (
        f"{layout.chips} x {chip} (tp {layout.tp}, pp {layout.pp}, attention dp {layout.attn_dp}) with "
        f"{asked.concurrency:.4g} in flight: TTFT {ttft:.1f} ms{network}, TPOT {tpot:.2f} ms"
    )


def _front(figures: Figures, kept: Bools) -> list[int]:
    """Candidates that no other beats in both tokens a second and chip, and tokens a second and user."""
    speed, slow = np.ravel(figures.tokens_per_s_per_chip), np.ravel(figures.tpot_ms)
    good = np.flatnonzero(kept)
    order = good[np.lexsort((-speed[good], slow[good]))]
    best = np.maximum.accumulate(np.concatenate([[-np.inf], speed[order]]))[:-1]
    return [int(at) for at in order[speed[order] > best]]


def _of_each(every: Sequence[Asked], speed: Floats) -> list[int]:
    """The fastest deployment of each system that has one within the targets, best first."""
    names = np.repeat([named(one) for one in every], len(speed) // len(every))
    order = np.argsort(-speed, kind="stable")
    order = order[speed[order] > -np.inf]
    _, first = np.unique(names[order], return_index=True)
    return [int(at) for at in order[np.sort(first)]]


def named(asked: Asked) -> str:
    """The system asked about, or the chip where none was named."""
    return asked.cluster.system or asked.cluster.chip


def deployments(
    title: str,
    task: Serving,
    picked: Sequence[Asked],
    bears_per_s: Floats,
    figures: Mapping[str, Sequence[Any]],
    ranges: Sequence[Mapping[Any, Range]],
    notes: Sequence[str],
) -> Table:
    """A table of deployments: what each is, the `figures` of each, their intervals and doubts.

    Each answers `bears_per_s` requests a second; where the task names a demand, that says how many replicas it takes.
    """
    ends = {f"{name}_{end}": [getattr(one[name], end) for one in ranges] for name in SHORT for end in ("low", "high")}
    systems, trip = [one.cluster.system for one in picked], task.round_trip_ms
    network = (f"Users see the first token {trip:.1f} ms later than `ttft_ms`: the round trip.",) if trip else ()
    return Table(
        title,
        {
            **({"system": systems} if any(systems) else {}),
            "chip": [one.cluster.chip for one in picked],
            "chips": [one.layout.chips for one in picked],
            **_needed(task, picked, bears_per_s),
            **{name: [getattr(one.layout, name) for one in picked] for name in ("tp", "pp", "attn_dp", "ep")},
            "precision": [one.layout.precision for one in picked],
            "kv_precision": [one.cache for one in picked],
            **figures,
            **ends,
            "doubts": ["; ".join(f"{doubt.record}: {doubt.field}" for doubt in one.doubts) for one in picked],
        },
        units={"tokens_per_s_per_user": "tokens/s", "requests_per_s": "1/s"}
        | {end: unit_of(end.rsplit("_", 1)[0]) for end in ends},
        notes=(*notes, *network),
    )


def _needed(task: Serving, picked: Sequence[Asked], bears_per_s: Floats) -> dict[str, list[int]]:
    """Replicas and chips that answer the requests a second of `task`; nothing where it names none."""
    if task.requests_per_s is None:
        return {}
    replicas = [int(one) for one in np.ceil(task.requests_per_s / bears_per_s)]
    chips = [number * one.layout.chips for number, one in zip(replicas, picked, strict=True)]
    return {"replicas": replicas, "chips_needed": chips}


def _table(catalogue: Catalogue, title: str, task: Serving, loaded: Loaded, chosen: Sequence[int]) -> Table:
    found, picked = loaded.figures, [loaded.at(at) for at in chosen]
    index = np.array(chosen, int)
    speed, tpot_ms = np.ravel(found.tokens_per_s_per_chip)[index], np.ravel(found.tpot_ms)[index]
    chips = np.array([one.layout.chips for one in picked], float)
    figures: dict[str, Any] = {
        "concurrency": [one.concurrency for one in picked],
        "ttft_ms": np.ravel(found.ttft_ms)[index],
        "tpot_ms": tpot_ms,
        "tokens_per_s_per_chip": speed,
        "tokens_per_s_per_user": MS_PER_S / tpot_ms,
        "memory_gib": np.ravel(found.memory_bytes)[index] / GIB,
    }
    notes = ("Latencies are means over requests, not percentiles.",)
    bears_per_s = speed * chips / task.output_tokens
    return deployments(title, task, picked, bears_per_s, figures, ranges_of(catalogue, picked, found, chosen), notes)
