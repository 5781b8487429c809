"""Runs of MLPerf Inference: what their rules ask, and how much of a steady throughput such a run shows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.money import Assumption
from polysilicon.performance import serving_passes as passes
from polysilicon.performance.replays.lengths import Lengths
from polysilicon.performance.serving_candidates import Asked, Candidates
from polysilicon.performance.serving_engine import emptied_share
from polysilicon.performance.serving_loads import Loaded
from polysilicon.performance.serving_table import evaluate
from polysilicon.performance.serving_tails import Arrivals, Promise, Tail, most_load
from polysilicon.records.errors import UnknownName
from polysilicon.records.units import MS_PER_S

# How a note states the latencies that server runs keep: `TTFT<=450ms TPOT<=40ms p99`.
TARGETS = re.compile(r"TTFT<=(?P<ttft>[\d.]+)(?P<ttft_unit>m?s) TPOT<=(?P<tpot>[\d.]+)(?P<tpot_unit>m?s)")
PERCENTILE = 99.0
# Layouts that are replayed at most, and how far behind another by means one may be.
MOST_REPLAYED, MARGIN = 4, 1.1


@dataclass(frozen=True)
class Benchmark:
    """A dataset as the rules send it: `samples` requests at least, for `arrivals.run_s` seconds at least.

    Of server runs nearly all keep the `promise`; offline runs have none.
    """

    arrivals: Arrivals
    samples: float
    promise: Promise | None

    @classmethod
    def of(cls, catalogue: Catalogue, model: str, scenario: str, notes: str) -> "Benchmark":
        """The benchmark of a model in a scenario, `offline`, `server` or `interactive`; targets in `notes` come first.

        Raises:
            UnknownName: the lengths of its dataset are not known.
        """

        def known(name: str) -> float:
            return catalogue.get(Assumption, f"mlperf-{name}").value

        lengths = {
            side: Lengths(known(f"{model}-{side}-tokens"), known(f"{model}-longest-{side}-tokens"))
            for side in ("input", "output")
        }
        server = scenario != "offline"
        run_s = known("server-run-s" if server else "offline-run-s")
        promise = _promise(catalogue, f"mlperf-{model}-{scenario}", notes) if server else None
        return cls(Arrivals(lengths["input"], lengths["output"], run_s), known(f"{model}-samples"), promise)


def _promise(catalogue: Catalogue, name: str, notes: str) -> Promise | None:
    stated = TARGETS.search(notes)
    if stated is not None:
        targets = [
            float(stated[one]) * (1.0 if stated[f"{one}_unit"] == "ms" else MS_PER_S) for one in ("ttft", "tpot")
        ]
        return Promise(PERCENTILE, *targets)
    try:
        return Promise(PERCENTILE, *(catalogue.get(Assumption, f"{name}-{one}-ms").value for one in ("ttft", "tpot")))
    except UnknownName:
        return None


def offline(every: Sequence[Asked], benchmark: Benchmark) -> tuple[Asked, float] | None:
    """The layout with most throughput where more requests wait than fit, and what share of it the whole run has.

    `None` where none fits.
    """
    table = Candidates.of(every)
    found = evaluate(table, "offline")
    if not np.any(found.fits):
        return None
    best = int(np.argmax(np.where(found.fits, found.tokens_per_s_per_chip, -np.inf)))
    alone_s = float(np.ravel(passes.token_s(table, table.attn_dp))[best])
    chosen, answers = every[best], benchmark.arrivals.answers
    rate = float(np.ravel(found.tokens_per_s_per_chip)[best]) * chosen.layout.chips / answers.mean_tokens
    run_s = max(benchmark.arrivals.run_s or 0.0, benchmark.samples / rate)
    return chosen, float(emptied_share(run_s, alone_s, answers.longest_tokens, answers.mean_tokens))


def served(every: Sequence[Asked], benchmark: Benchmark, promise: Promise) -> tuple[Asked, float] | None:
    """The layout and load with most throughput that keep a promise, and what share of it the whole run has.

    Where none keeps it, the one that comes nearest; `None` where none fits.
    """
    found: tuple[Asked, Tail] | None = None
    for asked, by_means in _leading(every, promise):
        kept = found is not None and found[1].over <= 1.0
        if found is not None and kept and MARGIN * by_means <= found[1].tokens_per_s_per_chip:
            continue
        tail = most_load(asked, benchmark.arrivals, promise)
        if found is None or _better(tail, found[1]):
            found = asked, tail
    if found is None:
        return None
    asked = replace(found[0], concurrency=found[1].running)
    steady = float(np.ravel(evaluate(Candidates.of([asked])).tokens_per_s_per_chip)[0])
    return asked, found[1].tokens_per_s_per_chip / steady


def _leading(every: Sequence[Asked], promise: Promise) -> list[tuple[Asked, float]]:
    """The layouts with most throughput whose means keep a promise; where none does, those that come nearest."""
    loaded = Loaded.of(every)
    figures = loaded.figures
    over = np.where(
        figures.fits, np.maximum(figures.ttft_ms / promise.ttft_ms, figures.tpot_ms / promise.tpot_ms), np.inf
    )
    speed = np.where(over <= 1.0, figures.tokens_per_s_per_chip, 0.0).max(axis=1)
    nearest = over.min(axis=1)
    order = [at for at in np.lexsort((nearest, -speed)) if np.isfinite(nearest[at])]
    return [(every[at], float(speed[at]) or np.inf) for at in order[:MOST_REPLAYED]]


def _better(one: Tail, other: Tail) -> bool:
    if (one.over <= 1.0) != (other.over <= 1.0):
        return one.over <= 1.0
    return one.tokens_per_s_per_chip > other.tokens_per_s_per_chip if one.over <= 1.0 else one.over < other.over
