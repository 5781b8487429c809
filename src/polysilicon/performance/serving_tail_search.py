"""The best deployments whose slowest requests keep the targets: those that lead by means are replayed."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.replays.lengths import Lengths
from polysilicon.performance.serving_candidates import Asked
from polysilicon.performance.serving_domain import outside
from polysilicon.performance.serving_estimate import SHORT, Quantity, per_token_limit, spread, within
from polysilicon.performance.serving_formats import AUTO
from polysilicon.performance.serving_limits import Limits, limits_of
from polysilicon.performance.serving_loads import Loaded
from polysilicon.performance.serving_search import check_any_fits, deployments, every_question, named
from polysilicon.performance.serving_tails import CONFIRMED, Arrivals, Promise, Tail, confirmed, tried
from polysilicon.performance.values import Range
from polysilicon.records.errors import NothingFits
from polysilicon.records.table import Table
from polysilicon.records.units import MS_PER_S
from polysilicon.workloads.model import Transformer
from polysilicon.workloads.task import Serving

# Layouts of a system that are replayed at most: those with most throughput by means.
MOST_REPLAYED = 12
# A replay may find so much more throughput than means do; layouts that are further behind by means are left out.
MARGIN = 1.25
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class TailSearch:
    """`top` gives most tokens a second and chip within the targets, `each` the best of each system.

    `replayed` of `tried` layouts were replayed, as the others are behind by means; `met` of those keep the targets.
    `outside` says where the best goes beyond what was ever validated.
    """

    percentile: float
    top: Table
    each: Table
    tried: int
    replayed: int
    met: int
    outside: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        tables = {name: getattr(self, name).to_dict() for name in ("top", "each")}
        return {"percentile": self.percentile, **tables, "tried": self.tried} | {
            "replayed": self.replayed,
            "met": self.met,
            "outside": self.outside,
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
    arrivals, promise = _arrivals(model, task, equal=equal), _promise(task)
    every = every_question(catalogue, model, task, clusters, most_chips, precisions, engine, cache)
    trials = replayed(leading(Loaded.of(every), promise, MOST_REPLAYED), arrivals, promise, progress)
    found = [(asked, confirmed(asked, arrivals, promise, tail)) for asked, tail in trials]
    kept = sorted((one for one in found if one[1].over <= 1.0), key=lambda one: -one[1].tokens_per_s_per_chip)
    if not kept:
        raise NothingFits(f"no candidate keeps the targets; nearest: {_nearest(found, task)}; no lower rate was tried")
    first = {named(asked): at for at, (asked, _) in reversed(list(enumerate(kept)))}
    return TailSearch(
        percentile=task.percentile,
        top=_table(catalogue, "best deployments", task, kept[:top]),
        each=_table(catalogue, "the best of each system", task, [kept[at] for at in sorted(first.values())]),
        tried=len(every),
        replayed=len(found),
        met=len(kept),
        outside=outside(catalogue, kept[0][0]),
    )


def leading(loaded: Loaded, promise: Promise, most: int) -> list[tuple[Asked, float]]:
    """Of each system the layouts to replay, best by means first, and what each may give at most [tokens/s a chip].

    With a constant number in flight, as means are taken, requests wait for one another as those that arrive at random
    don't. So a layout may give what it does where its time per token keeps the promise, and a prompt read alone; those
    come first whose mean first token keeps it too. Where none keeps it by means, the nearest may give anything.

    Raises:
        NothingFits: no layout has room for its weights and one sequence.
    """
    check_any_fits(loaded)
    figures, ttft = loaded.figures, np.asarray(loaded.figures.ttft_ms) / promise.ttft_ms
    tpot = np.where(figures.fits, figures.tpot_ms / promise.tpot_ms, np.inf)
    surely, perhaps = (
        np.where(np.maximum(one, tpot) <= 1.0, figures.tokens_per_s_per_chip, 0.0).max(axis=1)
        for one in (ttft, ttft[:, :1])
    )
    nearest = np.maximum(ttft, tpot).min(axis=1)
    taken: Counter[str] = Counter()
    chosen = []
    for at in np.lexsort((nearest, -perhaps, -surely)):
        name = named(loaded.asked[at])
        if np.isfinite(nearest[at]) and taken[name] < most:
            taken[name] += 1
            chosen.append((loaded.asked[at], float(perhaps[at]) or np.inf))
    return chosen


def replayed(
    candidates: Sequence[tuple[Asked, float]], arrivals: Arrivals, promise: Promise, progress: Progress | None = None
) -> Iterator[tuple[Asked, Tail]]:
    """Trials of several layouts, each at its highest load, but for those that means put far behind their system's best.

    No long replay has confirmed them.
    """
    best: dict[str, float] = {}
    for done, (asked, by_means) in enumerate(candidates):
        if progress:
            progress(done, len(candidates))
        if MARGIN * by_means > best.get(named(asked), 0.0):
            tail = tried(asked, arrivals, promise)
            if tail.over <= 1.0:
                best[named(asked)] = max(best.get(named(asked), 0.0), tail.tokens_per_s_per_chip)
            yield asked, tail
    if progress:
        progress(len(candidates), len(candidates))


def _promise(task: Serving) -> Promise:
    """The targets of a task as the server has to keep them.

    Raises:
        NothingFits: the network alone takes as long as the first token may.
    """
    ttft_ms = np.inf if task.ttft_ms is None else task.ttft_ms - task.round_trip_ms
    if ttft_ms <= 0:
        raise NothingFits(
            f"nothing keeps the targets: the round trip takes {task.round_trip_ms:.1f} ms of the {task.ttft_ms:.1f} ms "
            "to the first token"
        )
    limit = per_token_limit(task)
    return Promise(task.percentile, ttft_ms, np.inf if limit is None else limit)


def _arrivals(model: Transformer, task: Serving, *, equal: bool) -> Arrivals:
    """Lengths about those of the task, of which no prompt with its answer goes beyond the model's positions."""
    prompt, answer = float(task.input_tokens), float(task.output_tokens)
    if equal:
        return Arrivals(Lengths(prompt, prompt), Lengths(answer, answer))
    most = float(model.positions) if model.positions else np.inf
    answers = Lengths.about(answer, max(most - prompt, answer))
    return Arrivals(Lengths.about(prompt, max(most - answers.longest_tokens, prompt)), answers)


