"""An estimate as a performance engineer reads it: figures with intervals, where time goes, what fills memory."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult

from polysilicon.performance.feasible import changes
from polysilicon.performance.layouts import Layouts
from polysilicon.performance.round_trip import RoundTrip
from polysilicon.performance.serving import Layout, Range, ServingEstimate, ServingSearch, TailSearch
from polysilicon.performance.training import TrainingEstimate
from polysilicon.records.table import Table
from polysilicon.records.units import GIB
from polysilicon.report.doubt import BEYOND
from polysilicon.report.terminal import pairs, plain_grid, table, text
from polysilicon.report.words import cell, number
from polysilicon.workloads.task import Training


def training(estimate: TrainingEstimate, at: int = 0, remedy: str = "") -> RenderableType:
    """One layout of a training estimate; `remedy` says what to do where it does not fit."""
    layout = estimate.layouts.said(at)
    cluster = estimate.cluster
    step, low, high = (_at(one, at) for one in (estimate.step_s, estimate.low_s, estimate.high_s))
    used, room = _at(estimate.memory.memory_bytes, at) / GIB, _at(cluster.memory_bytes, at) / GIB
    fits = _verdict(estimate, at, room) + (f"; {remedy}" if remedy else "")
    used_chips, of_chips = _at(estimate.layouts.chips, at), _at(cluster.chips, at)
    chips = number(of_chips) if used_chips == of_chips else f"{number(used_chips)} of {number(of_chips)}"
    counted = ", fixed weights without gradients" if estimate.recipe.frozen else ""
    named = [
        ("step", f"{number(step)} s (90 %: {number(low, 3)} to {number(high, 3)})"),
        ("throughput", f"{number(_at(estimate.tokens_per_s_per_chip, at))} tokens/s a chip"),
        ("utilisation", f"{number(_at(estimate.mfu_pct, at), 3)} % of the dense matrix peak (MFU, causal{counted})"),
        ("memory", f"{number(used, 3)} of {number(room, 3)} GiB a chip" + fits),
        ("of it allocated", f"{number(_at(estimate.memory.allocated_bytes, at) / GIB, 3)} GiB at the allocator's peak"),
    ]
    said = [(name, value) for name, value in layout.items()] + list(estimate.recipe.chosen().items())
    degrees = ", ".join(f"{name} {cell(value)}" for name, value in said)
    if host := _at(estimate.memory.host_bytes, at) / GIB:
        named.append(("on the host", f"{number(host, 3)} GiB a chip"))
    return Group(
        text(f"training {estimate.model} on {chips} x {cluster.chip}", "bold"),
        text(degrees + _step_of(estimate.task), "dim"),
        "",
        pairs(named),
        "",
        shares("where the step goes", _seconds(estimate.parts.columns(), at), "step_s", "s"),
        "",
        shares("what fills memory", _gib(estimate.memory.columns(), at), "memory_bytes", "GiB"),
        *doubts(str(one) for one in estimate.doubts),
        *beyond(estimate.outside[at : at + 1]),
    )


def instead(estimate: TrainingEstimate, near: Layouts | None) -> str:
    """What to do about a layout that does not fit; `near` is the nearest that does on as many chips, if any."""
    if near is None:
        more = "`polysilicon search train` says how many would do"
        return f"nor does any other on so many chips without more offload; {more}"
    return f"the nearest layout that does: {changes(estimate.layouts, near)}"


def _step_of(task: Training | None) -> str:
    if task is None:
        return ""
    return f"; {task.global_batch:,} sequences of {task.sequence_length:,} tokens a step"


def replica(layout: Layout) -> str:
    """One replica of a serving deployment in words: its degrees and formats, and what it drafts."""
    degrees = f"tp {layout.tp}, pp {layout.pp}, attention dp {layout.attn_dp}, ep {layout.ep}, {layout.precision}"
    drafting = f"; {layout.draft_tokens} drafted ahead, {number(100 * layout.acceptance, 3)} % accepted"
    return f"{degrees}, cache in {layout.cache}" + (drafting if layout.draft_tokens else "")


def serving(estimate: ServingEstimate, trip: RoundTrip | None = None) -> RenderableType:
    """One deployment, and what the network adds to its first token."""
    layout, later = estimate.layout, estimate.output_tokens > 1
    named: list[tuple[str, object]] = [
        ("first token", _range(estimate.ttft_ms, "ms")),
        *(network(trip) if trip else []),
        *([("users see it after", f"{number(estimate.ttft_ms.value + trip.ms.value)} ms")] if trip else []),
        ("each later token", _range(estimate.tpot_ms, "ms") if later else "none: an answer is one token"),
        ("throughput", _range(estimate.tokens_per_s_per_chip, "tokens/s a chip")),
        *([("one user sees", f"{number(estimate.tokens_per_s_per_user, 3)} tokens/s")] if later else []),
        ("in flight", f"{number(estimate.concurrency)} asked, {number(estimate.running, 3)} running"),
        ("memory", _memory(estimate)),
    ]
    lengths = f"{number(estimate.input_tokens)} tokens in, {number(estimate.output_tokens)} out"
    system = f" of {estimate.system}" if estimate.system else ""
    if estimate.misses:
        named.append(("targets missed", "; ".join(estimate.misses)))
    return Group(
        text(f"serving {estimate.model} on {layout.chips} x {estimate.chip}{system}, {estimate.engine}", "bold"),
        text(f"{replica(layout)}; {lengths}", "dim"),
        "",
        pairs(named),
        *beyond([estimate.outside]),
        *doubts(str(one) for one in estimate.doubts),
    )


def _verdict(estimate: TrainingEstimate, at: int, room: float) -> str:
    """Whether a layout fits, and how sure that is: both ends of its memory's interval fit, one does, or none."""
    least, most = (_at(one, at) / GIB for one in (estimate.memory_low_bytes, estimate.memory_high_bytes))
    if _at(estimate.fits, at):
        return f"; MAY NOT FIT: up to {number(most, 4)} GiB at the high end of 90 %" if most > room else ""
    if least > room:
        return ": DOES NOT FIT"
    return f": PROBABLY DOES NOT FIT: {number(least, 4)} GiB at the low end of 90 %"


