"""Rows of measured serving cases into questions the estimator can answer, or into the reason why not."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.engines import ServingEngine
from polysilicon.facts.hardware import Chip
from polysilicon.facts.money import Assumption
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.efficiency import efficiency_of
from polysilicon.performance.serving_candidates import ENGINES, Asked, Candidates, Layout
from polysilicon.performance.serving_formats import AUTO, EXPERTS, check_cache, computed_in
from polysilicon.performance.serving_layouts import published_acceptance
from polysilicon.performance.serving_search import layouts
from polysilicon.performance.serving_table import Way, sequences_that_fit
from polysilicon.performance.serving_tails import Arrivals, Promise
from polysilicon.records.errors import InputError, Place, PolysiliconError, UnknownName, Unsupported
from polysilicon.records.names import nearest
from polysilicon.records.units import MS_PER_S
from polysilicon.validation import mlperf
from polysilicon.validation.score import Status
from polysilicon.validation.serving_batches import BATCH, OFFLINE, sent_at_once
from polysilicon.validation.serving_measures import MOST, chips_of, measured
from polysilicon.validation.serving_recipes import filled
from polysilicon.validation.serving_submissions import stated
from polysilicon.workloads import Transformer, transformer
from polysilicon.workloads.counts import active_parameters, matrix_flop_per_token

WAYS: dict[str, Way] = {
    "": "steady",
    "aggregated": "steady",
    "aggregated, all requests sent at once": "burst",
    "disaggregated": "disaggregated",
    BATCH: "batch",
    "mlperf offline": "offline",
    "mlperf server": "offline",
    "mlperf interactive": "offline",
    OFFLINE: "offline",
    "prefill nodes (disaggregated)": "prefill",
    "prefill only": "prefill",
}
PLAIN_DECODING = ("", "none", "none stated", "not recorded", "no", "off")
# Words for a format of weights or of a cache that mean one of ours.
WEIGHTS = {
    "fp4": "nvfp4",
    "uint4": "int4",
    "w4a16": "int4",
    "awq": "int4",
    "gptq": "int4",
    "w8a8": "int8",
    "fp8_e4m3": "fp8",
    "fp8-e4m3": "fp8",
    "bfloat16": "bf16",
    "float16": "fp16",
}
# Formats of published weights whose experts `fp4` stands for.
FOUR_BITS = ("mxfp4", "mxfp4-fp8")
# Formats that submissions narrow the weights of a published model to.
NARROW = ("fp8", "mxfp4", "nvfp4")
# Prompts waiting at each rank of a replica that only reads prompts: enough to fill a pass.
WAITING = 8.0
# Shared prefixes and narrower caches can stretch memory; not further than this.
STRETCH = 2.0
# Below this many output tokens, the time per token is mostly that of the last prompt.
FEW_TOKENS = 16.0
# How a command says what share of memory its engine fills.
MEMORY = re.compile(r"--(?:mem-fraction-static|gpu-memory-utilization)[= ](?P<share>0?\.\d+)\b")
INFERENCEX_LENGTHS = (("1024", "1024"), ("1024", "8192"), ("8192", "1024"))
NO_LAYOUT = "the weights and one sequence fit in no layout of {} chips"
Row = Mapping[str, str]


class Underspecified(PolysiliconError):
    """The row leaves out what an answer needs; the message says what."""


class Implausible(PolysiliconError):
    """The row contradicts itself or the model; the message says how."""


@dataclass(frozen=True)
class Question:
    """A row that can be asked: the estimator's question, and the way of asking.

    Of a disaggregated deployment `asked` is the decode worker under the load of all, `prefill` the other kind, and
    `workers` how many there are of each, 0 where the row does not say. Where a run keeps a `promise` instead of a
    load, `asked` has the load that keeps it with most throughput. A run that begins and ends empty shows a `share` of
    its steady throughput.
    """

    asked: Asked
    way: Way
    prefill: Asked | None = None
    workers: tuple[float, float] = (0.0, 0.0)
    promise: Promise | None = None
    share: float = 1.0


@dataclass(frozen=True)
class Refusal:
    """A row that can't: which of the contract's statuses, and why."""

    status: Status
    why: str


def read(catalogue: Catalogue, row: Row) -> Question | Refusal:
    """What a row of the table asks, or why it can't be asked."""
    try:
        return question(catalogue, row)
    except Underspecified as why:
        return Refusal("underspecified", str(why))
    except Implausible as why:
        return Refusal("implausible", str(why))
    except (Unsupported, InputError) as why:
        return Refusal("unsupported", str(why))


