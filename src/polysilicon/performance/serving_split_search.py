"""Which chips should read prompts, which decode, how many of each, and is that better than doing both in one place."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip, System
from polysilicon.performance import serving_passes as passes
from polysilicon.performance.cluster import Cluster, Reading
from polysilicon.performance.serving_candidates import NETWORKS, Asked, Candidates, Layout
from polysilicon.performance.serving_estimate import met, spread, within
from polysilicon.performance.serving_formats import AUTO
from polysilicon.performance.serving_limits import limits_of
from polysilicon.performance.serving_loads import MOST_CONCURRENT, under
from polysilicon.performance.serving_search import questions, search_serving
from polysilicon.performance.serving_split import (
    Split,
    answers_per_s,
    decode_room,
    evaluate_decoding,
    prompt_cache_bytes,
    prompts_per_s,
    rank_bytes_per_s,
    transfer_s,
)
from polysilicon.performance.serving_table import fits_whole
from polysilicon.performance.values import Range, Values
from polysilicon.records.errors import InputError, NothingFits, Place
from polysilicon.records.table import Table
from polysilicon.records.units import BITS_PER_BYTE, GIGA, MS_PER_S
from polysilicon.workloads.model import Transformer
from polysilicon.workloads.task import Serving

# Prefill workers are sized to be at work this share of the time: beyond, waits grow without bound.
BUSY = 0.8
# A deployment has at most so many decode workers; more repeat it.
MOST_DECODE_WORKERS = 16
MOST_LINK_GBS = 1e6

UNMEASURED = "A split over chips of two vendors was never measured by anyone: each side is as true as alone."


@dataclass(frozen=True)
class Workers:
    """Equal workers of one kind."""

    chip: str
    system: str
    layout: Layout
    count: int

    @property
    def name(self) -> str:
        """What was asked for: the system, or the chip where none was named."""
        return self.system or self.chip

    @property
    def chips(self) -> int:
        """Chips of all of them."""
        return self.count * self.layout.chips

    @property
    def spoken(self) -> str:
        """Their number and layout in words."""
        cut = self.layout
        degrees = f"tp {cut.tp}, pp {cut.pp}, attention dp {cut.attn_dp}, ep {cut.ep}"
        return f"{self.count} x ({degrees}), {cut.precision}, cache in {cut.cache}"


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
class _Side:
    """What one kind of chip may be: workers of every layout that fits to read, others under every load to decode.

    `decode` is the table of `decodes`, of one column, for numbers of workers to stand against. `together` is the best
    throughput of a chip that does both, `None` where nothing meets the targets.
    """

    reads: Sequence[Asked]
    decodes: Sequence[Asked]
    decode: Candidates
    together: float | None


@dataclass(frozen=True)
class _Search:
    """What is the same for every pair: the question, what may be chosen, and the link between workers, if given."""

    catalogue: Catalogue
    model: Transformer
    task: Serving
    formats: Sequence[str]
    engine: str
    cache: str
    most_chips: int | None
    link_gbs: float | None

    def side(self, cluster: Cluster) -> _Side | None:
        """The workers that a cluster offers; `None` where none fits or its chips compute none of the formats.

        A load beyond what decodes at once is no other worker.
        """
        beyond = cluster if self.link_gbs is not None else _networked(self.catalogue, cluster)
        most = self.most_chips or int(np.max(cluster.chips))
        asked = questions(self.catalogue, self.model, self.task, beyond, most, self.formats, self.engine, self.cache)
        table = Candidates.of(asked) if asked else None
        if table is None or not np.any(fits := fits_whole(table)):
            return None
        loads = 2.0 ** (np.arange(2 * np.log2(MOST_CONCURRENT) + 1) / 2.0) * np.asarray(table.attn_dp)[:, None]
        together = np.maximum(np.minimum(loads, np.asarray(decode_room(table))[:, None]), 1.0)
        reads = [asked[at] for at in np.flatnonzero(fits)]
        decodes = [
            replace(one, concurrency=load)
            for one, each in zip(reads, together[fits], strict=True)
            for load in np.unique(each).tolist()
        ]
        decode = Candidates.of(decodes)
        return _Side(reads, decodes, under(decode, np.asarray(decode.concurrency)[:, None]), self._together(cluster))

    def link(self, one: Candidates, other: Candidates, *, full: bool = False) -> Values:
        """Bytes a second that a prompt's cache crosses between two workers with: the slower network of the two.

        That is what networks reach, or with `full` what they are made for.
        """
        if self.link_gbs is not None:
            return self.link_gbs * GIGA
        sent, received = (
            rank_bytes_per_s(
                side.tp, side.pp, side.cluster.scaleout_bytes_per_s * (1.0 if full else side.share["scaleout_link"])
            )
            for side in (one, other)
        )
        slower: Values = np.minimum(sent, received)
        return slower

    def _together(self, cluster: Cluster) -> float | None:
        try:
            found = search_serving(
                self.catalogue,
                self.model,
                self.task,
                [cluster],
                most_chips=self.most_chips,
                precisions=self.formats,
                engine=self.engine,
                cache=self.cache,
                top=1,
            )
        except (NothingFits, InputError):
            return None
        return found.best.tokens_per_s_per_chip.value


def search_split(
    catalogue: Catalogue,
    model: Transformer,
    task: Serving,
    clusters: Sequence[Cluster],
    *,
    most_chips: int | None = None,
    precisions: Sequence[str] | None = None,
    engine: str = "vllm",
    cache: str = AUTO,
    link_gbs: float | None = None,
) -> SplitSearch:
    """The best pair of workers for every ordered pair of `clusters`, and the best of all.

    Every worker that reads is held against every one that decodes, in every number up to `MOST_DECODE_WORKERS`; what is
    chosen by is what is reported, so a target that the answer keeps anyway changes nothing.

    `link_gbs` is the bandwidth that a prompt's cache crosses between a pair of workers with. By default it is what the
    slower of their chips' own networks carries, also where both are of one kind: any worker sends to any other, a
    deployment soon outgrows a scale-up domain, and scale-up links of two vendors do not speak to each other.

    Raises:
        NothingFits: no pair fits in memory and meets the targets.
        InputError: no cluster, a senseless link, an unknown network, engine or format.
    """
    if not clusters:
        raise InputError("a search needs at least one cluster")
    if link_gbs is not None and not 0 < link_gbs < MOST_LINK_GBS:
        allowed = f"GB/s above 0, below {MOST_LINK_GBS:,.0f}"
        raise InputError("is no bandwidth of a link", place=Place(field="--link-gbs"), found=link_gbs, allowed=allowed)
    formats = list(precisions) if precisions else [model.asked_precision]
    search = _Search(catalogue, model, task, formats, engine, cache, most_chips, link_gbs)
    sides = [side for cluster in clusters if (side := search.side(cluster))]
    found = [best for pre in sides for dec in sides if (best := _best(search, pre, dec))]
    if not found:
        raise NothingFits(f"no split deployment of {model.name} fits in memory and meets the targets")
    found.sort(key=lambda one: -one.tokens_per_s_per_chip.value)
    tried = sum(len(side.reads) + len(side.decodes) for side in sides)
    return SplitSearch(found[0], _table(catalogue, found), tried)


def _networked(catalogue: Catalogue, cluster: Cluster) -> Cluster:
    """The same cluster with its chips' own network beyond them, which one within a scale-up domain leaves unread.

    Raises:
        InputError: no source states it, or there is none.
    """
    if cluster.chips > cluster.scaleup_domain:
        return cluster
    system = catalogue.get(System, cluster.system) if cluster.system else None
    record: Chip | System = catalogue.get(Chip, cluster.chip)
    name, chips = "scaleout_nic_gbps", 1.0
    if system is not None and system.scaleout_total_gbps and system.chips:
        record, name, chips = system, "scaleout_total_gbps", system.chips
    gbps = getattr(record, name)
    if not gbps:
        raise InputError(
            "no network between workers is known" if gbps is None else "has no network between workers",
            place=Place(field=f"{record.id}: {name}"),
            found=gbps,
            remedy="say what a pair of workers sends with: --link-gbs 50; or give the field in a --facts file",
        )
    origin = record.origin(name)
    read = Reading(name, record.id, gbps, str(origin.confidence), origin.sources)
    return replace(
        cluster, scaleout_bytes_per_s=gbps / chips / BITS_PER_BYTE * GIGA, readings=(*cluster.readings, read)
    )


def _best(search: _Search, pre: _Side, dec: _Side) -> SplitEstimate | None:
    """The best deployment whose prompts one side reads and whose answers the other decodes."""
    found = [best for reader in pre.reads if (best := _best_read_by(search, reader, dec))]
    if not found:
        return None
    best = min(found, key=lambda one: (-_rank(one.tokens_per_s_per_chip), one.chips))
    return _estimate(search, best, [one for one in (pre.together, dec.together) if one])


@dataclass(frozen=True)
class _Deployment:
    """One deployment: what its workers were asked, how many there are, what is in flight, and what comes of it."""

    reader: Asked
    decoder: Asked
    readers: int
    decoders: int
    concurrency: float
    link_bytes_per_s: float
    figures: Mapping[str, float]

    @property
    def tokens_per_s_per_chip(self) -> float:
        """Of all its chips."""
        return self.figures["tokens_per_s_per_chip"]

    @property
    def chips(self) -> int:
        """All of them."""
        return self.readers * self.reader.layout.chips + self.decoders * self.decoder.layout.chips


def _best_read_by(search: _Search, reader: Asked, dec: _Side) -> _Deployment | None:
    """The best deployment with these prefill workers, of every decode worker (rows) in every number (columns).

    There are as few prefill workers as read what is decoded while at work `BUSY` of the time. Of equals the one with
    fewest chips is taken: others have the same shares several times.
    """
    pre, decode = Candidates.of([reader]), dec.decode
    alone, decoding = passes.prompt_alone_s(pre), decode.concurrency
    workers = np.arange(1.0, MOST_DECODE_WORKERS + 1.0)
    token = passes.token_s(decode, decoding)
    rate = np.asarray(answers_per_s(workers, decoding, decode.output_tokens, token))
    readers = np.maximum(np.ceil(rate / (BUSY * prompts_per_s(1.0, pre.attn_dp, pre.pp, alone)) - 1e-9), 1.0)
    link = search.link(pre, decode)
    in_flight = rate * (alone + transfer_s(prompt_cache_bytes(pre), link) + decode.output_tokens * token)
    figures = evaluate_decoding(Split(pre, decode, readers, workers, in_flight, link), decoding)
    kept = met(search.task, figures)
    if not np.any(kept):
        return None
    every = {name: np.broadcast_to(value, rate.shape) for name, value in vars(figures).items()}
    rank = np.where(kept, _rank(every["tokens_per_s_per_chip"]), -np.inf)
    chips = readers * reader.layout.chips + workers * decode.tp * decode.pp * decode.attn_dp
    at = np.unravel_index(np.argmin(np.where(rank == np.max(rank), chips, np.inf)), rate.shape)
    return _Deployment(
        reader=reader,
        decoder=dec.decodes[int(at[0])],
        readers=int(readers[at]),
        decoders=int(workers[at[1]]),
        concurrency=float(in_flight[at]),
        link_bytes_per_s=float(np.broadcast_to(link, rate.shape)[at]),
        figures={name: float(value[at]) for name, value in every.items()},
    )


def _rank(tokens_per_s_per_chip: Values) -> Values:
    """Throughput to compare by: what differs only by rounding is equal."""
    rank: Values = np.round(np.log(np.asarray(tokens_per_s_per_chip, float)), 9)
    return rank


def _estimate(search: _Search, best: _Deployment, together: Sequence[float]) -> SplitEstimate:
    """A deployment with the intervals of its figures."""
    first, then, one = best.reader, best.decoder, best.figures
    ttft, tpot, tps = (
        spread(search.catalogue, asked, short, "disaggregated", one[name])
        for asked, short, name in (
            (first, "ttft", "ttft_ms"),
            (then, "tpot", "tpot_ms"),
            (then, "tps", "tokens_per_s_per_chip"),
        )
    )
    read = Candidates.of([first])
    sent_s = transfer_s(prompt_cache_bytes(read), search.link(read, Candidates.of([then]), full=True))
    best_first = limits_of([first])
    best_first = replace(best_first, ttft_ms=best_first.ttft_ms + MS_PER_S * sent_s)
    return SplitEstimate(
        model=first.model.name,
        prefill=Workers(first.cluster.chip, first.cluster.system, first.settled, best.readers),
        decode=Workers(then.cluster.chip, then.cluster.system, then.settled, best.decoders),
        engine=first.engine.id,
        input_tokens=first.input_tokens,
        output_tokens=then.output_tokens,
        concurrency=best.concurrency,
        link_gbs=best.link_bytes_per_s / GIGA,
        ttft_ms=within(ttft, "ttft_ms", best_first),
        tpot_ms=within(tpot, "tpot_ms", limits_of([then])),
        tokens_per_s_per_chip=tps,
        requests_per_s=one["requests_per_s"],
        prefill_busy=one["prefill_busy"],
        transfer_ms=MS_PER_S * one["transfer_s"],
        together=max(together, default=None),
        doubts=_doubts(first, then),
        catalogue_hash=search.catalogue.hash,
    )


def _doubts(first: Asked, then: Asked) -> tuple[Reading, ...]:
    """What both workers rest on, and the networks that join them, which neither uses by itself."""
    joined = [one for side in (first, then) for one in side.cluster.doubts if one.field in NETWORKS]
    return tuple(dict.fromkeys((*first.doubts, *then.doubts, *joined)))


def _table(catalogue: Catalogue, found: Sequence[SplitEstimate]) -> Table:
    vendor = {name: catalogue.get(Chip, name).vendor for one in found for name in (one.prefill.chip, one.decode.chip)}
    mixed = any(vendor[one.prefill.chip] != vendor[one.decode.chip] for one in found)
    return Table(
        "prompts read and answers decoded apart: the best of each pair of chips",
        {
            "prefill_chip": [one.prefill.name for one in found],
            "prefill": [one.prefill.spoken for one in found],
            "decode_chip": [one.decode.name for one in found],
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
