"""One serving deployment: how fast, with what memory, how sure; and the same walked back to its formulas."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.engines import ServingEngine
from polysilicon.performance.cluster import Cluster, Reading
from polysilicon.performance.efficiency import efficiency_of
from polysilicon.performance.serving_candidates import RIDING, Asked, Candidates, Layout
from polysilicon.performance.serving_domain import outside
from polysilicon.performance.serving_formats import AUTO, computed_in, format_of
from polysilicon.performance.serving_layouts import check_layout
from polysilicon.performance.serving_limits import Limits, limits_of
from polysilicon.performance.serving_loads import Loaded
from polysilicon.performance.serving_split import SplitFigures
from polysilicon.performance.serving_table import Figures, Way, bound, evaluate, usable_bytes
from polysilicon.performance.training import doubt_widening
from polysilicon.performance.values import PEAK_FIELD, Range
from polysilicon.records.errors import InputError, NothingFits, Place, Unsupported
from polysilicon.records.interval import Bools
from polysilicon.records.recorder import Recorder, Step
from polysilicon.records.units import GIB, MS_PER_S
from polysilicon.workloads.model import Transformer
from polysilicon.workloads.task import Serving

Quantity = Literal["ttft_ms", "tpot_ms", "tokens_per_s_per_chip"]
SHORT: dict[Quantity, str] = {"ttft_ms": "ttft", "tpot_ms": "tpot", "tokens_per_s_per_chip": "tps"}
MOST_ASKED = 1e9


@dataclass(frozen=True)
class ServingEstimate:
    """One deployment. Latencies are means over requests; `concurrency` and `running` are of one replica.

    `fits` is whether weights and one sequence fit in memory; `room` is how many sequences do on average over
    time, in what the engine fills of a chip (`usable_gib`). `misses` names the targets not met. `ttft_ms` is the
    server's; users wait `round_trip_ms` longer, and targets are held against the sum. `doubts` are the figures read
    from low-confidence records; they widen the intervals. `outside` says where it goes beyond what was ever validated.
    """

    model: str
    chip: str
    system: str
    layout: Layout
    engine: str
    input_tokens: float
    output_tokens: float
    concurrency: float
    running: float
    ttft_ms: Range
    tpot_ms: Range
    tokens_per_s_per_chip: Range
    memory_gib: float
    usable_gib: float
    room: float
    fits: bool
    misses: tuple[str, ...]
    doubts: tuple[Reading, ...]
    fits_used: tuple[str, ...]
    catalogue_hash: str
    outside: tuple[str, ...] = ()
    round_trip_ms: float = 0.0

    @property
    def tokens_per_s_per_user(self) -> float:
        """Output tokens a second that one user sees after the first."""
        return MS_PER_S / self.tpot_ms.value

    def replicas(self, requests_per_s: float) -> int:
        """Replicas that answer `requests_per_s`."""
        tokens = requests_per_s * self.output_tokens
        return max(int(np.ceil(tokens / (self.tokens_per_s_per_chip.value * self.layout.chips))), 1)

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints; an answer of one token has no time of a later one."""
        plain = {name: value for name, value in vars(self).items() if name not in ("doubts", "layout")}
        ranges: dict[str, Any] = {name: asdict(getattr(self, name)) for name in SHORT}
        if self.output_tokens <= 1:
            ranges["tpot_ms"] = None
        return plain | ranges | {"layout": asdict(self.layout), "doubts": [str(one) for one in self.doubts]}