def question(catalogue: Catalogue, row: Row) -> Question:
    """The estimator's question for a row.

    Raises:
        Underspecified: a length, the load or the layout is not stated.
        Implausible: the layout can't hold the model's heads or experts.
        Unsupported: the row measures something the estimator does not compute.
        InputError: a name or number is unknown.
    """
    mode = row.get("mode", "").casefold()
    if mode.startswith("decode"):
        raise Underspecified(f"{mode}: how many requests are in flight is not stated")
    if mode not in WAYS:
        raise Unsupported(f"unknown mode {mode!r}; known: {', '.join(repr(one) for one in WAYS if one)}")
    model = transformer(catalogue, _text(row, "model"))
    row = _in_chips(_rooted(row))
    if _nominal(row):
        row = filled(row, model.name, _chip(catalogue, row).id, _engine(row))
    row = sent_at_once(row, model.name, _chip(catalogue, row).id) if mode == OFFLINE else row
    way = WAYS[row.get("mode", "").casefold()]
    if mode.startswith("mlperf"):
        return _mlperf(catalogue, row, model)
    if way == "disaggregated":
        decode = _layout(_side(row, "decode"), model)
        prefill = _layout(_side(row, "prefill"), model)
        asked, other = (_asked(catalogue, row, model, one, way, 1.0) for one in (decode, prefill))
        return Question(asked, way, other, (_count(row, "prefill"), _count(row, "decode")))
    layout = _prefill_layout(row, model) if way == "prefill" else _layout(row, model)
    replicas = max(_number(row, "num_accelerators", layout.chips) / layout.chips, 1.0)
    asked = _asked(catalogue, row, model, layout, way, replicas)
    _beyond_peak(row, asked)
    _contradiction(row, asked)
    return Question(asked, way)


def _asked(
    catalogue: Catalogue, row: Row, model: Transformer, layout: Layout, way: Way, replicas: float, **lengths: float
) -> Asked:
    """The question about one replica in `layout`."""
    chip = _chip(catalogue, row)
    cluster = Cluster.from_catalogue(catalogue, chip.id, layout.chips)
    varied = _nominal(row)
    share = catalogue.get(Assumption, "inferencex-length-share").value if varied else 1.0
    if not lengths:
        one = 1.0 if way == "prefill" else None
        lengths = {
            "input_tokens": _number(row, "isl") * share,
            "output_tokens": max(_number(row, "osl", one) * share, 1.0),
        }
    asked = Asked(
        model=model,
        cluster=cluster,
        efficiency=efficiency_of(catalogue, chip.id, "serving"),
        layout=replace(layout, cache=_cache(row), **drafting(catalogue, row)),
        engine=_set_up(catalogue.get(ServingEngine, _engine(row)), row),
        concurrency=_load(row, way, layout) / replicas,
        varied=varied,
        in_process=row.get("in_process", "").strip() == "1",
        **lengths,
    )
    for precision in asked.products:
        computed_in(precision, cluster.peak_flop_per_s)
    return asked


def _in_chips(row: Row) -> Row:
    """The row with its accelerators counted in chips."""
    chips = chips_of(row.get("accelerator", ""))
    return row if chips == 1 else {**row, "num_accelerators": str(_whole(row, "num_accelerators", 1) * chips)}


def _chip(catalogue: Catalogue, row: Row) -> Chip:
    name = chip_name(row)
    if not name:
        raise Underspecified("the chip is not stated")
    return catalogue.get(Chip, name)


def _chips(row: Row) -> int:
    return _whole(row, "num_accelerators", 1)