def _memory(estimate: ServingEstimate) -> str:
    """What is taken of what the engine fills, and how many sequences that holds on average over time."""
    if not estimate.fits:
        return f"{number(estimate.memory_gib, 3)} GiB a chip: DOES NOT FIT"
    taken = f"{number(estimate.memory_gib, 3)} of the {number(estimate.usable_gib, 3)} GiB a chip that it fills"
    short = "; the others wait" if estimate.room < min(estimate.concurrency, estimate.running + 1.0) else ""
    return f"{taken}: room for {number(estimate.room, 3)} sequences{short}"


def network(trip: RoundTrip) -> list[tuple[str, object]]:
    """A round trip on a line of its own: how long, from where, and what is not in it."""
    if not trip.site:
        return [("round trip", f"{number(trip.ms.value)} ms, as you say")]
    low, high = number(trip.ms.low, 3), number(trip.ms.high, 3)
    far = f"from {trip.farthest}" + (f", the farthest of {len(trip.users)}" if len(trip.users) > 1 else "")
    end = f"to {trip.site}" + (f", the nearest of {len(trip.sites)} sites" if len(trip.sites) > 1 else "")
    said = f"{number(trip.ms.value)} ms ({low} to {high}), {far}, {end}; access networks not counted"
    return [("round trip", said)]


def serving_search(found: ServingSearch, trip: RoundTrip | None = None) -> RenderableType:
    """The best deployment, the next best, and what a faster answer for one user costs."""
    tried = f"{found.tried:,} deployments tried, {found.met:,} keep the targets"
    shown = [found.top, *([found.each] if len(found.each) > 1 else []), found.front]
    tables = [part for one in shown for part in ("", table(_centres(one)))]
    return Group(serving(found.best, trip), "", text(tried, "dim"), *tables)