def estimate_serving(
    catalogue: Catalogue,
    model: Transformer,
    task: Serving,
    cluster: Cluster,
    layout: Layout,
    *,
    concurrency: float | None = None,
    engine: str = "vllm",
) -> ServingEstimate:
    """Latency, throughput and memory of one replica in `layout` with `concurrency` requests in flight.

    Without a `concurrency` it is the one with most throughput that meets the targets of `task` and runs without a
    queue, of the loads of `serving_loads`; one where none does.

    Raises:
        InputError: an unknown engine or format, a chip without a needed figure, a senseless concurrency.
        NothingFits: the weights do not fit on the chips of the layout.
    """
    if concurrency is None:
        return _unqueued(catalogue, task, ask(catalogue, model, task, cluster, layout, 1.0, engine))
    if not 0 < concurrency <= MOST_ASKED:
        raise InputError(
            "is no number of requests in flight",
            place=Place(field="concurrency"),
            found=concurrency,
            allowed=f"above 0, up to {MOST_ASKED:,.0f}",
        )
    asked = ask(catalogue, model, task, cluster, layout, float(concurrency), engine)
    figures = evaluate(Candidates.of([asked]))
    if not np.all(figures.fits):
        raise NothingFits(shortfall(asked, figures, 0))
    return answer(catalogue, asked, task, figures, 0)


def _unqueued(catalogue: Catalogue, task: Serving, asked: Asked) -> ServingEstimate:
    """The load with most throughput that keeps the targets and runs without a queue; one where none does."""
    loaded = Loaded.of([asked])
    if not np.all(loaded.figures.fits):
        raise NothingFits(shortfall(asked, loaded.figures, 0))
    speed = np.where(met(task, loaded.figures), loaded.figures.tokens_per_s_per_chip, 0.0)
    best = int(np.argmax(speed))
    return answer(catalogue, loaded.at(best), task, loaded.figures, best)


def met(task: Serving, figures: Figures | SplitFigures) -> Bools:
    """Which candidates fit in memory and keep the targets of `task`."""
    kept = np.array(figures.fits, bool)
    if task.ttft_ms is not None:
        kept = kept & np.asarray(figures.ttft_ms + task.round_trip_ms <= task.ttft_ms)
    limit = per_token_limit(task)
    if limit is not None:
        kept = kept & np.asarray(figures.tpot_ms <= limit)
    return kept


def per_token_limit(task: Serving) -> float | None:
    """The limit on the time per token after the first; none where there is no such token."""
    return task.tpot_ms if task.output_tokens > 1 else None


def ask(
    catalogue: Catalogue,
    model: Transformer,
    task: Serving,
    cluster: Cluster,
    layout: Layout,
    concurrency: float,
    engine: str,
) -> Asked:
    """One question, checked.

    Raises:
        InputError: an unknown engine, or experts spread over more chips than can hold them.
        Unsupported: a layout that the model can't take.
    """
    if engine not in catalogue.ids(ServingEngine):
        raise InputError("unknown serving engine", found=engine, allowed=sorted(catalogue.ids(ServingEngine)))
    check_layout(model, layout)
    if model.heads % layout.tp:
        raise Unsupported(f"{model.name}: {model.heads} attention heads do not divide over tp {layout.tp}")
    if layout.pp > model.layers:
        raise Unsupported(f"{model.name}: {model.layers} layers do not fill {layout.pp} pipeline stages")
    efficiency = efficiency_of(catalogue, cluster.chip, "serving")
    lengths = float(task.input_tokens), float(task.output_tokens)
    return Asked(model, cluster, efficiency, layout, catalogue.get(ServingEngine, engine), concurrency, *lengths)


def answer(catalogue: Catalogue, asked: Asked, task: Serving, figures: Figures, at: int) -> ServingEstimate:
    """The figures of one row of a table as an estimate with intervals."""
    ranges = ranges_of(catalogue, [asked], figures, [at])[0]
    limits = ("ttft_ms", task.ttft_ms, task.round_trip_ms), ("tpot_ms", per_token_limit(task), 0.0)
    misses = [
        f"{name} {ranges[name].value + network:.4g} > {limit:.4g}"
        for name, limit, network in limits
        if limit is not None and ranges[name].value + network > limit
    ]
    return ServingEstimate(
        model=asked.model.name,
        chip=asked.cluster.chip,
        system=asked.cluster.system,
        layout=asked.settled,
        engine=asked.engine.id,
        input_tokens=asked.input_tokens,
        output_tokens=asked.output_tokens,
        concurrency=asked.concurrency,
        running=float(np.ravel(figures.running)[at]),
        memory_gib=float(np.ravel(figures.memory_bytes)[at]) / GIB,
        usable_gib=_usable_gib(asked),
        room=float(np.ravel(figures.room)[at]),
        fits=bool(np.ravel(figures.fits)[at]),
        misses=tuple(misses),
        doubts=asked.doubts,
        fits_used=asked.efficiency.records,
        catalogue_hash=catalogue.hash,
        outside=outside(catalogue, asked),
        round_trip_ms=task.round_trip_ms,
        **ranges,
    )