def drafting(catalogue: Catalogue, row: Row) -> dict[str, Any]:
    """What is drafted ahead, where the row says that something is."""
    spoken = row.get("spec_decoding", "").casefold()
    if spoken in PLAIN_DECODING:
        return {}
    if spoken != "mtp":
        raise Unsupported(f"speculative decoding by {spoken!r}: what it drafts and how much is accepted is not known")
    ahead = _whole(row, "draft_tokens", int(catalogue.get(Assumption, "mtp-draft-tokens").value))
    return {"draft_tokens": ahead, "acceptance": published_acceptance(catalogue, ahead)}


def _cache(row: Row) -> str:
    """The precision that the row or its benchmark says keys and values are kept in, else what the engine does."""
    stated = row.get("kv_precision", "").strip().casefold() or AUTO
    stated = WEIGHTS.get(stated, stated)
    check_cache(stated, "kv_precision")
    return stated


def _set_up(engine: ServingEngine, row: Row) -> ServingEngine:
    """The engine in the row's version, with the chunk that the row or its benchmark states and its command's memory."""
    said = MEMORY.search(row.get("notes", ""))
    told = engine.released(row.get("framework_version", ""))
    told = told.filling(float(said["share"])) if said else told
    told = told.filling(_number(row, "memory_share")) if row.get("memory_share", "").strip() else told
    told = told.fusing() if row.get("fused_reductions", "").strip() == "1" else told
    told = told.running(_whole(row, "sequences")) if row.get("sequences", "").strip() else told
    told = told.looking(_whole(row, "look_passes")) if row.get("look_passes", "").strip() else told
    if not row.get("chunk_tokens", "").strip():
        return told
    return told.chunked(_whole(row, "chunk_tokens"))


def _mlperf(catalogue: Catalogue, row: Row, model: Transformer) -> Question:
    """A run of MLPerf; its summary states neither the layout nor the lengths of the dataset.

    Nor does it always say in which format the weights were. Where the submitter's settings say neither, each layout may
    have been, and each format that the chip multiplies.

    Raises:
        Underspecified: the dataset of the benchmark is not known.
        Implausible: no layout fits.
    """
    scenario = row.get("mode", "").casefold().removeprefix("mlperf").strip()
    try:
        asked_for = mlperf.Benchmark.of(catalogue, model.name, scenario, row.get("notes", ""), _chips(row))
    except UnknownName:
        raise Underspecified("the summary does not state the lengths of the dataset") from None
    row = stated(row, model.name, _chip(catalogue, row).id, scenario)
    every = list(_submissions(catalogue, row, model, asked_for.arrivals))
    if every:
        _beyond_peak(row, every[0])
    if asked_for.promise is None:
        found, way = mlperf.offline(every, asked_for, _chips(row)), WAYS["mlperf offline"]
    else:
        found, way = mlperf.served(every, asked_for, asked_for.promise), WAYS[""]
    if found is None:
        raise Implausible(NO_LAYOUT.format(_chips(row)))
    return Question(found[0], way, promise=asked_for.promise, share=found[1])


def _submissions(catalogue: Catalogue, row: Row, model: Transformer, arrivals: Arrivals) -> Iterator[Asked]:
    """Every layout and format that a submission may have chosen."""
    cluster = Cluster.from_catalogue(catalogue, _chip(catalogue, row).id, _chips(row))
    own = _precision(row, model)
    narrower = [one for one in NARROW if one in cluster.peak_flop_per_s and not row.get("weight_precision", "").strip()]
    lengths = {"input_tokens": arrivals.prompts.mean_tokens, "output_tokens": arrivals.answers.mean_tokens}
    formats = list(dict.fromkeys([own, *narrower]))
    for layout in _stated_layouts(row, formats) or layouts(model, _chips(row), formats):
        yield _asked(catalogue, row, model, layout, "offline", 1.0, **lengths)


def _stated_layouts(row: Row, formats: Sequence[str]) -> list[Layout]:
    """The layout that a row states, in each format; none where it does not."""
    if not row.get("tp", "").strip():
        return []
    tp, pp, attn_dp, ep = (_whole(row, name) for name in ("tp", "pp", "attn_dp", "ep"))
    return [Layout(tp=tp, pp=pp, attn_dp=attn_dp, ep=ep, precision=one) for one in formats]


def _count(row: Row, side: str) -> float:
    """Workers of one kind, 0 where the row does not say."""
    return _number(row, f"{side}_workers", 0.0, 0.0)