def tail_search(found: TailSearch) -> RenderableType:
    """The deployments whose slowest requests keep the targets, best first."""
    replayed = f"{found.tried:,} layouts ranked by means, of which {found.replayed:,} were replayed: "
    tried = text(f"{replayed}{found.met:,} keep the targets for {found.percentile:g} of 100 requests", "dim")
    shown = [found.top, *([found.each] if len(found.each) > 1 else [])]
    tables = [part for one in shown for part in ("", table(_centres(one)))]
    return Group(tried, *tables, *beyond([found.outside]))


def _centres(of: Table) -> Table:
    """A table without the ends of its intervals, which a screen has no room for; what is doubted is marked."""
    doubted = of.columns["doubts"]
    kept = {name: column for name, column in of.columns.items() if not name.endswith(("_low", "_high", "doubts"))}
    if any(doubted):
        kept["chip"] = [f"{chip} †" if why else chip for chip, why in zip(of.columns["chip"], doubted, strict=True)]
    dagger = ("† rests on figures of low confidence, which --json names.",) if any(doubted) else ()
    return replace(of, columns=kept, notes=(*of.notes, "The 90 % interval of every row: --json.", *dagger))


def _range(figure: Range, unit: str) -> str:
    return f"{number(figure.value)} {unit} (90 %: {number(figure.low, 3)} to {number(figure.high, 3)})"


# The longest bar beside a share.
BAR = 24


@dataclass(frozen=True)
class shares:  # noqa: N801 - reads as what it does: console.print(shares(...))
    """Parts of a whole, largest first, with a bar each where the screen has room for one."""

    title: str
    parts: Mapping[str, float]
    whole: str
    unit: str

    def __rich_console__(self, screen: Console, options: ConsoleOptions) -> RenderResult:
        """One line a part."""
        total = self.parts[self.whole]
        ordered = sorted(self.parts.items(), key=lambda item: -item[1])
        rows = [
            (name.rsplit("_", 1)[0].replace("_", " "), number(value, 3), value / total if total else 0.0)
            for name, value in ordered
            if name != self.whole and value > 0
        ]
        said = [(label, figure, f"{100 * share:.1f} %") for label, figure, share in rows]
        headings = (self.title, self.unit, "share")
        taken = sum(max(len(one[at]) for one in (headings, *said)) + 2 for at in range(len(headings)))
        longest = min(BAR, options.max_width - taken)
        grid = plain_grid()
        for at, name in enumerate(headings):
            grid.add_column(name, justify="right" if at else "left", no_wrap=at > 0, overflow="fold")
        for words, (_, _, share) in zip(said, rows, strict=True):
            grid.add_row(*map(text, words), *([text("█" * round(longest * share), "cyan")] if longest > 0 else []))
        yield grid


def doubts(lines: Iterable[str]) -> list[RenderableType]:
    """The figures of low confidence an estimate rests on, one a line."""
    shown: list[RenderableType] = [text(f"† {line}", "yellow") for line in lines]
    return ["", text("rests on figures of low confidence:"), *shown] if shown else []


def beyond(outside: Sequence[Sequence[str]]) -> list[RenderableType]:
    """Why rows lie outside what was validated, each reason once, with its rows where there are several."""
    rows: dict[str, list[int]] = {}
    for at, reasons in enumerate(outside, 1):
        for reason in reasons:
            rows.setdefault(reason, []).append(at)
    if not rows:
        return []
    several = len(outside) > 1
    lines = [f"{BEYOND} {reason}" + (f" ({_rows(at, len(outside))})" if several else "") for reason, at in rows.items()]
    return ["", text("outside what was ever validated:"), *(text(one, "yellow") for one in lines)]


def _rows(at: Sequence[int], of: int) -> str:
    if len(at) == of:
        return "every row"
    return f"row{'' if len(at) == 1 else 's'} {', '.join(map(str, at))}"


def _seconds(parts: Mapping[str, Any], at: int) -> dict[str, float]:
    return {name: _at(value, at) for name, value in parts.items()}


def _gib(parts: Mapping[str, Any], at: int) -> dict[str, float]:
    return {name: _at(value, at) / GIB for name, value in parts.items()}


def _at(values: Any, at: int) -> float:
    flat = np.ravel(values)
    return float(flat[at if flat.size > 1 else 0])
