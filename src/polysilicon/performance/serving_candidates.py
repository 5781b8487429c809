"""Serving candidates as columns: the question, the model, the chip and the fitted shares, one entry a candidate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from polysilicon.facts.engines import ServingEngine
from polysilicon.performance.cluster import Cluster, Reading
from polysilicon.performance.efficiency import Efficiency
from polysilicon.performance.serving_formats import (
    AUTO,
    COMPUTE_SHARE,
    Format,
    cached_in,
    cached_value_bytes,
    check_cache,
    computed_in,
    format_of,
)
from polysilicon.performance.serving_model import Served
from polysilicon.performance.serving_room import kept_bytes
from polysilicon.performance.values import PEAK_FIELD, Values
from polysilicon.records.errors import InputError, Place
from polysilicon.records.units import GIB
from polysilicon.workloads.model import Transformer

ENGINES = ("vllm", "sglang", "trtllm", "mindie", "mlperf")
# Fitted for each engine: `name_engine` among the parameters.
OF_ENGINE = (
    *("host_us", "request_us", "first_us", "eager_us", "launch", "copy"),
    *("together", "interference", "separate"),
)
# Of these, what prompts that ride along take from decoding; those with passes of their own hide nothing behind it.
RIDING = ("interference", "separate")
USUAL_RIDER = "vllm"
# Fields that say how chips talk: inside a scale-up domain or over a host's bus, and beyond.
LINKS = frozenset({"scaleup_bw_gbs", "scaleup_bw_per_chip_gbs", "scaleup_domain", "chips", "value"})
NETWORKS = frozenset({"scaleout_nic_gbps", "scaleout_total_gbps"})
MOST_DEGREE = 4096
MOST_DRAFTED = 16


@dataclass(frozen=True)
class Layout:
    """One replica: `tp` x `attn_dp` x `pp` chips, experts spread over `ep` of them, and the format of the weights.

    With speculative decoding, `draft_tokens` are proposed ahead in each pass, and each is accepted with the chance
    `acceptance` while those before it are. `cache` is the precision of keys and values, `auto` for the engine's own.
    """

    tp: int = 1
    pp: int = 1
    attn_dp: int = 1
    ep: int = 1
    precision: str = "bf16"
    draft_tokens: int = 0
    acceptance: float = 0.0
    cache: str = AUTO

    def __post_init__(self) -> None:
        for name in ("tp", "pp", "attn_dp", "ep"):
            value = getattr(self, name)
            if not isinstance(value, int) or not 1 <= value <= MOST_DEGREE:
                raise InputError(
                    "is no degree",
                    place=Place(field=name),
                    found=value,
                    allowed=f"a whole number from 1 to {MOST_DEGREE}",
                )
        if not isinstance(self.draft_tokens, int) or not 0 <= self.draft_tokens <= MOST_DRAFTED:
            raise InputError(
                "is no number of tokens to draft ahead",
                place=Place(field="draft_tokens"),
                found=self.draft_tokens,
                allowed=f"a whole number from 0 to {MOST_DRAFTED}",
            )
        check_cache(self.cache, "cache")
        if not 0.0 <= self.acceptance <= 1.0:
            raise InputError(
                "is no chance", place=Place(field="acceptance"), found=self.acceptance, allowed="from 0 to 1"
            )

    @property
    def chips(self) -> int:
        """Chips of one replica."""
        return self.tp * self.pp * self.attn_dp


@dataclass(frozen=True)
class Asked:
    """One question: a model in a layout on a chip under a load. `concurrency` is of one replica.

    `varied` says whether lengths differ from request to request, as they do in real traffic; `in_process` that the
    engine is called without a server before it, as some benchmarks do.
    """

    model: Transformer
    cluster: Cluster
    efficiency: Efficiency
    layout: Layout
    engine: ServingEngine
    concurrency: float
    input_tokens: float
    output_tokens: float
    varied: bool = True
    in_process: bool = False

    @property
    def fitted_as(self) -> str:
        """The engine whose fitted overheads count."""
        return (self.in_process and self.engine.in_process) or self.engine.id

    @property
    def cache(self) -> str:
        """The precision that keys and values are kept in.

        Engines keep entries of compressed attention in eight bits, as its developer does. SGLang on ROCm keeps them in
        16 unless told otherwise: say so.
        """
        if self.model.compressed and self.layout.cache == AUTO:
            return "fp8"
        form = format_of(self.layout.precision, self.model)
        own = self.engine
        return cached_in(form, self.layout.cache, as_weights=own.cache_as_weights, as_stated=own.cache_as_stated)

    @property
    def attended_in(self) -> str:
        """The precision in which attention is multiplied over its cache.

        Entries of compressed attention are widened to 16 bits before they are multiplied.
        """
        return "bf16" if self.model.compressed else self.cache

    @property
    def products(self) -> tuple[str, ...]:
        """Every precision in which something is multiplied: weights that all tokens meet, experts, attention."""
        form = format_of(self.layout.precision, self.model)
        return *(precision for precision, _ in form.dense_products), form.expert_product, self.attended_in

    @property
    def computable(self) -> bool:
        """Whether a source states a peak that the chip could compute each of its products with."""
        products = self.products
        try:
            return all(computed_in(one, self.cluster.peak_flop_per_s) for one in products)
        except InputError:
            return False

    @property
    def settled(self) -> Layout:
        """The layout with what the engine does by itself said in full."""
        return replace(self.layout, cache=self.cache)

    @property
    def doubts(self) -> tuple[Reading, ...]:
        """The figures of low confidence that this layout and format rest on."""
        used = {PEAK_FIELD[computed_in(one, self.cluster.peak_flop_per_s)] for one in self.products}
        unused = {*PEAK_FIELD.values(), "sparse_gain"} - used
        if self.layout.chips == 1:
            unused |= LINKS
        if self.layout.chips <= self.cluster.scaleup_domain:
            unused |= NETWORKS
        return tuple(one for one in self.cluster.doubts if one.field not in unused)


# Part of an answer for which a sequence takes up memory, on average over its time: all of it where room is set aside,
# else what there is of it half-way.
# Source: Kwon et al., PagedAttention (arXiv 2309.06180), section 4.3: blocks are allocated as tokens come.
SET_ASIDE, GROWN = 1.0, 0.5
# Figures of an engine's record that say what it leaves of memory, whatever the replica.
ROOM = ("memory_share", "share_of_rest", "profiles", "sampler_copies")


@dataclass(frozen=True)
class Candidates:
    """Columns, one entry a candidate; rates are achieved rates."""

    served: Served
    cluster: Cluster
    share: Mapping[str, Values]
    tp: Values
    pp: Values
    attn_dp: Values
    ep: Values
    concurrency: Values
    input_tokens: Values
    output_tokens: Values
    varied: Values
    draft_tokens: Values
    acceptance: Values
    dense_bytes: Values
    expert_bytes: Values
    cache_bytes: Values
    dense_flop_per_s: Values
    expert_flop_per_s: Values
    attention_flop_per_s: Values
    chunk_tokens: Values
    engine_batch: Values
    prompts_first: Values
    look_passes: Values
    fused_reductions: Values
    room: Mapping[str, Values]
    engine: Mapping[str, Values]

    @classmethod
    def of(cls, asked: Sequence[Asked]) -> "Candidates":
        """The table of these questions, in their order.

        Raises:
            InputError: a format is unknown, or a chip has no peak that could compute it.
        """
        takes = [one.engine.takes(one.cluster.chip, float(one.cluster.memory_bytes) / GIB) for one in asked]
        formats = [format_of(one.layout.precision, one.model) for one in asked]
        pairs = list(zip(asked, formats, strict=True))
        column = np.array
        given = [one.efficiency.parameters for one in asked]
        # Interval ends differ from chip to chip; what the formulas take, every chip has.
        names = set.intersection(*({*one} for one in given))
        return cls(
            served=Served.stack([one.model for one in asked]),
            cluster=Cluster.stack([one.cluster for one in asked]),
            share={name: column([one[name] for one in given], float) for name in sorted(names)},
            tp=column([one.layout.tp for one in asked], float),
            pp=column([one.layout.pp for one in asked], float),
            attn_dp=column([one.layout.attn_dp for one in asked], float),
            ep=column([one.layout.ep for one in asked], float),
            concurrency=column([one.concurrency for one in asked], float),
            input_tokens=column([one.input_tokens for one in asked], float),
            output_tokens=column([one.output_tokens for one in asked], float),
            varied=column([one.varied for one in asked], float),
            draft_tokens=column([one.layout.draft_tokens for one in asked], float),
            acceptance=column([one.layout.acceptance for one in asked], float),
            dense_bytes=column([form.dense_bytes for form in formats]),
            expert_bytes=column([form.expert_bytes for form in formats]),
            cache_bytes=column([cached_value_bytes(one.model, one.cache) for one in asked]),
            dense_flop_per_s=column([_dense_rate(one, form) for one, form in pairs]),
            expert_flop_per_s=column(
                [_rate(one, form.expert_product) * one.efficiency["grouped"] for one, form in pairs]
            ),
            attention_flop_per_s=column([_rate(one, one.attended_in, "attention_compute") for one in asked]),
            chunk_tokens=column([tokens for tokens, _ in takes]),
            engine_batch=column([sequences for _, sequences in takes]),
            prompts_first=column([one.engine.prompts_first for one in asked], float),
            look_passes=column([one.engine.look_passes for one in asked], float),
            fused_reductions=column([one.engine.fused_reductions for one in asked], float),
            room=_room(asked),
            engine={name: column([_overhead(one, name) for one in asked], float) for name in OF_ENGINE},
        )


def _overhead(asked: Asked, name: str) -> Values:
    """One of `OF_ENGINE`: fitted, but where an engine's way of reading prompts decides it.

    Source: Agrawal et al., Sarathi-Serve (arXiv 2403.02310), section 3: a pass of prompts alone stalls decoding.
    """
    if name in RIDING and asked.engine.prompts_first:
        return 1.0
    known = asked.efficiency.parameters
    # One told to let prompts ride along was not fitted so: it does as the engine that usually does.
    return known.get(f"{name}_{asked.fitted_as}", known[f"{name}_{USUAL_RIDER}"])


def _room(asked: Sequence[Asked]) -> dict[str, Values]:
    """What each engine leaves of memory, in the figures of its record, and what it keeps free by rule."""
    rows = [
        {name: float(getattr(one.engine, name)) for name in ROOM}
        | {"kept_bytes": _kept(one), "answered": SET_ASIDE if one.engine.sets_aside else GROWN}
        for one in asked
    ]
    return {name: np.array([row[name] for row in rows], float) for name in (*ROOM, "kept_bytes", "answered")}


def _kept(asked: Asked) -> float:
    memory_gib, cut = float(asked.cluster.memory_bytes) / GIB, asked.layout
    rule = asked.engine.kept_free(asked.cluster.chip, memory_gib, cut.chips, cut.attn_dp)
    return float(kept_bytes(rule, min(cut.chips, asked.engine.most_by_rule_chips), float(cut.attn_dp)))


def _dense_rate(asked: Asked, form: Format) -> float:
    """The rate of all products with weights that every token meets: those in each precision follow one another."""
    return 1.0 / sum(share / _rate(asked, precision) for precision, share in form.dense_products)


def _rate(asked: Asked, precision: str, share: str | None = None) -> float:
    peaks = asked.cluster.peak_flop_per_s
    try:
        computed = computed_in(precision, peaks)
    except InputError as cause:
        what, option = ("attention over its cache", "--kv-precision") if share else ("its weights", "--precision")
        raise InputError(
            f"{asked.cluster.chip}: no matrix peak is known for {what} in {precision} or wider",
            allowed=sorted(peaks),
            remedy=f"choose another {option}, or give the peak in a --facts file",
        ) from cause
    return float(peaks[computed]) * float(asked.efficiency[share or COMPUTE_SHARE[computed]])
