"""How often a chip interrupts the job it works in: from published observations, inherited where a chip has none."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip
from polysilicon.facts.record import LOW_CONFIDENCE
from polysilicon.facts.reliability import Reliability
from polysilicon.performance.values import Values
from polysilicon.records.bounded import Bounded
from polysilicon.records.errors import InputError
from polysilicon.records.recorder import Leaf, formula

# Standard deviations from the middle of a normal distribution to the ends of its 90 % interval.
NINETY = 1.6448536269514722


@formula
def chip_days_between(chip_days: Values, interruptions: Values) -> Values:
    """Days that one chip works, on average, between two interruptions that it causes.

    Source: maximum likelihood of a constant failure rate; Kokolis et al. (arXiv 2410.21680), section III.
    """
    return chip_days / interruptions


@dataclass(frozen=True)
class Failures:
    """Chip-days between interruptions with their 90 % interval, and whose observations they are.

    `level` is `chip`, `family`, `class` or `all`: a chip that nobody observed inherits from its family, else its class,
    else all, with the spread between chips added. `user` is a figure of the user's own.
    """

    chip_days: Bounded
    level: str
    records: tuple[str, ...]
    doubtful: bool = False

    def __str__(self) -> str:
        if self.level == "user":
            return "failures: your own figure"
        whose = {"chip": "this chip", "family": "chips of its family", "class": "chips of its class"}
        return f"failures: observed on {whose.get(self.level, 'other chips')} ({', '.join(self.records)})"


def failures_of(catalogue: Catalogue, chip_id: str, chip_days: float | None = None) -> Failures:
    """How often a chip interrupts a job; `chip_days` is the user's own figure.

    The interval is that of one more site: how far sites with one chip lie apart, and for a chip nobody observed how
    far chips do, both in logarithms.

    Source: random effects, DerSimonian and Laird, Meta-analysis in clinical trials (1986), with unweighted moments.

    Raises:
        UnknownName: no chip is called so.
        InputError: the user's figure is not above zero, or the catalogue holds no observation.
    """
    if chip_days is None:
        return _observed(catalogue, chip_id)
    if not chip_days > 0:
        raise InputError("chip-days between interruptions must be above zero", found=chip_days)
    return Failures(
        Bounded(chip_days, chip_days, chip_days, Leaf("chip-days between interruptions: yours")), "user", ()
    )


@lru_cache(maxsize=512)
def _observed(catalogue: Catalogue, chip_id: str) -> Failures:
    chip = catalogue.get(Chip, chip_id)
    seen = [(one, catalogue.get(Chip, one.chip_id)) for one in catalogue.every(Reliability)]
    if not seen:
        raise InputError("the catalogue holds no observation of failures", remedy="state chip-days of your own")
    levels = (
        ("chip", [one for one, its in seen if its.id == chip.id]),
        ("family", [one for one, its in seen if its.family and its.family == chip.family]),
        ("class", [one for one, its in seen if its.device_class == chip.device_class]),
        ("all", [one for one, _ in seen]),
    )
    level, found = next((level, found) for level, found in levels if found)
    middle, spread = _pooled(_by_chip([one for one, _ in seen]), _by_chip(found), level == "chip")
    low, value, high = (math.exp(middle + step * spread) for step in (-NINETY, 0.0, NINETY))
    names = tuple(one.id for one in found)
    leaf = Leaf(f"chip-days between interruptions: {', '.join(names)}", "estimate" if level != "chip" else "")
    doubtful = level != "chip" or any(one.confidence in LOW_CONFIDENCE for one in found)
    return Failures(Bounded(value, low, high, leaf), level, names, doubtful)


def _by_chip(seen: Sequence[Reliability]) -> dict[str, list[tuple[float, float]]]:
    """Logarithm of each observation and its own variance, by chip."""
    grouped: dict[str, list[tuple[float, float]]] = {}
    for one in seen:
        low, high = one.interruptions_low or one.interruptions, one.interruptions_high or one.interruptions
        stated = math.log(high / low) / (2.0 * NINETY)
        own = stated**2 if stated else 1.0 / one.interruptions  # else the variance of a Poisson count's logarithm
        grouped.setdefault(one.chip_id, []).append((math.log(chip_days_between(one.chip_days, one.interruptions)), own))
    return grouped


def _pooled(
    every: Mapping[str, list[tuple[float, float]]], found: Mapping[str, list[tuple[float, float]]], own: bool
) -> tuple[float, float]:
    """Middle and standard deviation, in logarithms, of one more site with such a chip."""
    within, between = _spreads(every)
    means = [_mean(observed, within) for observed in found.values()]
    middle = sum(mean for mean, _ in means) / len(means)
    error = sum(variance for _, variance in means) / len(means) ** 2
    others = 0.0 if own else between * (1.0 + 1.0 / len(means))
    return middle, math.sqrt(within + error + others)


def _spreads(every: Mapping[str, list[tuple[float, float]]]) -> tuple[float, float]:
    """Variance between sites with one chip, and between chips; the latter keeps the means' own errors: cautious."""
    excess, freedom = 0.0, 0
    for observed in every.values():
        mean = sum(value for value, _ in observed) / len(observed)
        excess += sum((value - mean) ** 2 for value, _ in observed)
        freedom += len(observed) - 1
    within = excess / freedom if freedom else 1.0
    means = [_mean(observed, within) for observed in every.values()]
    middle = sum(mean for mean, _ in means) / len(means)
    apart = sum((mean - middle) ** 2 for mean, _ in means) / max(len(means) - 1, 1)
    return within, apart


def _mean(observed: Sequence[tuple[float, float]], within: float) -> tuple[float, float]:
    """Mean of a chip's observations, each weighted by how sure it is, and the variance of that mean."""
    weights = [1.0 / (within + own) for _, own in observed]
    return sum(w * value for w, (value, _) in zip(weights, observed, strict=True)) / sum(weights), 1.0 / sum(weights)
