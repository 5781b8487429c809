"""Lengths of requests of which only the mean and the longest are known."""

from dataclasses import dataclass

import numpy as np

from polysilicon.performance.replays.state import Floats, Whole
from polysilicon.records.errors import InputError

# Where a mean alone is known, nothing is longer than so many times it: longer ones would be one in three thousand.
LONGEST = 8.0
# Beyond this rate, in times of the longest length, a spread is as one that nothing cuts.
STEEP = 500.0


@dataclass(frozen=True)
class Lengths:
    """Tokens of prompts or answers: as evenly spread between one and the longest as their mean allows.

    Where the longest is the mean, all are equal.
    """

    mean_tokens: float
    longest_tokens: float

    def __post_init__(self) -> None:
        if not 1.0 <= self.mean_tokens <= self.longest_tokens < np.inf:
            found = f"mean {self.mean_tokens:g}, longest {self.longest_tokens:g}"
            raise InputError("no lengths have this mean", found=found, allowed="a mean from 1 up to the longest")

    @classmethod
    def about(cls, mean_tokens: float, most_tokens: float = np.inf) -> "Lengths":
        """Lengths of which the mean is known, and at most what a model allows; those of one token are equal."""
        longest = LONGEST * mean_tokens if mean_tokens > 1.0 else mean_tokens
        return cls(mean_tokens, max(min(longest, most_tokens), mean_tokens))

    def drawn(self, requests: int, seed: int) -> Whole:
        """So many lengths in random order: each equally likely part of them is there once, so the mean is exact.

        Source: Jaynes, Information Theory and Statistical Mechanics (Physical Review 106, 1957): of all spreads with a
        known mean the exponential one, here cut at the longest, assumes least.
        """
        chance = np.random.default_rng(seed)
        part, rest = (chance.permutation(requests) + 0.5) / requests, chance.random(requests)
        most, mean = self.longest_tokens - 1.0, self.mean_tokens - 1.0
        alike = mean in (0.0, most)
        beyond = np.full(requests, mean) if alike else most * _quantile(part, _steepness(mean / most))
        # A part of a token is a whole one as often as it is large, so that no mean moves.
        return np.ascontiguousarray(1 + np.floor(beyond + rest).astype(np.int64))


def _quantile(chance: Floats, steepness: float) -> Floats:
    """Where a falling (or, below zero, rising) exponential spread between 0 and 1 has so much of itself behind it."""
    if abs(steepness) < 1e-9:
        return chance
    if steepness < 0.0:
        return 1.0 - _quantile(1.0 - chance, -steepness)
    return np.asarray(-np.log1p(chance * np.expm1(-steepness)) / steepness)


def _steepness(mean: float) -> float:
    """The rate of the exponential spread between 0 and 1 that has this mean."""
    from scipy.optimize import brentq

    if min(mean, 1.0 - mean) < 1.0 / STEEP:
        return 1.0 / mean if mean < 0.5 else -1.0 / (1.0 - mean)

    def off(steepness: float) -> float:
        if abs(steepness) < 1e-6:
            return 0.5 - steepness / 12.0 - mean
        return float(1.0 / steepness - 1.0 / np.expm1(steepness)) - mean

    return float(brentq(off, -1.3 * STEEP, 1.3 * STEEP))
