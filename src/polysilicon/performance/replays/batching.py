"""Continuous batching in one replica, from one pass to the next; equal passes are jumped over together.

A pass decodes one token of each running sequence and reads at most a chunk of prompts beside them, first come, first
served. With sequences to decode it takes what decoding takes and the fitted parts of the prompts' work and of a pass's
overhead that decoding does not hide; without, the whole of both. Engines that read prompts before anybody decodes on
are run the same way: as many tokens leave them, but in another order. A prompt is never read sooner than it would be
alone, and many one after another no faster than without decoding, as `serving_engine.stay_s` has it. Nothing but
arrivals, prompts and endings changes what a pass takes, save the context that grows by a token each time: so the
passes between them are an arithmetic series.

Source: Yu et al., Orca (OSDI'22), section 4; Agrawal et al., Sarathi-Serve (arXiv 2403.02310), section 4; the terms are
those of `serving_engine.interference_s` and `serving_engine.prompt_s`.
"""

import math

from polysilicon.performance.replays.heaps import SHIFT, pop, push
from polysilicon.performance.replays.lines import decode_pass_s, passes_until, stretch_s
from polysilicon.performance.replays.prefix_cache import release
from polysilicon.performance.replays.reading import read_pass, soonest_s
from polysilicon.performance.replays.state import COMPLETED, NONE, Cluster

# Sums of the same times in another order differ by so much.
ROUNDING = 1e-12


def advance(cluster: Cluster, replica: int, until_s: float) -> None:
    """Run every pass of a replica that begins before `until_s`; without work its clock stands still."""
    site = cluster.replicas[replica]
    while site.clock_s < until_s:
        read_s = -1.0
        if site.waiting > 0 or site.unread > 0:
            read_s = read_pass(cluster, replica)
        if read_s >= 0.0:
            spend(cluster, replica, read_s, 1 if site.running > 0 else 0)
        elif site.running > 0:
            decode_passes(cluster, replica, until_s)
        elif site.reading > 0:
            spend(cluster, replica, max(soonest_s(cluster, replica) - site.clock_s, 0.0), 0)
        else:
            break


def next_due_s(cluster: Cluster, replica: int) -> float:
    """A time no later than the replica's next completion; infinite where it has nothing to do [s]."""
    site = cluster.replicas[replica]
    if site.unread > 0 or (site.running == 0 and site.reading + site.waiting > 0):
        return float(site.clock_s)
    if site.running == 0:
        return math.inf
    left = cluster.heaps[replica][0] // SHIFT - site.passes
    first_s, slope_s = series_s(cluster, replica, left)
    return min(float(site.clock_s) + stretch_s(first_s, slope_s, left), soonest_s(cluster, replica))


def series_s(cluster: Cluster, replica: int, passes: int) -> tuple[float, float]:
    """Time of the next pass that only decodes, and how much longer each after it takes, up to `passes` of them [s]."""
    site = cluster.replicas[replica]
    context = site.context / site.running
    first_s = decode_pass_s(cluster.costs, site.running, context)
    if passes <= 1:
        return first_s, 0.0
    last_s = decode_pass_s(cluster.costs, site.running, context + (passes - 1))
    return first_s, (last_s - first_s) / (passes - 1)


def decode_passes(cluster: Cluster, replica: int, until_s: float) -> None:
    """Passes that only decode, up to the next ending, the end of a prompt that lags, or the last before `until_s`."""
    site = cluster.replicas[replica]
    passes = cluster.heaps[replica][0] // SHIFT - site.passes
    first_s, slope_s = series_s(cluster, replica, passes)
    time_s = stretch_s(first_s, slope_s, passes)
    room_s = min(until_s, soonest_s(cluster, replica)) - site.clock_s
    if time_s > room_s:
        passes = passes_until(first_s, slope_s, room_s, passes)
        time_s = stretch_s(first_s, slope_s, passes)
    spend(cluster, replica, time_s, passes)


def spend(cluster: Cluster, replica: int, time_s: float, passes: int) -> None:
    """Let time pass in which each running sequence gets `passes` tokens, then take stock."""
    site, heap = cluster.replicas[replica], cluster.heaps[replica]
    held = cluster.limits.capacity - site.free - site.evictable * cluster.limits.hash_blocks
    site.busy_s += time_s
    site.sequence_s += time_s * (site.running + site.reading)
    site.block_s += time_s * held
    site.peak_blocks = max(site.peak_blocks, held)
    site.clock_s += time_s
    site.passes += passes
    site.context += passes * site.running
    site.answer_tokens += passes * site.running
    while site.running > 0 and heap[0] // SHIFT <= site.passes:
        request = pop(heap, site.running) % SHIFT
        asked = cluster.requests[request]
        site.running -= 1
        site.context -= asked.prompt + asked.answer
        complete(cluster, replica, request, site.clock_s)
    if site.reading > 0:
        start_decoding(cluster, replica)


def complete(cluster: Cluster, replica: int, request: int, now_s: float) -> None:
    """A request has its last token: what it held is free."""
    asked = cluster.requests[request]
    asked.finish_s = now_s
    asked.fate = COMPLETED
    cluster.replicas[replica].load -= asked.weight
    release(cluster, replica, request)


def start_decoding(cluster: Cluster, replica: int) -> None:
    """Prompts that are read, and had the time that reading takes alone, give their first token and decode from now."""
    site = cluster.replicas[replica]
    before, request = NONE, site.read_first
    while request != NONE:
        asked = cluster.requests[request]
        after = asked.link
        if asked.read < asked.prompt or asked.ready_s > site.clock_s * (1.0 + ROUNDING):
            before, request = request, after
            continue
        if before == NONE:
            site.read_first = after
        else:
            cluster.requests[before].link = after
        if after == NONE:
            site.read_last = before
        site.reading -= 1
        site.answer_tokens += 1
        asked.first_s = max(asked.first_s, asked.ready_s)
        if asked.answer == 1:
            complete(cluster, replica, request, asked.first_s)
        else:
            push(cluster.heaps[replica], site.running, (site.passes + asked.answer - 1) * SHIFT + request)
            site.running += 1
            site.context += asked.prompt + 1
        request = after
