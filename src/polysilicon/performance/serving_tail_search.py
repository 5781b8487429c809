"""The best deployments whose slowest requests keep the targets: those that lead by means are replayed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.replays.lengths import Lengths
from polysilicon.performance.serving_candidates import Asked
from polysilicon.performance.serving_estimate import SHORT, Quantity, met, per_token_limit, spread
from polysilicon.performance.serving_formats import AUTO
from polysilicon.performance.serving_loads import Loaded
from polysilicon.performance.serving_search import check_any_fits, every_question, named, needed
from polysilicon.performance.serving_tails import Arrivals, Promise, Tail, most_load
from polysilicon.performance.values import Range
from polysilicon.records.errors import NothingFits
from polysilicon.records.interval import Floats
from polysilicon.records.table import Table
from polysilicon.records.units import MS_PER_S, unit_of
from polysilicon.workloads.model import Transformer
from polysilicon.workloads.task import Serving

# Layouts of a system that are replayed at most: those with most throughput by means.
MOST_REPLAYED = 12
# A replay may find so much more throughput than means do; layouts that are further behind by means are left out.
MARGIN = 1.1
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class TailSearch:
    """`top` gives most tokens a second and chip within the targets, `each` the best of each system.

    `replayed` of `tried` layouts were replayed, as the others are behind by means; `met` of those keep the targets.
    """

    percentile: float
    top: Table
    each: Table
    tried: int
    replayed: int
    met: int

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        tables = {name: getattr(self, name).to_dict() for name in ("top", "each")}
        return {"percentile": self.percentile, **tables, "tried": self.tried} | {
            "replayed": self.replayed,
            "met": self.met,
        }


def search_tails(
    catalogue: Catalogue,
    model: Transformer,
    task: Serving,
    clusters: Sequence[Cluster],
    *,
    equal: bool = False,
    most_chips: int | None = None,
    precisions: Sequence[str] | None = None,
    engine: str = "vllm",
    cache: str = AUTO,
    top: int = 10,
    progress: Progress | None = None,
) -> TailSearch:
    """The deployments with most tokens a second and chip of which `task.percentile` of 100 requests keep the targets.

    Requests arrive at random. Their lengths are spread as evenly about those of `task` as their mean allows, unless
    they are `equal`. Every layout is ranked by its means, as `search_serving` does it; the leading ones of each system
    are then replayed at rate after rate.

    Raises:
        NothingFits: no candidate fits in memory, or none keeps the targets; names the nearest miss.
        InputError: no cluster, an unknown engine or format, no percentile.
    """
    promise = Promise(
        task.percentile,
        np.inf if task.ttft_ms is None else task.ttft_ms - task.round_trip_ms,
        np.inf if (limit := per_token_limit(task)) is None else limit,
    )
    every = every_question(catalogue, model, task, clusters, most_chips, precisions, engine, cache)
    arrivals = _arrivals(model, task, equal=equal)
    leading = list(_leading(Loaded.of(every), task))
    found: list[tuple[Asked, Tail]] = []
    best: dict[str, float] = {}
    for done, (asked, by_means) in enumerate(leading):
        if progress:
            progress(done, len(leading))
        if MARGIN * by_means > best.get(named(asked), 0.0):
            tail = most_load(asked, arrivals, promise)
            found.append((asked, tail))
            if tail.over <= 1.0:
                best[named(asked)] = max(best.get(named(asked), 0.0), tail.tokens_per_s_per_chip)
    if progress:
        progress(len(leading), len(leading))
    kept = sorted((one for one in found if one[1].over <= 1.0), key=lambda one: -one[1].tokens_per_s_per_chip)
    if not kept:
        raise NothingFits(f"no candidate keeps the targets; nearest: {_nearest(found, task)}")
    first = {named(asked): at for at, (asked, _) in reversed(list(enumerate(kept)))}
    return TailSearch(
        percentile=task.percentile,
        top=_table(catalogue, "best deployments", task, kept[:top]),
        each=_table(catalogue, "the best of each system", task, [kept[at] for at in sorted(first.values())]),
        tried=len(every),
        replayed=len(found),
        met=len(kept),
    )


def _arrivals(model: Transformer, task: Serving, *, equal: bool) -> Arrivals:
    most = float(model.positions) if model.positions else np.inf
    prompts, answers = (
        Lengths(one, one) if equal else Lengths.about(one, max(most, one))
        for one in (float(task.input_tokens), float(task.output_tokens))
    )
    return Arrivals(prompts, answers)


def _leading(loaded: Loaded, task: Serving) -> Iterator[tuple[Asked, float]]:
    """Of each system the layouts with most tokens a second and chip whose means keep the targets, best first.

    Where means keep them nowhere, the layouts that are nearest.
    """
    check_any_fits(loaded)
    figures = loaded.figures
    speed = np.where(met(task, figures), figures.tokens_per_s_per_chip, 0.0).max(axis=1)
    slowness = np.where(figures.fits, figures.tpot_ms + figures.ttft_ms / task.output_tokens, np.inf).min(axis=1)
    order = np.lexsort((slowness, -speed))
    taken: dict[str, int] = {}
    for at in order:
        asked = loaded.asked[at]
        if not np.isfinite(slowness[at]) or taken.get(named(asked), 0) >= MOST_REPLAYED:
            continue
        taken[named(asked)] = taken.get(named(asked), 0) + 1
        yield asked, float(speed[at]) or np.inf


def _nearest(found: Sequence[tuple[Asked, Tail]], task: Serving) -> str:
    asked, tail = min(found, key=lambda one: one[1].over)
    layout = asked.layout
    return (
        f"{layout.chips} x {named(asked)} (tp {layout.tp}, pp {layout.pp}, attention dp {layout.attn_dp}) at "
        f"{tail.requests_per_s:.3g} requests/s: p{task.percentile:g} TTFT {tail.ttft_ms:.1f} ms, "
        f"TPOT {tail.tpot_ms:.2f} ms"
    )


def _table(catalogue: Catalogue, title: str, task: Serving, chosen: Sequence[tuple[Asked, Tail]]) -> Table:
    picked, tails = [asked for asked, _ in chosen], [tail for _, tail in chosen]
    ranges = [_ranges(catalogue, asked, tail) for asked, tail in chosen]
    ends = {f"{name}_{end}": [getattr(one[name], end) for one in ranges] for name in SHORT for end in ("low", "high")}
    systems = [one.cluster.system for one in picked]
    speed: Floats = np.array([one.tokens_per_s_per_chip for one in tails])
    trip = task.round_trip_ms
    network = (f"Users see the first token {trip:.1f} ms later than `ttft_ms`: the round trip.",) if trip else ()
    return Table(
        title,
        {
            **({"system": systems} if any(systems) else {}),
            "chip": [one.cluster.chip for one in picked],
            "chips": [one.layout.chips for one in picked],
            **needed(task, picked, speed),
            **{name: [getattr(one.layout, name) for one in picked] for name in ("tp", "pp", "attn_dp", "ep")},
            "precision": [one.layout.precision for one in picked],
            "kv_precision": [one.cache for one in picked],
            "requests_per_s": [one.requests_per_s for one in tails],
            "ttft_ms": [one.ttft_ms for one in tails],
            "tpot_ms": [one.tpot_ms for one in tails],
            "tokens_per_s_per_chip": speed.tolist(),
            "in_flight": [one.running for one in tails],
            "mean_ttft_ms": [one.mean_ttft_ms for one in tails],
            "mean_tpot_ms": [one.mean_tpot_ms for one in tails],
            "tokens_per_s_per_user": [MS_PER_S / one.mean_tpot_ms if one.mean_tpot_ms else np.nan for one in tails],
            **ends,
            "doubts": ["; ".join(f"{doubt.record}: {doubt.field}" for doubt in one.doubts) for one in picked],
        },
        units={"requests_per_s": "1/s", "tokens_per_s_per_user": "tokens/s"}
        | {end: unit_of(end.rsplit("_", 1)[0]) for end in ends},
        notes=(
            f"{task.percentile:g} of 100 requests stay within `ttft_ms` and `tpot_ms`, at `requests_per_s` a replica.",
            "Intervals are those of means: percentiles were measured too seldom.",
            *network,
        ),
    )


def _ranges(catalogue: Catalogue, asked: Asked, tail: Tail) -> dict[Quantity, Range]:
    return {name: spread(catalogue, asked, short, "steady", getattr(tail, name)) for name, short in SHORT.items()}
