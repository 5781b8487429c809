"""Estimates of models that work on samples as a performance engineer reads them: training and serving."""

from rich.console import Group, RenderableType

from polysilicon.performance.sample_answer import SampleServing
from polysilicon.performance.sample_training import SampleTraining
from polysilicon.performance.values import Range
from polysilicon.records.units import GIB
from polysilicon.report.estimate import doubts, network, shares
from polysilicon.report.terminal import pairs, text
from polysilicon.report.words import number, ranged

UNVALIDATED = "unvalidated: measured cases of this kind are too few, or too far off, to vouch for these figures"


def sample_training(made: SampleTraining) -> RenderableType:
    """Step and throughput with their intervals, where time goes, what fills memory; unvalidated where it is."""
    room = made.capacity_bytes / GIB
    fits = "" if made.fits else f": DOES NOT FIT{_remedy(made)}"
    each = made.samples_per_s_per_chip
    named = [
        ("step", ranged(made.step_s, "s")),
        ("throughput", ranged(made.samples_per_s, f"{made.samples}/s")),
        ("of one chip", f"{number(each.value)} {made.samples}/s"),
        ("memory", f"{number(made.memory_gib, 3)} of {number(room, 3)} GiB a chip{fits}"),
    ]
    said = ", ".join(f"{name} {value}" for name, value in made.layout.items())
    title = f"training {made.model} on {number(made.chips)} x {made.chip}"
    return Group(
        text(title, "bold"),
        text(f"{said}; {number(made.global_batch)} {made.samples} a step", "dim"),
        *([text(UNVALIDATED, "yellow")] if made.unvalidated else []),
        "",
        pairs(named),
        "",
        shares("where the step goes", made.parts, "step_s", "s"),
        "",
        shares("what fills memory", {n: v / GIB for n, v in made.memory.items()}, "memory_bytes", "GiB"),
        *doubts(str(one) for one in made.doubts),
    )


def _remedy(made: SampleTraining) -> str:
    if made.instead is None:
        return "; give it more chips"
    changed = [f"{name} {value}" for name, value in made.instead.items() if value != made.layout[name]]
    return f"; it would with {', '.join(changed)}"


def sample_serving(made: SampleServing) -> RenderableType:
    """Queries a second within the bound, the batch that gives them, where its time goes, and what is not known."""
    query = (
        f"queries of {number(made.candidates)} {made.samples}" if made.candidates > 1 else f"{made.samples}, one each"
    )
    bound = "no bound on latency, batches always full"
    if made.latency_ms is not None:
        bound = f"{number(made.percentile)} % of the queries within {number(made.latency_ms)} ms"
    where = f", tables in {made.tables.place}" if made.tables else ""
    return Group(
        text(f"serving {made.model} on {number(made.chips)} x {made.chip}, {made.precision}{where}", "bold"),
        text(f"{query}; {bound}", "dim"),
        text(UNVALIDATED, "yellow"),
        "",
        pairs(_rates(made)),
        "",
        shares("where a batch goes", made.parts_ms, "answer_ms", "ms"),
        "",
        text(f"ranges are those of the assumptions {', '.join(made.assumed)}", "dim"),
        *(text(f"unknown: {one}", "yellow") for one in made.missing),
        *doubts(str(one) for one in made.doubts),
    )


def _rates(made: SampleServing) -> list[tuple[str, object]]:
    chips = made.chips_needed
    tail = [] if made.tail_ms is None else [(f"p{number(made.percentile)} latency", f"{number(made.tail_ms)} ms")]
    named: list[tuple[str, object]] = [
        ("throughput", _assumed(made.queries_per_s_per_chip, "queries/s a chip")),
        (f"in {made.samples}", _assumed(made.samples_per_s_per_chip, f"{made.samples}/s a chip")),
        ("batch", f"{number(made.batch)} queries, one every {number(made.batch_ms)} ms, {100 * made.load:.3g} % busy"),
        ("an answer takes", f"{number(made.answer_ms)} ms from the start of its batch"),
        *tail,
        *(network(made.round_trip) if made.round_trip.site or made.round_trip.ms.value else []),
        ("memory", f"{number(made.memory_gib, 3)} of {number(made.capacity_gib, 3)} GiB a chip{_doubtful(made)}"),
    ]
    if made.host_gib:
        named.append(("beyond the chips", f"{number(made.host_gib, 3)} GiB for each chip, of an unknown capacity"))
    if chips is not None and made.requests_per_s is not None:
        most = "unknown" if chips[2] is None else number(chips[2])
        said = f"{number(chips[0])} ({number(chips[1])} to {most}) for {number(made.requests_per_s)} queries/s"
        said += f", shared evenly by {len(made.round_trip.sites)} sites" if len(made.round_trip.sites) > 1 else ""
        named.append(("chips", said))
    return named


def _doubtful(made: SampleServing) -> str:
    if made.memory_high_gib <= made.capacity_gib:
        return ""
    return f"; MAY NOT FIT: up to {number(made.memory_high_gib, 3)} GiB at the high end of the assumptions"


def _assumed(figure: Range, unit: str) -> str:
    return f"{number(figure.value)} {unit} ({number(figure.low, 3)} to {number(figure.high, 3)})"
