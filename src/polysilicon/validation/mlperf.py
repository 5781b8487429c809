"""Runs of MLPerf Inference: what their rules ask, and how much of a steady throughput such a run shows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.money import Assumption
from polysilicon.performance import serving_passes as passes
from polysilicon.performance.replays.assembly import Routing
from polysilicon.performance.replays.lengths import Lengths
from polysilicon.performance.serving_candidates import Asked, Candidates
from polysilicon.performance.serving_engine import emptied_share
from polysilicon.performance.serving_loads import Loaded
from polysilicon.performance.serving_table import evaluate
from polysilicon.performance.serving_tail_search import leading, replayed
from polysilicon.performance.serving_tails import Arrivals, Promise, Tail, confirmed
from polysilicon.records.errors import NothingFits, UnknownName
from polysilicon.records.units import MS_PER_S

# How a note states the latencies that server runs keep: `TTFT<=450ms TPOT<=40ms p99`.
TARGETS = re.compile(r"TTFT<=(?P<ttft>[\d.]+)(?P<ttft_unit>m?s) TPOT<=(?P<tpot>[\d.]+)(?P<tpot_unit>m?s)")
PERCENTILE = 99.0
# How the harness spreads requests over a system: by what waits in server runs, else in turn.
# Source: MLCommons, inference_results_v5.1, closed/NVIDIA/code/llmlib/config.py and factory.py.
ROUTINGS: dict[str, Routing] = {"server": "least-loaded"}
# Layouts that are replayed at most.
MOST_REPLAYED = 3


@dataclass(frozen=True)
class Benchmark:
    """A dataset as the rules send it: `samples` requests at least, for `arrivals.run_s` seconds at least.

    Of server runs nearly all keep the `promise`; offline runs have none.
    """

    arrivals: Arrivals
    samples: float
    promise: Promise | None

    @classmethod
    def of(cls, catalogue: Catalogue, model: str, scenario: str, notes: str, chips: int = 0) -> "Benchmark":
        """The benchmark of a model in a scenario, `offline`, `server` or `interactive`; targets in `notes` come first.

        Its requests are spread over the replicas that a system of so many `chips` has.

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
        routing = ROUTINGS.get(scenario, "round-robin")
        arrivals = Arrivals(lengths["input"], lengths["output"], run_s, chips, routing)
        return cls(arrivals, known(f"{model}-samples"), promise)


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


def offline(every: Sequence[Asked], benchmark: Benchmark, chips: int) -> tuple[Asked, float] | None:
    """The layout with most throughput where more requests wait than fit, and what share of it the whole run has.

    All `chips` of the system work through the samples. `None` where nothing fits.
    """
    table = Candidates.of(every)
    found = evaluate(table, "offline")
    if not np.any(found.fits):
        return None
    best = int(np.argmax(np.where(found.fits, found.tokens_per_s_per_chip, -np.inf)))
    alone_s = float(np.ravel(passes.token_s(table, table.attn_dp))[best])
    answers = benchmark.arrivals.answers
    rate = float(np.ravel(found.tokens_per_s_per_chip)[best]) * chips / answers.mean_tokens
    run_s = max(benchmark.arrivals.run_s or 0.0, benchmark.samples / rate)
    return every[best], float(emptied_share(run_s, alone_s, answers.longest_tokens, answers.mean_tokens))


def served(every: Sequence[Asked], benchmark: Benchmark, promise: Promise) -> tuple[Asked, float] | None:
    """The layout and load with most throughput that keep a promise, and what share of it the whole run has.

    Where none keeps it, the one that comes nearest; `None` where nothing fits.
    """
    try:
        candidates = leading(Loaded.of(every), promise, MOST_REPLAYED)
    except NothingFits:
        return None
    found = list(replayed(candidates, benchmark.arrivals, promise))
    chosen, trial = max(found, key=lambda one: (one[1].over <= 1.0, _worth(one[1])))
    tail = confirmed(chosen, benchmark.arrivals, promise, trial)
    if not np.isfinite(tail.running):
        return None
    asked = replace(chosen, concurrency=tail.running)
    steady = float(np.ravel(evaluate(Candidates.of([asked])).tokens_per_s_per_chip)[0])
    return asked, tail.tokens_per_s_per_chip / steady


def _worth(tail: Tail) -> float:
    return tail.tokens_per_s_per_chip if tail.over <= 1.0 else -tail.over
