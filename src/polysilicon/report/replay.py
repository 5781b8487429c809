"""A replay as people read it: on one screen, and on a page with its courses over time."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Group, RenderableType

from polysilicon.performance.replays.summary import UNSEEN, Replay, Spread
from polysilicon.performance.values import Range
from polysilicon.records.bounded import Bounded
from polysilicon.records.units import MS_PER_S, S_PER_DAY, S_PER_H, S_PER_MIN
from polysilicon.report.estimate import doubts, replica
from polysilicon.report.figures import Chart, Series
from polysilicon.report.page import document
from polysilicon.report.terminal import pairs, text
from polysilicon.report.words import number, ranged

NAMES = {"ttft_ms": "first token", "tpot_ms": "each later token", "e2e_ms": "whole answer"}
SHOWN = {"p50": "median", "p90": "p90", "p99": "p99"}
ALL = {"mean": "mean", "p50": "median", "p90": "p90", "p95": "p95", "p99": "p99", "largest": "largest"}


def terminal(made: Replay) -> RenderableType:
    """One screen."""
    return Group(
        text(headline(made), "bold"),
        text(setting(made), "dim"),
        "",
        pairs([*latencies(made, SHOWN), *facts(made)]),
        *doubts(str(one) for one in made.doubts),
        *(text(f"note: {one}", "yellow") for one in made.notes),
        "",
        text(f"not seen: {'; '.join(UNSEEN)}", "dim"),
    )


def headline(made: Replay) -> str:
    """What was replayed on what."""
    source = Path(made.trace).name or "Poisson arrivals"
    each = f"{made.policies.replicas} x {made.layout.chips} x {made.system or made.chip}"
    return f"replay of {source}: {made.model} on {each}, {made.engine}"


def setting(made: Replay) -> str:
    """How a replica is laid out, and the policies."""
    policies = made.policies
    told = [replica(made.layout), f"{policies.routing} routing"]
    if policies.batch is not None:
        told.append(f"at most {policies.batch:,} in place")
    if policies.queue is not None:
        told.append(f"at most {policies.queue:,} waiting a replica")
    if not policies.prefix_cache:
        told.append("no prefix cache")
    return "; ".join(told)


def latencies(made: Replay, shown: dict[str, str]) -> list[tuple[str, object]]:
    """Each latency's percentiles in words, with their intervals."""
    lines: list[tuple[str, object]] = []
    for name, words in NAMES.items():
        spread: Spread | None = getattr(made.latency, name)
        if spread is None:
            lines.append((words, "of no request"))
            continue
        for at, which in shown.items():
            figure = getattr(spread, at)
            whole = name == "e2e_ms"
            lines.append(
                (f"{words}, {which}", ranged(_in_seconds(figure) if whole else figure, "s" if whole else "ms"))
            )
    return lines


def facts(made: Replay) -> list[tuple[str, object]]:
    """Counts, throughput, use and energy in words."""
    counts, rates, use, energy = made.counts, made.rates, made.use, made.energy
    ends = f"a replica {_percent(use.least_busy_share)} to {_percent(use.most_busy_share)}"
    found = f"{_percent(use.prefix_share)} of prompt tokens found in it, {use.evicted:,} hashed blocks evicted"
    each = bounded(energy.j_per_token, "J a token") if energy.j_per_token else "J a token unknown (none completed)"
    lines: list[tuple[str, object]] = [
        ("throughput", ranged(rates.tokens_per_s_per_chip, "tokens/s a chip")),
        ("requests", accounted(made)),
        ("arrivals", f"{number(rates.offered_per_s, 3)} a second; {span(rates.duration_s)} to the end"),
        (
            "passes run",
            f"{_percent(use.busy_share)} of the time ({ends}), {number(use.running, 3)} requests in place",
        ),
        (
            "cache",
            f"{_percent(use.cache_share)} taken on average, {_percent(use.most_cache_share)} at most; {found}",
        ),
        ("energy", f"{bounded(energy.energy_kwh, 'kWh')}, {each}: the chips alone"),
    ]
    if rates.goodput_per_s is not None and rates.good_share is not None:
        share = Range(*(100.0 * one for one in vars(rates.good_share).values()))
        good = ranged(share, "% of all that arrived")
        kept = f"{ranged(rates.goodput_per_s, 'requests/s')} keep {targets(made)}; {good}"
        lines.insert(0, ("goodput", kept))
    if not counts.completed:
        lines = [line for line in lines if line[0] not in ("throughput",)]
    return lines


