"""Lengths of requests of which only the mean and the longest are known."""

from dataclasses import dataclass

import numpy as np

from polysilicon.performance.replays.state import Floats, Whole
from polysilicon.records.errors import InputError

# Where a mean alone is known, nothing is longer than so many times it: longer ones would be one in three thousand.
LONGEST = 8.0
# Rates, in times of the longest length, between which one gives any mean that whole tokens can tell apart.
STEEPEST = 500.0


@dataclass(frozen=True)
class Lengths:
    """Tokens of prompts or answers: as evenly spread between none and the longest as their mean allows.

    Where the longest is the mean, all are equal.
    """

    mean_tokens: float
    longest_tokens: float

    def __post_init__(self) -> None:
        if not 0 < self.mean_tokens <= self.longest_tokens < np.inf:
            found = f"mean {self.mean_tokens:g}, longest {self.longest_tokens:g}"
            raise InputError("no lengths have this mean", found=found, allowed="a mean above 0, up to the longest")

    @classmethod
    def about(cls, mean_tokens: float, most_tokens: float = np.inf) -> "Lengths":
        """Lengths of which the mean is known, and at most what a model allows."""
        return cls(mean_tokens, max(min(LONGEST * mean_tokens, most_tokens), mean_tokens))

    def drawn(self, requests: int, seed: int) -> Whole:
        """So many lengths in random order: each equally likely part of them is there once, so the mean is exact.

        Source: Jaynes, Information Theory and Statistical Mechanics (Physical Review 106, 1957): of all spreads with a
        known mean the exponential one, here cut at the longest, assumes least.
        """
        chance = (np.random.default_rng(seed).permutation(requests) + 0.5) / requests
        if self.longest_tokens == self.mean_tokens:
            tokens = np.full(requests, self.mean_tokens)
        else:
            tokens = self.longest_tokens * _quantile(chance, _steepness(self.mean_tokens / self.longest_tokens))
        return np.ascontiguousarray(np.maximum(np.rint(tokens), 1.0).astype(np.int64))


def _quantile(chance: Floats, steepness: float) -> Floats:
    """Where a falling (or, below zero, rising) exponential spread between 0 and 1 has so much of itself behind it."""
    if abs(steepness) < 1e-9:
        return chance
    return np.asarray(-np.log1p(chance * np.expm1(-steepness)) / steepness)


def _steepness(mean: float) -> float:
    """The rate of the exponential spread between 0 and 1 that has this mean."""
    from scipy.optimize import brentq

    def off(steepness: float) -> float:
        if abs(steepness) < 1e-6:
            return 0.5 - steepness / 12.0 - mean
        return float(1.0 / steepness - 1.0 / np.expm1(steepness)) - mean

    if off(STEEPEST) > 0 or off(-STEEPEST) < 0:
        return STEEPEST if mean < 0.5 else -STEEPEST
    return float(brentq(off, -STEEPEST, STEEPEST))