def ranges_of(
    catalogue: Catalogue, many: Sequence[Asked], figures: Figures, rows: Sequence[int]
) -> list[dict[str, Range]]:
    """Latencies and throughput of rows of a table with their intervals, which end where the hardware does."""
    best = limits_of(many)
    values = {name: np.ravel(getattr(figures, name)) for name in SHORT}
    return [
        {
            name: within(spread(catalogue, one, short, "steady", float(values[name][row])), name, best, at)
            for name, short in SHORT.items()
        }
        for at, (one, row) in enumerate(zip(many, rows, strict=True))
    ]


def spread(catalogue: Catalogue, asked: Asked, quantity: str, way: Way, value: float) -> Range:
    """A figure with its 90 % interval, wider where it rests on figures of low confidence."""
    widening = doubt_widening(catalogue) if asked.doubts else 1.0
    low, high = bound(asked.efficiency, quantity, way)
    return Range(value, value * low**widening, value * high**widening)


def within(found: Range, quantity: Quantity, best: Limits, at: int = 0) -> Range:
    """The interval of a figure, ended where no deployment can be; the figure itself stays inside it."""
    limit = float(np.ravel(getattr(best, quantity))[at])
    if quantity == "tokens_per_s_per_chip":
        return replace(found, high=max(found.value, min(found.high, limit)))
    return replace(found, low=min(found.value, max(found.low, limit)))


def shortfall(asked: Asked, figures: Figures, at: int) -> str:
    """Why a candidate does not fit, in figures."""
    needed = float(np.ravel(figures.memory_bytes)[at]) / GIB
    usable, layout = _usable_gib(asked), asked.layout
    return (
        f"{asked.model.name} in {layout.precision} on {layout.chips} x {asked.cluster.chip} (tp {layout.tp}, "
        f"pp {layout.pp}, attention dp {layout.attn_dp}) needs {needed:.1f} GiB a chip for weights and one sequence, "
        f"where {usable:.1f} GiB are usable"
    )


def _usable_gib(asked: Asked) -> float:
    """What the engine fills of a chip's memory."""
    return float(np.ravel(usable_bytes(Candidates.of([asked])))[0]) / GIB


def explain_serving(
    catalogue: Catalogue,
    model: Transformer,
    task: Serving,
    cluster: Cluster,
    layout: Layout,
    *,
    concurrency: float,
    engine: str = "vllm",
    figure: Quantity = "tpot_ms",
) -> Step:
    """How a figure of `estimate_serving` comes about: a tree of formulas, records and the user's own numbers.

    The root's value is the figure that `estimate_serving` returns for the same question.

    Raises:
        InputError: as `estimate_serving`.
    """
    asked = ask(catalogue, model, task, cluster, layout, concurrency, engine)
    table = _distinct(Candidates.of([asked]))
    recorder = Recorder()
    _announce(recorder, table, asked)
    with recorder:
        figures = evaluate(table)
    return _plain(recorder.tree(getattr(figures, figure)), {})


def _distinct(table: Candidates) -> Candidates:
    """The same columns, each an object of its own, so that each can be told from the others."""
    served = replace(
        table.served, **{name: _copy(value) for name, value in vars(table.served).items() if name != "shape"}
    )
    shape = replace(table.served.shape, **{name: _copy(value) for name, value in vars(table.served.shape).items()})
    return replace(table, served=replace(served, shape=shape))


def _copy(value: Any) -> Any:
    return np.array(value, float)


