"""What serving engines are set to unless told otherwise: how much one pass takes on, and what it reads first."""

import re
from typing import NamedTuple

from msgspec import structs

from polysilicon.facts.record import Count, Quantity, Ratio, Record


class KeptFree(NamedTuple):
    """The figures of an engine's rule that hold for one replica; see `ServingEngine`."""

    kept_mib: float
    token_kept_mib: float
    chunk_tokens: float
    graph_kept_mib: float
    graphs: float
    chip_kept_mib: float
    rank_graph_kept_mib: float
    least_kept_mib: float


class ServingEngine(Record, frozen=True, kw_only=True):
    """The defaults of one engine. `batched_tokens` is what a pass reads of prompts at most, `sequences` how many
    decode together at most; both are of one attention rank.

    `small_batched_tokens` and `small_sequences` hold on chips with less memory than `small_below_gib` and on the
    `small_chips` whatever their memory; `large_batched_tokens` from `large_from_gib` on. `prompts_first` says that
    waiting prompts are read in passes of their own before anybody decodes on; else they ride along.
    `cache_as_weights` says that keys and values are kept as narrow as the checkpoint's quantisation has them; else they
    are kept in the model's own 16 bits, however narrow the weights, unless the checkpoint says how and they are
    `cache_as_stated`; versions before `cache_as_stated_from` leave that unread. `look_passes` are the passes from one
    look for new requests to the next while answers are decoded; estimates under a constant load read them, replays do
    not. `sets_aside` says that a sequence is let in only where the whole of its answer will find room; else it takes up
    memory as it grows, and is put back where that runs out. With `fused_reductions` what products leave to be summed
    over chips is sent while they run. `in_process` names the engine whose fitted overheads it has where a benchmark
    calls it in its own process, without a server before it: its own where that is empty.

    Weights and cache fill `memory_share` of a chip, or, where it is a `share_of_rest`, the cache that much of what
    weights and activations leave. An engine that `profiles` sees what a pass needs beside; `sampler_copies` is how
    often its profile run holds the scores of all words for as many sequences as may run, in single precision; versions
    before `older_before` hold `older_sampler_copies`.

    Others keep a stated amount free: `kept_mib`, and more for each token of a chunk (of `least_chunk_tokens` at least),
    each size of a batch with a recorded graph (`graphs`; `many_graphs` from `many_chips` on and on chips with
    `large_from_gib`; `few_graphs` and `many_few_graphs` below `few_below_gib`), each chip of a replica and each copy of
    attention, and at least `least_kept_mib` from `few_below_gib` on. Replicas of more than `most_by_rule_chips` are set
    by hand: they keep what one of so many keeps with a single copy.
    """

    name: str
    batched_tokens: Count
    sequences: Count
    small_batched_tokens: Count | None = None
    small_sequences: Count | None = None
    small_below_gib: Quantity | None = None
    small_chips: tuple[str, ...] = ()
    large_batched_tokens: Count | None = None
    large_from_gib: Quantity | None = None
    memory_share: Ratio
    sets_aside: bool
    share_of_rest: bool = False
    profiles: bool = False
    sampler_copies: Count = 0.0
    older_sampler_copies: Count = 0.0
    older_before: str = ""
    kept_mib: Quantity = 0.0
    token_kept_mib: Quantity = 0.0
    graph_kept_mib: Quantity = 0.0
    chip_kept_mib: Quantity = 0.0
    rank_graph_kept_mib: Quantity = 0.0
    many_rank_graph_kept_mib: Quantity = 0.0
    least_kept_mib: Quantity = 0.0
    least_chunk_tokens: Count = 0.0
    graphs: Count = 0.0
    many_graphs: Count = 0.0
    few_graphs: Count = 0.0
    many_few_graphs: Count = 0.0
    many_chips: Count | None = None
    few_below_gib: Quantity = 0.0
    most_by_rule_chips: Count = 0.0
    prompts_first: bool = False
    look_passes: Count = 1.0
    fused_reductions: bool = False
    cache_as_weights: bool = False
    cache_as_stated: bool = False
    cache_as_stated_from: str = ""
    in_process: str = ""

    def chunked(self, tokens: int) -> "ServingEngine":
        """The engine told to read so many tokens of prompts in a pass, whatever the chip.

        Whoever says so says what is kept free for them, too: no rule multiplies it.
        """
        same = dict.fromkeys(("batched_tokens", "small_batched_tokens", "large_batched_tokens"), tokens)
        return structs.replace(self, token_kept_mib=0.0, **same)

    def running(self, sequences: int) -> "ServingEngine":
        """The engine told to run so many sequences at most on an attention rank, whatever the chip."""
        return structs.replace(self, sequences=float(sequences), small_sequences=float(sequences))

    def fusing(self) -> "ServingEngine":
        """The engine told to reduce results over chips tile by tile, while the product that makes them goes on."""
        return structs.replace(self, fused_reductions=True)

    def looking(self, passes: int) -> "ServingEngine":
        """The engine told to look for new requests so seldom: SGLang's `scheduler-recv-interval`, or TensorRT-LLM's
        `timeout_iters`, which has prompts wait for those of all ranks of attention."""
        return structs.replace(self, look_passes=float(passes))

    def released(self, version: str) -> "ServingEngine":
        """The engine as it was in a version, written as `0.11.0`; as it is now where that says nothing."""
        told, known = self, _numbers(version)
        if known and self.older_before and known < _numbers(self.older_before):
            told = structs.replace(told, sampler_copies=self.older_sampler_copies)
        if known and self.cache_as_stated_from and known < _numbers(self.cache_as_stated_from):
            told = structs.replace(told, cache_as_stated=False)
        return told

    def filling(self, share: float) -> "ServingEngine":
        """The engine told to fill so much of a chip, or of what is left, and to keep nothing free by rule."""
        none = dict.fromkeys(("kept_mib", "token_kept_mib", "graph_kept_mib", "chip_kept_mib", "least_kept_mib"), 0.0)
        none |= dict.fromkeys(("rank_graph_kept_mib", "many_rank_graph_kept_mib"), 0.0)
        return structs.replace(self, memory_share=share, **none)

    def takes(self, chip: str, memory_gib: float) -> tuple[float, float]:
        """Tokens and sequences of a pass on a chip with so much memory."""
        tokens, sequences = self.batched_tokens, self.sequences
        if chip in self.small_chips or (self.small_below_gib is not None and memory_gib < self.small_below_gib):
            tokens, sequences = self.small_batched_tokens or tokens, self.small_sequences or sequences
        elif self.large_from_gib is not None and memory_gib >= self.large_from_gib:
            tokens = self.large_batched_tokens or tokens
        return float(tokens), float(sequences)

    def kept_free(self, chip: str, memory_gib: float, chips: float, attn_dp: float) -> KeptFree:
        """What it keeps free by rule in a replica of `chips` such chips with `attn_dp` copies of attention."""
        many = self.many_chips is not None and chips >= self.many_chips
        few = memory_gib < self.few_below_gib
        large = self.large_from_gib is not None and memory_gib >= self.large_from_gib
        graphs = (
            (self.few_graphs, self.many_few_graphs)[many] if few else (self.graphs, self.many_graphs)[many or large]
        )
        of_rank = self.many_rank_graph_kept_mib if graphs > self.graphs else self.rank_graph_kept_mib
        return KeptFree(
            kept_mib=self.kept_mib,
            token_kept_mib=self.token_kept_mib,
            chunk_tokens=max(self.takes(chip, memory_gib)[0], self.least_chunk_tokens),
            graph_kept_mib=self.graph_kept_mib,
            graphs=graphs,
            chip_kept_mib=self.chip_kept_mib,
            rank_graph_kept_mib=of_rank if attn_dp > 1 and chips <= self.most_by_rule_chips else 0.0,
            least_kept_mib=0.0 if few else self.least_kept_mib,
        )


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version."""
    found = re.match(r"\d+(\.\d+)*", version.strip().lstrip("v"))
    return tuple(int(one) for one in found[0].split(".")) if found else ()