def _nearest(found: Sequence[tuple[Asked, Tail]], task: Serving) -> str:
    asked, tail = min(found, key=lambda one: one[1].over)
    layout = asked.layout
    network = f" and {task.round_trip_ms:.1f} ms of round trip" if task.round_trip_ms else ""
    refused = f", {tail.refused:.1%} of the requests longer than its cache" if tail.refused else ""
    return (
        f"{layout.chips} x {named(asked)} (tp {layout.tp}, pp {layout.pp}, attention dp {layout.attn_dp}) at "
        f"{tail.requests_per_s:.3g} requests/s: p{task.percentile:g} TTFT {tail.ttft_ms:.1f} ms{network}, "
        f"TPOT {tail.tpot_ms:.2f} ms{refused}"
    )


def _table(catalogue: Catalogue, title: str, task: Serving, chosen: Sequence[tuple[Asked, Tail]]) -> Table:
    picked, tails = [asked for asked, _ in chosen], [tail for _, tail in chosen]
    best = limits_of([replace(asked, concurrency=max(tail.running, 1.0)) for asked, tail in chosen])
    names = {name: name for name in ("requests_per_s", "ttft_ms", "tpot_ms", "tokens_per_s_per_chip")}
    names |= {"in_flight": "running", "mean_ttft_ms": "mean_ttft_ms", "mean_tpot_ms": "mean_tpot_ms"}
    figures = {column: [getattr(one, name) for one in tails] for column, name in names.items()}
    return deployments(
        title,
        task,
        picked,
        np.array([one.requests_per_s for one in tails]),
        figures | {"tokens_per_s_per_user": [MS_PER_S / one.mean_tpot_ms for one in tails]},
        [_ranges(catalogue, asked, tail, best, at) for at, (asked, tail) in enumerate(chosen)],
        (
            f"{task.percentile:g} of 100 requests stay within `ttft_ms`, as many within `tpot_ms`; some miss one.",
            f"As a replay of {CONFIRMED:,} requests has it that arrive at `requests_per_s` at one replica.",
            "Intervals are those of means: percentiles were measured too seldom.",
        ),
    )


def _ranges(catalogue: Catalogue, asked: Asked, tail: Tail, best: Limits, at: int) -> dict[Quantity, Range]:
    return {
        name: within(spread(catalogue, asked, short, "steady", getattr(tail, name)), name, best, at)
        for name, short in SHORT.items()
    }
