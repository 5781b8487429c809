"""How long a call takes: the least of several samples, each long enough to be read off a clock, with their spread."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Clock = Callable[[], float]
LEAST_REPEATS, MOST_REPEATS = 7, 60
# A sample so long is read off the clock to a few parts in a thousand; a kernel so long is a sample by itself.
SAMPLE_S = 1e-3
WARM_UPS = 2
# Samples within such a share of the least are said to agree with it, and so many have to.
AGREE, AGREEING = 0.05, 3
# Time on the wall, or that in which this process ran: for one thread on a machine that others keep busy.
CLOCKS: Mapping[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}


@dataclass(frozen=True)
class Timing:
    """The least time of a call, how far the median of the samples lies above it, and whether enough agree."""

    time_s: float
    spread: float
    repeats: int
    trusted: bool


# What can't run on a device: no time, and no trust.
NEVER = Timing(0.0, 0.0, 0, trusted=False)


def timed(
    call: Callable[[], object], synchronise: Callable[[], None], most_s: float, clock: Clock | None = None
) -> Timing:
    """Time a call: at least seven samples, more while they disagree and `most_s` [s] is not used up.

    The least is what the machine does when nothing else disturbs it. It is not trusted where fewer than three samples
    come near it: then it may be luck, or the machine never was undisturbed.

    Source: Chen, Revels, Robust benchmarking in noisy environments (arXiv 1608.04295): the minimum as estimator.
    """
    now = clock or time.perf_counter
    for _ in range(WARM_UPS):
        call()
    synchronise()
    began = now()
    call()
    synchronise()
    calls = max(int(SAMPLE_S / max(now() - began, 1e-9)), 1)
    samples: list[float] = []
    ends = began + most_s
    while len(samples) < LEAST_REPEATS or (len(samples) < MOST_REPEATS and now() < ends and not _agree(samples)):
        start = now()
        for _ in range(calls):
            call()
        synchronise()
        samples.append((now() - start) / calls)
    samples.sort()
    return Timing(samples[0], samples[len(samples) // 2] / samples[0] - 1.0, len(samples), _agree(samples))


def _agree(samples: list[float]) -> bool:
    least = min(samples)
    return sum(one <= least * (1.0 + AGREE) for one in samples) >= AGREEING