def _side(row: Row, side: str) -> Row:
    """The columns of one side of a disaggregated row as if it were a deployment of its own."""
    spoken = next(
        (part for part in row.get("parallelism", "").split("|") if part.strip().startswith(side[0].upper())), ""
    )
    own = {name: row.get(f"{side}_{name}", "") for name in ("tp", "pp", "attn_dp", "moe_tp", "ep")}
    return {**row, **own, "num_accelerators": "", "parallelism": spoken}


def _nominal(row: Row) -> bool:
    """Whether a row's lengths are the nominal ones of InferenceX, whose requests draw theirs from a range.

    NVIDIA's sample holds runs of InferenceX under other names too: they are known by their lengths.
    """
    if "inferencex" in row.get("source", "").casefold():
        return True
    lengths = row.get("isl", "").strip(), row.get("osl", "").strip()
    return row.get("evidence", "") == "nvidia_silicon_sample" and lengths in INFERENCEX_LENGTHS


def chip_name(row: Row) -> str:
    """The id of a row's chip, or what the row calls it."""
    return row.get("chip_id", "") or row.get("accelerator", "") or row.get("chip", "")


def _load(row: Row, way: Way, layout: Layout) -> float:
    if way == "prefill":
        return WAITING * layout.attn_dp
    return _number(row, "concurrency", 1.0 if way == "offline" else None)


def _beyond_peak(row: Row, asked: Asked) -> None:
    """Whatever the deployment, the products of its prompts and answers take no more than the chips' arithmetic."""
    speed = measured(row).get("output_tps_per_accel")
    if not isinstance(speed, float):
        return
    head = asked.model.vocab * asked.model.hidden
    prompts = matrix_flop_per_token(active_parameters(asked.model) - head) * asked.input_tokens / asked.output_tokens
    needed = speed * (prompts + matrix_flop_per_token(active_parameters(asked.model)))
    most = max(asked.cluster.peak_flop_per_s.values())
    if needed > most:
        raise Implausible(
            f"{speed:,.0f} output tokens a second and chip, and their prompts, take {needed / most:.1f} times its "
            "peak; chips may be counted otherwise, or prefixes shared"
        )


def _contradiction(row: Row, asked: Asked) -> None:
    """What a row measures must be possible: its requests fit in memory, its prompts in the chips' arithmetic.

    Throughput and time per token say how many ran together (Little's law); the number in flight and the time each
    stays say how many prompts were read a second.
    """
    figures, osl = measured(row), asked.output_tokens
    ttft, tpot, speed = (figures.get(name) for name in ("ttft_ms", "tpot_ms", "output_tps_per_accel"))
    if not isinstance(tpot, float) or osl < FEW_TOKENS:
        return
    if isinstance(speed, float):
        together = speed * asked.layout.chips * tpot / MS_PER_S
        room = float(np.ravel(sequences_that_fit(Candidates.of([asked])))[0])
        if STRETCH * room < together:
            raise Implausible(
                f"throughput and TPOT say that {together:.0f} requests ran together, where memory holds {room:.0f}"
            )
    if isinstance(ttft, float):
        stay_s = (ttft + tpot * osl) / MS_PER_S
        read = asked.concurrency / stay_s * asked.input_tokens
        most = max(asked.cluster.peak_flop_per_s.values()) * asked.layout.chips
        needed = matrix_flop_per_token(active_parameters(asked.model)) * read
        if needed > most:
            raise Implausible(
                f"{asked.concurrency:.0f} in flight for {stay_s:.2f} s each read {read:,.0f} prompt tokens a second: "
                f"{needed / most:.1f} times the peak of {asked.layout.chips} chips; prefixes may have been shared"
            )


