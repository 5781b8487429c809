"""What arrives when: a trace as it was recorded, sped up, cut or repeated; or drawn from a Poisson process."""

from dataclasses import dataclass, replace

import numpy as np

from polysilicon.performance.replays.state import Floats, Whole
from polysilicon.records.errors import InputError, Place

# Tokens of a hashed block of the Mooncake traces. Source: Qin et al., Mooncake (FAST'25), appendix.
HASH_TOKENS = 512
MOST_REQUESTS = 20_000_000
MOST_TOKENS = 10_000_000
MOST_RATE = 1e9


@dataclass(frozen=True)
class Traffic:
    """Requests in the order of arrival, one entry each: seconds from the first, tokens of prompt and answer.

    The hashed blocks of request `i` are `blocks[offset[i]:offset[i + 1]]`, numbers below `distinct_blocks`, of
    `hash_tokens` tokens each; equal numbers stand for an equal prompt up to there.
    """

    arrival_s: Floats
    prompt: Whole
    answer: Whole
    offset: Whole
    blocks: Whole
    distinct_blocks: int = 0
    hash_tokens: int = HASH_TOKENS

    def __len__(self) -> int:
        return int(self.arrival_s.size)

    @property
    def span_s(self) -> float:
        """Time from the first arrival to the last [s]."""
        return float(self.arrival_s[-1]) if len(self) else 0.0

    @property
    def requests_per_s(self) -> float:
        """Mean rate of arrivals; 0 where all come at once."""
        return (len(self) - 1) / self.span_s if self.span_s > 0 else 0.0

    def faster(self, scale: float) -> "Traffic":
        """The same requests `scale` times as fast after one another.

        Raises:
            InputError: no such scale.
        """
        if not 0 < scale <= MOST_RATE:
            raise InputError(
                "is no scale of a rate",
                place=Place(field="--rate-scale"),
                found=scale,
                allowed=f"above 0, up to {MOST_RATE:g}",
            )
        return replace(self, arrival_s=self.arrival_s / scale)

    def of_length(self, requests: int) -> "Traffic":
        """The first `requests` of the trace, or as many laps of it: each lap's prompts are new ones, alike in shape.

        A lap begins a mean gap after the last arrival of the one before.

        Raises:
            InputError: no such number of requests, or nothing to repeat.
        """
        counted(requests)
        if not len(self):
            raise InputError("there are no requests to repeat")
        laps = -(-requests // len(self))
        gap_s = self.span_s / max(len(self) - 1, 1)
        lap = np.repeat(np.arange(laps), len(self))[:requests]
        at = np.tile(np.arange(len(self)), laps)[:requests]
        lengths = np.diff(self.offset)[at]
        offset = np.concatenate([[0], np.cumsum(lengths)])
        blocks = np.concatenate([self.blocks + one * self.distinct_blocks for one in range(laps)])[: offset[-1]]
        return replace(
            self,
            arrival_s=self.arrival_s[at] + lap * (self.span_s + gap_s),
            prompt=self.prompt[at],
            answer=self.answer[at],
            offset=offset,
            blocks=blocks,
            distinct_blocks=self.distinct_blocks * laps,
        )

    def poisson(self, requests_per_s: float, seed: int) -> "Traffic":
        """The same requests in the same order, arriving at random at a mean rate.

        Source: Kingman, Poisson Processes (Oxford, 1993): gaps are exponential and independent.

        Raises:
            InputError: no such rate.
        """
        return replace(self, arrival_s=poisson_s(len(self), requests_per_s, seed))


def alike(prompt: int, answer: int, requests: int, requests_per_s: float, seed: int) -> Traffic:
    """Requests of one shape that arrive at random.

    Raises:
        InputError: no such length, number or rate.
    """
    for field, tokens in (("--input", prompt), ("--output", answer)):
        if not 1 <= tokens <= MOST_TOKENS:
            raise InputError(
                "is no number of tokens", place=Place(field=field), found=tokens, allowed=f"1 to {MOST_TOKENS:,}"
            )
    counted(requests)
    return Traffic(
        poisson_s(requests, requests_per_s, seed),
        np.full(requests, prompt, np.int64),
        np.full(requests, answer, np.int64),
        np.zeros(requests + 1, np.int64),
        np.zeros(0, np.int64),
    )


def poisson_s(requests: int, requests_per_s: float, seed: int) -> Floats:
    """Times of so many arrivals at random, the first at 0 [s].

    Raises:
        InputError: no such rate.
    """
    if not 0 < requests_per_s <= MOST_RATE:
        raise InputError(
            "is no rate of arrivals",
            place=Place(field="--poisson"),
            found=requests_per_s,
            allowed=f"requests a second, above 0, up to {MOST_RATE:g}",
        )
    gaps_s = np.random.default_rng(seed).exponential(1.0 / requests_per_s, requests)
    gaps_s[:1] = 0.0
    return np.cumsum(gaps_s)


def counted(requests: int) -> None:
    """So many requests can be replayed.

    Raises:
        InputError: they can't.
    """
    if not 1 <= requests <= MOST_REQUESTS:
        raise InputError(
            "is no number of requests",
            place=Place(field="--requests"),
            found=requests,
            allowed=f"1 to {MOST_REQUESTS:,}",
        )