def accounted(made: Replay) -> str:
    """Where every line and request went; nothing is left out."""
    counts = made.counts
    told = [f"{counts.completed:,} completed"]
    told += [f"{counts.rejected_queue:,} turned away at full queues"] if counts.rejected_queue else []
    told += [f"{counts.rejected_length:,} turned away as too long"] if counts.rejected_length else []
    told += ["0 rejected"] if not counts.rejected else []
    told.append(f"{counts.unfinished:,} unfinished")
    told += [f"{counts.not_arrived:,} not yet arrived"] if counts.not_arrived else []
    lines = f" of {_lines(counts.lines)}" if made.trace else ""
    told += [f"{_lines(counts.skipped)} skipped"] if made.trace else []
    told += [f"{_lines(counts.left_out)} not asked for"] if counts.left_out else []
    told += [f"{counts.repeated:,} requests of further laps"] if counts.repeated else []
    return f"{counts.requests:,}{lines}: {', '.join(told)}"


def targets(made: Replay) -> str:
    """The targets in words."""
    asked = (("TTFT", made.targets.ttft_ms), ("TPOT", made.targets.tpot_ms))
    return " and ".join(f"{name} {number(value)} ms" for name, value in asked if value is not None)


def span(seconds: float) -> str:
    """A time in the unit that suits it."""
    divisor, unit = _unit(seconds)
    return f"{number(seconds / divisor, 3)} {unit}"


def bounded(figure: Bounded, unit: str) -> str:
    """A figure with its outer bounds."""
    return f"{number(figure.value, 3)} {unit} ({number(figure.low, 3)} to {number(figure.high, 3)})"


def page(made: Replay) -> str:
    """The page, in one file that needs no network."""
    return document(
        "replay.html",
        charts(made),
        made=made,
        headline=headline(made),
        setting=setting(made),
        facts=facts(made),
        names=NAMES,
        shown=ALL,
        columns=[("latency", "", 0), *((words, "ms", 1) for words in ALL.values())],
        unseen=UNSEEN,
        goal=targets(made),
    )


def charts(made: Replay) -> dict[str, Chart]:
    """Latencies by percentile, then what waits and runs, the tokens made and the cache taken over time."""
    course, curve = made.courses.columns, made.curves.columns
    divisor, unit = _unit(made.rates.duration_s)
    times = [number(float(one) / divisor, 3) for one in course["time_s"]]
    drawn = [_percentiles(curve)]
    for name, title, of, columns in (
        ("load", "Requests waiting and in place", "requests", ("waiting", "running")),
        ("tokens", "Output tokens a second", "tokens/s", ("tokens_per_s",)),
        ("arrivals", "Arrivals a second", "requests/s", ("arrivals_per_s",)),
        ("cache", "Cache taken", "%", ("cache_pct",)),
    ):
        rows = [Series(one.removesuffix("_pct").replace("_", " "), _plain(course[one]), "line") for one in columns]
        tops = " and ".join(f"{one.name} at most {number(max(one.values), 3)}" for one in rows)
        drawn.append(
            Chart(name, title, f"Means over stretches of time: {tops}.", "lines", of, times, rows, across=unit)
        )
    return {one.id: one for one in drawn}


def _percentiles(columns: Mapping[str, Sequence[float]]) -> Chart:
    at = [number(one, 3) for one in columns["percentile"]]
    rows = [
        Series(words, _plain(columns[name]), "line")
        for name, words in NAMES.items()
        if not any(one != one for one in columns[name])
    ]
    says = "; ".join(f"{one.name}: {number(one.values[49], 3)} ms at the median" for one in rows) or "No request ended."
    return Chart(
        "latency", "Latencies by percentile", says, "percentiles", "ms", at, rows, across="percentile of requests"
    )


def _lines(count: int) -> str:
    return f"{count:,} line{'' if count == 1 else 's'}"


def _plain(values: Sequence[float]) -> list[float]:
    return [float(one) for one in values]


def _in_seconds(figure: Range) -> Range:
    return Range(figure.value / MS_PER_S, figure.low / MS_PER_S, figure.high / MS_PER_S)


def _percent(share: float) -> str:
    return f"{number(100.0 * share, 3)} %"


def _unit(seconds: float) -> tuple[float, str]:
    for least, divisor, unit in (
        (3 * S_PER_DAY, S_PER_DAY, "days"),
        (3 * S_PER_H, S_PER_H, "h"),
        (3 * S_PER_MIN, S_PER_MIN, "min"),
    ):
        if seconds >= least:
            return divisor, unit
    return 1.0, "s"