def _prefill_layout(row: Row, model: Transformer) -> Layout:
    tp, pp, attn_dp, ep = (_whole(row, f"prefill_{name}", _whole(row, name)) for name in ("tp", "pp", "attn_dp", "ep"))
    if max(tp, pp, attn_dp, ep) == 1:
        raise Underspecified("the parallelism is not stated")
    return Layout(tp, pp, max(ep // tp, 1) if attn_dp == 1 else attn_dp, ep, _precision(row, model))


def _text(row: Row, name: str) -> str:
    value = row.get(name, "").strip()
    if not value:
        raise Underspecified(f"{name} is not stated")
    return value


def _number(row: Row, name: str, otherwise: float | None = None, least: float | None = None) -> float:
    text = row.get(name, "").strip()
    if not text and otherwise is not None:
        return otherwise
    try:
        value = float(_text(row, name))
    except ValueError as cause:
        raise Underspecified(f"{name} is not a number: {text!r}") from cause
    if value == least:
        return value
    if not 0 < value < MOST:
        place, allowed = Place(field=name), f"above 0, below {MOST:.0e}"
        raise InputError("is no sane quantity", place=place, found=text, allowed=allowed)
    return value


def _whole(row: Row, name: str, otherwise: int = 1) -> int:
    value = _number(row, name, float(otherwise))
    if value != int(value):
        raise Implausible(f"{name} is not a whole number: {row.get(name)}")
    return int(value)


def _engine(row: Row) -> str:
    name = row.get("framework", "").casefold()
    if "tensorrt" in name:
        return "mlperf" if row.get("mode", "").casefold().startswith("mlperf") else "trtllm"
    return next((engine for engine in ENGINES if engine in name), "vllm")


def _rooted(row: Row) -> Row:
    """The row with degrees that multiply to its chips.

    Where the number of chips is not stated, some published rows give as `tp` (or `ep`) the product of the two
    parallel degrees over the same chips; a square is therefore read as its root.
    """
    if row.get("num_accelerators", "").strip():
        return row
    tp, attn_dp, ep, moe_tp = (_whole(row, name) for name in ("tp", "attn_dp", "ep", "moe_tp"))
    if attn_dp > 1 and tp == attn_dp and ep == tp * attn_dp:
        return {**row, "tp": "1", "ep": str(attn_dp)}
    if moe_tp == ep > 1 and max(tp, attn_dp) == moe_tp * ep:
        return {**row, "tp": str(ep), "attn_dp": ""} if attn_dp == 1 else {**row, "tp": "1", "attn_dp": str(ep)}
    return row


def _layout(row: Row, model: Transformer) -> Layout:
    """The layout of one replica."""
    tp, pp, ep, moe_tp = (_whole(row, name) for name in ("tp", "pp", "ep", "moe_tp"))
    if not row.get("tp", "").strip():
        raise Underspecified("the parallelism is not stated")
    attn_dp = _whole(row, "attn_dp")
    if attn_dp == 1 and "attnDP" in row.get("parallelism", ""):
        tp, attn_dp = 1, tp
    if attn_dp == 1 and model.heads % tp and model.experts and max(ep, moe_tp) == tp:
        # Experts over more chips than heads could be: every chip is an attention rank of its own.
        tp, attn_dp = 1, tp
    if model.experts and ep > tp * attn_dp:
        raise Implausible(f"experts over {ep} chips, where attention (tp {tp}, attention dp {attn_dp}) has fewer")
    if model.experts and model.expert_hidden % (tp * attn_dp // ep):
        # No expert can be cut into as many slices: whole ones are spread.
        ep = tp * attn_dp
    if attn_dp == 1 and model.heads % tp:
        raise Implausible(f"{model.heads} attention heads do not divide over tensor parallelism of {tp}")
    if pp > model.layers:
        raise Implausible(f"{model.layers} layers do not fill {pp} pipeline stages")
    return Layout(tp=tp, pp=pp, attn_dp=attn_dp, ep=ep, precision=_precision(row, model))


def _precision(row: Row, model: Transformer) -> str:
    spoken = row.get("weight_precision", "").strip().casefold()
    # Four bits of a model published so are its own; other formats of it are other checkpoints.
    if model.precision == "mxfp4" or (model.precision in FOUR_BITS and spoken == "fp4"):
        return model.precision
    weights = WEIGHTS.get(spoken, spoken)
    if weights == "int4" and row.get("activations", "").strip() == "int8":
        return "w4a8"
    if weights in EXPERTS:
        return weights
    if weights:
        place, near = Place(field="weight_precision"), nearest(weights, EXPERTS, 1)
        raise UnknownName("unknown weight format", place=place, found=weights, allowed=sorted(EXPERTS), nearest=near)
    return model.asked_precision
