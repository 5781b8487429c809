"""What a pass of one replica takes and what its memory holds, read off the analytic model of serving.

There is one implementation of each formula: `serving_passes` and `serving_engine`. Here they are evaluated on nodes,
which the event loop joins by straight lines; so a replay follows the analytic model wherever that is refitted.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from polysilicon.performance import serving_passes as passes
from polysilicon.performance import serving_room as room
from polysilicon.performance.replays.state import LENGTH, Costs, Floats, Whole
from polysilicon.performance.serving_candidates import Asked, Candidates
from polysilicon.performance.serving_table import usable_bytes
from polysilicon.records.units import MICRO

# Nodes lie this far apart: a prompt's work is a parabola, a pass over running sequences nearly a line.
PROMPT_STEP, RUNNING_STEP, CONTEXT_STEP = 1.05, 1.08, 1.12
# Tokens of one block of a paged cache. Source: vLLM documentation, engine arguments, --block-size.
BLOCK_TOKENS = 16


@dataclass(frozen=True)
class PassCosts:
    """The analytic model of one replica, asked for columns of lengths and numbers of sequences."""

    asked: Asked

    @cached_property
    def table(self) -> Candidates:
        """The question as a table of length one."""
        return Candidates.of([self.asked])

    @property
    def ranks(self) -> int:
        """Chunks that a replica reads in one pass: one for each attention rank and pipeline stage."""
        return self.asked.layout.attn_dp * self.asked.layout.pp

    @property
    def chunk_tokens(self) -> int:
        """Prompt tokens that a rank reads in one pass at most."""
        return max(int(np.ravel(self.table.chunk_tokens)[0]), 1)

    @property
    def first_s(self) -> float:
        """Handling of a request outside the passes [s]."""
        return self._engine("first_us") * MICRO

    @property
    def interference(self) -> float:
        """Share of the prompts' work that decoding does not hide."""
        return self._engine("interference")

    @property
    def separate(self) -> float:
        """Share of a pass's overhead that prompts read beside decoding pay anew."""
        return self._engine("separate")

    @property
    def batch(self) -> int:
        """Sequences that the engine runs at once in one replica."""
        return int(np.ravel(self.table.engine_batch)[0]) * self.asked.layout.attn_dp

    def costs(self, most_running: int, most_tokens: int) -> Costs:
        """Times of passes of up to `most_running` sequences of up to `most_tokens` tokens each."""
        running = _nodes(max(most_running, 2), RUNNING_STEP)
        context = np.concatenate([[0.0], _nodes(most_tokens, CONTEXT_STEP)])
        length = _nodes(most_tokens, PROMPT_STEP)
        # Runs that differ by chance alone share their nodes, and so their times.
        key = (running.size, context.size, length.size)
        if key not in self._timed:
            self._timed[key] = self._times(running, context, length)
        return self._timed[key]

    @cached_property
    def _timed(self) -> dict[tuple[int, int, int], Costs]:
        """Times of passes by the numbers of nodes, which nodes follow from."""
        return {}

    def _times(self, running: Floats, context: Floats, length: Floats) -> Costs:
        """Times of passes at the nodes."""
        decode_s = passes.token_s(self._of(context[None, :], 0.0), running[:, None])
        alone_s, overhead_s = passes.prefill_parts_s(self._of(length, 0.0, concurrency=1.0))
        together_s, _ = passes.prefill_parts_s(self._of(length, 0.0, concurrency=float(self.asked.layout.attn_dp)))
        lengths = np.zeros(length.size, LENGTH)
        columns = (length, alone_s, together_s, overhead_s)
        for name, values in zip(LENGTH.names or (), columns, strict=True):
            lengths[name] = values
        spread_s = np.broadcast_to(decode_s, (running.size, context.size))
        return Costs(running, context, np.ascontiguousarray(spread_s), lengths)

    @cached_property
    def capacity(self) -> int:
        """Blocks that the cache of a replica holds beside the weights; none where they don't fit."""
        weights, _ = passes.memory_bytes(self.table)
        free = room.memory_batch(usable_bytes(self.table), weights, 1.0, self.table.attn_dp)
        return int(np.ravel(free)[0] / self.block_bytes)

    @property
    def cache_ranks(self) -> int:
        """Attention ranks that the cache of a replica is parted over: a sequence lies on one of them."""
        return self.asked.layout.attn_dp

    @cached_property
    def block_bytes(self) -> float:
        """Cache of a block's tokens on one chip, where every layer keeps them [B]."""
        sizes = self._sequence_bytes(np.array([float(BLOCK_TOKENS), 2.0 * BLOCK_TOKENS]))
        return float(sizes[1] - sizes[0])

    @property
    def answered(self) -> float:
        """Part of its answer for which a sequence takes up blocks, on average over its time."""
        return float(np.ravel(self.table.room["answered"])[0])

    def blocks(self, tokens: Whole) -> Whole:
        """Blocks that a sequence of each length needs; windows and states of linear attention count as they are."""
        each, back = np.unique(tokens, return_inverse=True)
        needed = np.ceil(self._sequence_bytes(each.astype(float)) / self.block_bytes - 1e-9)
        return np.ascontiguousarray(np.maximum(needed, 1.0).astype(np.int64)[back])

    def _sequence_bytes(self, tokens: Floats) -> Floats:
        return _column(passes.memory_bytes(self._of(tokens, 0.0))[1], tokens)

    def _of(self, input_tokens: Floats, output_tokens: float, concurrency: float = 1.0) -> Candidates:
        """The same question for a column of lengths: its formulas are elementwise and broadcast."""
        return replace(
            self.table,
            input_tokens=input_tokens,
            output_tokens=np.array(output_tokens),
            concurrency=np.array(concurrency),
        )

    def _engine(self, name: str) -> float:
        return float(np.ravel(self.table.engine[name])[0])


def _nodes(most: int, step: float) -> Floats:
    """Whole numbers from 1 to `most` and a little beyond, each `step` times the one before or its successor."""
    nodes = [1.0]
    while nodes[-1] < most:
        nodes.append(float(max(np.floor(nodes[-1] * step), nodes[-1] + 1.0)))
    return np.array([*nodes, nodes[-1] * 2.0 + 1.0])


def _column(values: object, like: Floats) -> Floats:
    return np.ascontiguousarray(np.broadcast_to(np.asarray(values, float), like.shape))