def _announce(recorder: Recorder, table: Candidates, asked: Asked) -> None:
    for name, value in [*vars(table.served).items(), *vars(table.served.shape).items()]:
        if name != "shape":
            recorder.known(value, f"models: {asked.model.name}")
    own_passes = f"the engine {asked.engine.id} reads prompts in passes of their own"
    ruled = RIDING if asked.engine.prompts_first else ()
    for name, value in [*table.share.items(), *table.engine.items()]:
        fitted = f"efficiency: {', '.join(asked.efficiency.records)}"
        recorder.known(value, *((own_passes, asked.engine.confidence) if name in ruled else (fitted, "estimate")))
    for value in table.room.values():
        recorder.known(value, f"engines: {asked.engine.id}", asked.engine.confidence)
    read = {one.field: one for one in asked.cluster.readings}
    for value, names in (
        (table.cluster.memory_bytes, ("memory_gb",)),
        (table.cluster.memory_bytes_per_s, ("memory_bw_gbs",)),
        (table.cluster.scaleup_bytes_per_s, ("scaleup_bw_gbs", "scaleup_bw_per_chip_gbs", "value")),
        (table.cluster.scaleout_bytes_per_s, ("scaleout_nic_gbps", "scaleout_gbps_total")),
        (table.cluster.scaleup_domain, ("scaleup_domain",)),
    ):
        found = next((read[name] for name in names if name in read), None)
        if found:
            recorder.known(value, str(found), found.confidence)
    form = format_of(asked.layout.precision, asked.model)
    for value, precisions in (
        (table.dense_flop_per_s, [precision for precision, _ in form.dense_products]),
        (table.expert_flop_per_s, [form.expert_product]),
        (table.attention_flop_per_s, [asked.attended_in]),
    ):
        peaks = dict.fromkeys(str(_peak(asked, read, one)) for one in precisions)
        origin = f"{', '.join(peaks)}; times its share, {', '.join(asked.efficiency.records)}"
        recorder.known(value, origin, "estimate")
    kept = ", ".join(f"{share:.0%} in {precision}" for precision, share in form.dense)
    recorder.known(table.dense_bytes, f"format {asked.layout.precision}: of the weights that every token meets {kept}")
    recorder.known(table.expert_bytes, f"format {asked.layout.precision}")
    own = f"default of the engine {asked.engine.id}" if asked.layout.cache == AUTO else "your question"
    recorder.known(table.cache_bytes, f"cache in {asked.cache}, {own}")
    for value in (table.tp, table.pp, table.attn_dp, table.ep, table.concurrency, table.input_tokens):
        recorder.known(value, "your question")
    for value in (table.output_tokens, table.varied, table.draft_tokens, table.acceptance):
        recorder.known(value, "your question")
    for value in (
        table.chunk_tokens,
        table.prompts_first,
        table.look_passes,
        table.fused_reductions,
        table.engine_batch,
    ):
        recorder.known(value, f"defaults of the engine {asked.engine.id}", asked.engine.confidence)


def _peak(asked: Asked, read: Mapping[str, Reading], precision: str) -> Reading:
    """Where the peak was read that a product in `precision` runs at."""
    field = PEAK_FIELD[computed_in(precision, asked.cluster.peak_flop_per_s)]
    return read.get(field) or next(one for one in asked.cluster.readings if one.field.endswith(("flops", "tops")))


def _plain(step: Step, seen: dict[int, Step]) -> Step:
    """The same tree with columns of one row as plain numbers; a shared step stays shared."""
    if id(step) not in seen:
        twin = replace(step, inputs=[], within=[])
        seen[id(step)] = twin
        if isinstance(step.value, np.ndarray) and step.value.size == 1:
            twin.value = float(step.value.reshape(-1)[0])
        twin.inputs = _all_plain(step.inputs, seen)
        twin.within = _all_plain(step.within, seen)
    return seen[id(step)]


def _all_plain(steps: Sequence[Step], seen: dict[int, Step]) -> list[Step]:
    return [_plain(step, seen) for step in steps]
