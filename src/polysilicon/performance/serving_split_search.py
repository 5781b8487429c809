"""Which chips should read prompts, which decode, how many of each, and is that better than doing both in one place."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.performance import serving_engine as engine_formulas
from polysilicon.performance import serving_passes as passes
from polysilicon.performance.cluster import Cluster, Reading
from polysilicon.performance.serving_candidates import Asked, Candidates, Layout
from polysilicon.performance.serving_estimate import ask, spread
from polysilicon.performance.serving_loads import MOST_CONCURRENT
from polysilicon.performance.serving_search import layouts, search_serving
from polysilicon.performance.serving_split import (
    Split,
    answers_per_s,
    evaluate,
    first_token_ms,
    prompt_cache_bytes,
    prompts_per_s,
    queue_s,
    transfer_s,
)
from polysilicon.performance.serving_table import sequences_that_fit
from polysilicon.performance.values import Range, Values
from polysilicon.records.errors import InputError, NothingFits
from polysilicon.records.interval import Floats
from polysilicon.records.table import Table
from polysilicon.records.units import GIGA, MS_PER_S
from polysilicon.workloads.model import Transformer
from polysilicon.workloads.task import Serving

# Prefill workers are sized to be at work this share of the time: beyond, waits grow without bound.
BUSY = 0.8
# A deployment has at most so many decode workers; more repeat it.
MOST_DECODE_WORKERS = 16

UNMEASURED = "A split over chips of two vendors was never measured by anyone: each side is as true as alone."


@dataclass(frozen=True)
class Workers:
    """Equal workers of one kind."""

    chip: str
    layout: Layout
    count: int

    @property
    def chips(self) -> int:
        """Chips of all of them."""
        return self.count * self.layout.chips

    @property
    def spoken(self) -> str:
        """Their number and layout in words."""
        cut = self.layout
        return f"{self.count} x (tp {cut.tp}, pp {cut.pp}, attention dp {cut.attn_dp}), {cut.precision}"


@dataclass(frozen=True)
class SplitEstimate:
    """A deployment whose prompts are read apart from where answers are decoded; latencies are means over requests.

    `together` is the best throughput of a chip that does both within the same targets, of either chip, `None` where
    neither meets them; `link_gbs` is what a pair of workers sends with.
    """

    model: str
    prefill: Workers
    decode: Workers
    engine: str
    input_tokens: float
    output_tokens: float
    concurrency: float
    link_gbs: float
    ttft_ms: Range
    tpot_ms: Range
    tokens_per_s_per_chip: Range
    requests_per_s: float
    prefill_busy: float
    transfer_ms: float
    together: float | None
    doubts: tuple[Reading, ...]
    catalogue_hash: str

    @property
    def gain(self) -> float | None:
        """Tokens a second and chip over those of the better chip that does both; below one, splitting loses."""
        return self.tokens_per_s_per_chip.value / self.together if self.together else None

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        return asdict(self) | {"doubts": [str(one) for one in self.doubts], "gain": self.gain}


@dataclass(frozen=True)
class SplitSearch:
    """`best` gives most tokens a second and chip; `pairs` is the table of the best of every pair of chips."""

    best: SplitEstimate
    pairs: Table
    tried: int

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {"best": self.best.to_dict(), "pairs": self.pairs.to_dict(), "tried": self.tried}


@dataclass(frozen=True)
class _Search:
    """What is the same for every pair: the question, what may be chosen, and the link between workers, if given."""

    catalogue: Catalogue
    model: Transformer
    task: Serving
    formats: Sequence[str]
    engine: str
    most_chips: int | None
    link_gbs: float | None

    def table(self, cluster: Cluster, loads: Sequence[float]) -> tuple[list[Asked], Candidates] | None:
        """Every layout under every load of a rank; `None` where the chips compute none of the formats."""
        every = [
            ask(self.catalogue, self.model, self.task, cluster, layout, load * layout.attn_dp, self.engine)
            for layout in layouts(self.model, cluster, self.most_chips or int(np.max(cluster.chips)), self.formats)
            for load in loads
        ]
        return (every, Candidates.of(every)) if every else None

    def link(self, one: Floats, other: Floats) -> Floats:
        """Bytes a second between two workers."""
        slower = np.minimum(one, other)
        return slower if self.link_gbs is None else np.full_like(slower, self.link_gbs * GIGA)

    def together(self, cluster: Cluster) -> float | None:
        """The best throughput of a chip that reads and decodes, `None` where nothing meets the targets."""
        try:
            found = search_serving(
                self.catalogue,
                self.model,
                self.task,
                [cluster],
                most_chips=self.most_chips,
                precisions=self.formats,
                engine=self.engine,
                top=1,
            )
        except (NothingFits, InputError):
            return None
        return found.best.tokens_per_s_per_chip.value


@dataclass(frozen=True)
class _Side:
    """Candidates of one kind of worker: requests a second of each, the time it adds, its chips and its link.

    `stay_s` is how long a request holds a place in it: in a steady state that says how many are in flight.
    """

    asked: Sequence[Asked]
    table: Candidates
    rate: Floats
    latency_ms: Floats
    stay_s: Floats
    chips: Floats
    link: Floats

    @classmethod
    def of(cls, asked: Sequence[Asked], table: Candidates, rate: Values, latency_ms: Values, stay_s: Values) -> "_Side":
        """The candidates of a table."""
        chips = np.asarray(table.tp * table.pp * table.attn_dp)
        link = chips * table.cluster.scaleout_bytes_per_s * table.share["scaleout_link"]
        latency, stay = (np.broadcast_to(one, chips.shape) for one in (latency_ms, stay_s))
        return cls(asked, table, np.asarray(rate), latency, stay, chips, np.asarray(link))


def search_split(
    catalogue: Catalogue,
    model: Transformer,
    task: Serving,
    clusters: Sequence[Cluster],
    *,
    most_chips: int | None = None,
    precisions: Sequence[str] | None = None,
    engine: str = "vllm",
    link_gbs: float | None = None,
) -> SplitSearch:
    """The best pair of workers for every ordered pair of `clusters`, and the best of all.

    Throughput a chip of a pair depends on each side by itself (chips per request a second add up), so the best pair
    within the targets is found exactly. `link_gbs` is the bandwidth between a pair of workers; by default the slower
    of what their chips' networks carry.

    Raises:
        NothingFits: no pair fits in memory and meets the targets.
        InputError: no cluster, a senseless link, an unknown engine or format.
    """
    if not clusters:
        raise InputError("a search needs at least one cluster")
    if link_gbs is not None and not 0 < link_gbs < 1e6:
        raise InputError("is no bandwidth of a link", found=link_gbs, allowed="GB/s above 0", remedy="--link-gbs 50")
    formats = list(precisions) if precisions else [model.precision]
    search = _Search(catalogue, model, task, formats, engine, most_chips, link_gbs)
    prefills = [side for cluster in clusters if (side := _prefill(search, cluster))]
    decodes = [side for cluster in clusters if (side := _decode(search, cluster))]
    alone = {cluster.chip: search.together(cluster) for cluster in clusters}
    found = [
        _estimate(search, pre, dec, pair, alone)
        for pre in prefills
        for dec in decodes
        if (pair := _best_pair(search, pre, dec))
    ]
    tried = sum(len(side.asked) for side in (*prefills, *decodes))
    if not found:
        raise NothingFits(f"no split deployment of {model.name} fits in memory and meets the targets")
    found.sort(key=lambda one: -one.tokens_per_s_per_chip.value)
    return SplitSearch(found[0], _table(found), tried)


def _prefill(search: _Search, cluster: Cluster) -> _Side | None:
    made = search.table(cluster, [1.0])
    if made is None:
        return None
    asked, table = made
    work, overhead = passes.prefill_parts_s(table)
    alone = engine_formulas.prompt_s(work, overhead, table.input_tokens, table.chunk_tokens)
    wait = queue_s(alone, BUSY, table.attn_dp * table.pp)
    rate = BUSY * prompts_per_s(1.0, table.attn_dp, table.pp, alone)
    fits = np.asarray(sequences_that_fit(table) >= 1.0)
    latency = first_token_ms(table.engine["first_us"], wait, alone, 0.0)
    return _Side.of(asked, table, np.where(fits, rate, 0.0), latency, alone)


def _decode(search: _Search, cluster: Cluster) -> _Side | None:
    made = search.table(cluster, [2.0 ** (half / 2.0) for half in range(2 * int(np.log2(MOST_CONCURRENT)) + 1)])
    if made is None:
        return None
    asked, table = made
    room = np.minimum(sequences_that_fit(table), table.engine_batch * table.attn_dp)
    decoding = np.maximum(np.minimum(table.concurrency, room), 1.0)
    token = passes.token_s(table, decoding)
    rate = answers_per_s(1.0, decoding, table.output_tokens, token)
    later_ms, stay = engine_formulas.tpot_ms(token, 0.0), table.output_tokens * token
    return _Side.of(asked, table, np.where(room >= 1.0, rate, 0.0), later_ms, stay)


def _best_pair(search: _Search, pre: _Side, dec: _Side) -> tuple[int, int] | None:
    """The candidates of both sides that need fewest chips for a request a second within the targets."""
    task, link = search.task, search.link(pre.link[:, None], dec.link[None, :])
    cache = np.asarray(prompt_cache_bytes(pre.table))[:, None]
    sent_ms = MS_PER_S * np.asarray(transfer_s(cache, link))
    with np.errstate(divide="ignore"):
        needed = (pre.chips / pre.rate)[:, None] + (dec.chips / dec.rate)[None, :]
    met = np.isfinite(needed)
    if task.ttft_ms is not None:
        met &= pre.latency_ms[:, None] + sent_ms + task.round_trip_ms <= task.ttft_ms
    if task.tpot_ms is not None:
        met &= (dec.latency_ms <= task.tpot_ms)[None, :]
    if not np.any(met):
        return None
    at = int(np.argmin(np.where(met, needed, np.inf)))
    return at // needed.shape[1], at % needed.shape[1]


def _counts(prefill_rate: float, decode_rate: float, prefill_chips: float, decode_chips: float) -> tuple[int, int]:
    """Workers of each kind: enough to read what is decoded, with fewest chips for a decode worker."""
    decode = np.arange(1.0, MOST_DECODE_WORKERS + 1.0)
    prefill = np.maximum(np.ceil(decode * decode_rate / prefill_rate - 1e-9), 1.0)
    best = int(np.argmin((prefill * prefill_chips + decode * decode_chips) / decode))
    return int(prefill[best]), int(decode[best])


def _estimate(
    search: _Search, pre: _Side, dec: _Side, pair: tuple[int, int], alone: Mapping[str, float | None]
) -> SplitEstimate:
    """The pair with whole numbers of workers."""
    at, to = pair
    first, then = pre.asked[at], dec.asked[to]
    counts = _counts(float(pre.rate[at]), float(dec.rate[to]), float(pre.chips[at]), float(dec.chips[to]))
    link = search.link(pre.link[at : at + 1], dec.link[to : to + 1])
    rate = counts[1] * float(dec.rate[to])
    sent = np.ravel(transfer_s(np.ravel(prompt_cache_bytes(pre.table))[at], link))
    in_flight = rate * float(pre.stay_s[at] + sent[0] + dec.stay_s[to])
    figures = evaluate(
        Split(
            prefill=Candidates.of([first]),
            decode=Candidates.of([replace(then, concurrency=in_flight)]),
            prefill_workers=np.array([float(counts[0])]),
            decode_workers=np.array([float(counts[1])]),
            concurrency=np.array([in_flight]),
            link_bytes_per_s=link,
        )
    )
    one = {name: float(np.ravel(getattr(figures, name))[0]) for name in vars(figures)}
    both = [value for chip in (first.cluster.chip, then.cluster.chip) if (value := alone[chip])]
    return SplitEstimate(
        model=first.model.name,
        prefill=Workers(first.cluster.chip, first.layout, counts[0]),
        decode=Workers(then.cluster.chip, then.layout, counts[1]),
        engine=first.engine.id,
        input_tokens=first.input_tokens,
        output_tokens=then.output_tokens,
        concurrency=in_flight,
        link_gbs=float(link[0]) / GIGA,
        ttft_ms=spread(search.catalogue, first, "ttft", "disaggregated", one["ttft_ms"]),
        tpot_ms=spread(search.catalogue, then, "tpot", "disaggregated", one["tpot_ms"]),
        tokens_per_s_per_chip=spread(search.catalogue, then, "tps", "disaggregated", one["tokens_per_s_per_chip"]),
        requests_per_s=one["requests_per_s"],
        prefill_busy=one["prefill_busy"],
        transfer_ms=MS_PER_S * one["transfer_s"],
        together=max(both) if both else None,
        doubts=tuple(dict.fromkeys((*first.cluster.doubts, *then.cluster.doubts))),
        catalogue_hash=search.catalogue.hash,
    )


def _table(found: Sequence[SplitEstimate]) -> Table:
    mixed = any(one.prefill.chip != one.decode.chip for one in found)
    return Table(
        "prompts read and answers decoded apart: the best of each pair of chips",
        {
            "prefill_chip": [one.prefill.chip for one in found],
            "prefill": [one.prefill.spoken for one in found],
            "decode_chip": [one.decode.chip for one in found],
            "decode": [one.decode.spoken for one in found],
            "chips": [one.prefill.chips + one.decode.chips for one in found],
            "ttft_ms": [one.ttft_ms.value for one in found],
            "tpot_ms": [one.tpot_ms.value for one in found],
            "tokens_per_s_per_chip": [one.tokens_per_s_per_chip.value for one in found],
            "gain": [one.gain for one in found],
        },
        notes=(
            "gain: over the better of both chips when it reads and decodes within the same targets",
            *((UNMEASURED,) if mixed else ()),
        ),
    )
