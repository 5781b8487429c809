"""Replay a trace: send each of its requests to a replica of a model and see what becomes of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.performance.cluster import Cluster as Chips
from polysilicon.performance.replays import figures, running, summary
from polysilicon.performance.replays.assembly import Policies, assemble
from polysilicon.performance.replays.pass_costs import PassCosts
from polysilicon.performance.replays.state import PREFIX_AFFINITY, Cluster
from polysilicon.performance.replays.summary import Replay, Targets
from polysilicon.performance.replays.trace import Trace
from polysilicon.performance.replays.traffic import Traffic
from polysilicon.performance.serving_candidates import Layout
from polysilicon.performance.serving_estimate import ask
from polysilicon.records.errors import InputError, Place
from polysilicon.workloads.model import Transformer
from polysilicon.workloads.task import Serving


def replay(
    catalogue: Catalogue,
    model: Transformer,
    traffic: Traffic,
    chips: Chips,
    layout: Layout,
    *,
    policies: Policies | None = None,
    engine: str = "vllm",
    targets: Targets | None = None,
    trace: Trace | None = None,
    until_s: float = np.inf,
    checkpoint: Path | None = None,
    every: int = running.EVERY,
    progress: Callable[[int, int], None] | None = None,
) -> Replay:
    """Send `traffic` to `policies.replicas` replicas of a model, each on the chips of `layout`.

    `trace` is the file that the traffic was made of, whose lines are then counted too. The replay ends with the last
    token, or at `until_s` after the first arrival. With a `checkpoint` its state is kept there after `every` arrivals,
    and a replay that was killed goes on from it. The same question gives the same answer, compiled or not.

    Raises:
        InputError: no traffic; an unknown engine, format or policy; a checkpoint of another replay.
        NothingFits: the weights leave no room for a cache.
        Unsupported: a layout that the model can't take.
    """
    if not len(traffic):
        raise InputError("there are no requests to replay")
    if not until_s > 0:
        raise InputError("ends before it begins", place=Place(field="--until-s"), found=until_s, allowed="above 0")
    chosen = policies or Policies()
    costs = PassCosts(ask(catalogue, model, Serving(1, 1), chips, layout, 1.0, engine))
    cluster = assemble(traffic, costs, chosen)
    resumed = running.run(cluster, until_s=until_s, checkpoint=checkpoint, every=every, progress=progress)
    return _told(catalogue, costs, chosen, targets or Targets(), trace, cluster, until_s, resumed)


def _told(
    catalogue: Catalogue,
    costs: PassCosts,
    policies: Policies,
    targets: Targets,
    trace: Trace | None,
    cluster: Cluster,
    until_s: float,
    resumed: int,
) -> Replay:
    """The answer, once every request has met its fate."""
    asked, done = costs.asked, figures.completed(cluster, until_s, costs.first_s)
    ended_s = figures.finished_s(cluster.requests[done], costs.first_s)
    last_s = float(np.max(ended_s, initial=cluster.requests["arrival_s"][-1]))
    end_s = min(until_s, last_s)
    lines, skipped = (trace.lines, len(trace.skipped)) if trace else (len(cluster.requests), 0)
    fate = figures.fates(cluster, done, until_s)
    counts = figures.counts(fate, lines, skipped)
    told = figures.latencies(cluster.requests[done], costs.first_s)
    ttft, tpot, tps = (summary.interval(catalogue, asked, one) for one in ("ttft", "tpot", "tps"))
    number = asked.layout.chips * policies.replicas
    kept = summary.good(told, targets, ttft, tpot)
    use = summary.use(cluster, end_s)
    rates = summary.rates(cluster, counts, done, end_s, number, tps, kept, use.most_busy_share)
    tokens = rates.tokens_per_s.value * end_s
    return Replay(
        trace=trace.file if trace else "",
        model=asked.model.name,
        chip=asked.cluster.chip,
        system=asked.cluster.system,
        layout=asked.settled,
        engine=asked.engine.id,
        policies=policies,
        targets=targets,
        counts=counts,
        latency=summary.latency(told, ttft, tpot),
        rates=rates,
        use=use,
        energy=summary.energy(catalogue, asked.cluster.chip, number, use.busy_share, end_s, tokens),
        doubts=asked.doubts,
        fits_used=asked.efficiency.records,
        catalogue_hash=catalogue.hash,
        notes=_notes(cluster, trace, resumed, asked.model.positions),
        curves=figures.curve_table(told),
        courses=figures.course_table(cluster, end_s, costs.first_s),
        requests=figures.request_table(cluster, fate, costs.first_s),
    )


def _notes(cluster: Cluster, trace: Trace | None, resumed: int, positions: int) -> tuple[str, ...]:
    """What a reader should know about this replay; of models without `positions` it is not known how far they go."""
    notes = []
    longer = int(np.sum(cluster.requests["prompt"] + cluster.requests["answer"] > positions)) if positions else 0
    if longer:
        notes.append(f"{longer:,} requests are longer than the {positions:,} tokens that the model was made for")
    if resumed:
        notes.append(f"went on after {resumed:,} of {len(cluster.requests):,} arrivals, from its checkpoint")
    if trace and trace.unordered:
        notes.append(f"{trace.unordered:,} requests stood behind later ones in the trace, and were sorted in")
    if trace and cluster.limits.routing == PREFIX_AFFINITY and not len(cluster.entries):
        notes.append("no prefix is shared here, so that prefix affinity is the least load")
    return tuple(notes)
