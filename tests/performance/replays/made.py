"""Replicas with made-up costs, whose queues have known answers, and traffic of given columns."""

from dataclasses import dataclass

import numpy as np

from polysilicon.performance.replays.state import LENGTH, Costs
from polysilicon.performance.replays.traffic import Traffic


@dataclass(frozen=True)
class Made:
    """Costs of a pass that a test makes up: `pass_s` and more for each sequence and token of context."""

    pass_s: float = 1e-3
    sequence_s: float = 0.0
    context_s: float = 0.0
    prompt_token_s: float = 0.0
    overhead_s: float = 0.0
    interference: float = 1.0
    separate: float = 0.0
    chunk_tokens: int = 1_000_000
    ranks: int = 1
    batch: int = 1
    capacity: int = 10_000_000
    cache_ranks: int = 1
    first_s: float = 0.0
    answered: float = 1.0

    def costs(self, most_running: int, most_tokens: int) -> Costs:
        running = np.array([1.0, 2.0, max(most_running, 3.0)])
        context = np.array([0.0, most_tokens / 2, most_tokens + 1.0])
        lengths = np.zeros(3, LENGTH)
        lengths["length"] = (1.0, 2.0, most_tokens + 2.0)
        lengths["alone_s"] = lengths["together_s"] = self.prompt_token_s * lengths["length"]
        lengths["overhead_s"] = self.overhead_s
        decode_s = self.pass_s + running[:, None] * (self.sequence_s + self.context_s * context[None, :])
        return Costs(running, context, np.ascontiguousarray(decode_s), lengths)

    def blocks(self, tokens: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(-(-tokens // 16))


def made_traffic(arrival_s, prompt, answer, hashes=None) -> Traffic:
    """Traffic of these columns; `hashes` are lists of block numbers."""
    hashes = hashes or [[]] * len(arrival_s)
    blocks = np.array([one for each in hashes for one in each], np.int64)
    return Traffic(
        np.asarray(arrival_s, float),
        np.broadcast_to(np.asarray(prompt, np.int64), len(arrival_s)).copy(),
        np.broadcast_to(np.asarray(answer, np.int64), len(arrival_s)).copy(),
        np.cumsum([0, *map(len, hashes)]).astype(np.int64),
        blocks,
        int(blocks.max(initial=-1)) + 1,
    )
