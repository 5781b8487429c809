"""Reading prompts: who is admitted, which piece of whose prompt a pass takes, and how long that is."""

import math

from polysilicon.performance.replays.lines import decode_pass_s, prompt_costs_s
from polysilicon.performance.replays.prefix_cache import evict, hits, idle_hits, pin, share
from polysilicon.performance.replays.state import NONE, Cluster


def read_pass(cluster: Cluster, replica: int) -> float:
    """Compose a pass that reads prompts, beside decoding where there is any; its time, or -1 where none can be read."""
    site, limits = cluster.replicas[replica], cluster.limits
    budget = limits.chunk_tokens * limits.ranks
    tokens, prompts, fresh, longest = 0, 0, 0, 0
    longest_s, work_s = 0.0, 0.0
    request = site.read_first
    while budget > 0:
        if request == NONE:
            request = admit(cluster, replica)
            if request == NONE:
                break
        asked = cluster.requests[request]
        if asked.read < asked.prompt:
            taken = min(asked.prompt - asked.read, limits.chunk_tokens, budget)
            fresh += 1 if asked.read == asked.cached else 0
            alone_s, together_s = piece_s(cluster, request, taken)
            longest_s = max(longest_s, alone_s)
            work_s += together_s
            longest = max(longest, asked.prompt)
            asked.read += taken
            budget -= taken
            tokens += taken
            prompts += 1
        request = asked.link
    if prompts == 0:
        return -1.0
    site.prompt_tokens += tokens
    overhead_s = prompt_costs_s(cluster.costs, max(longest, tokens))[2]
    if site.running > 0:
        decode_s = decode_pass_s(cluster.costs, site.running, site.context / site.running)
        paid_s = limits.separate * overhead_s * tokens / limits.chunk_tokens
        time_s = decode_s + (limits.interference * work_s + paid_s) / limits.ranks
    else:
        # The last piece of a long prompt leaves the rest of its pass to others, as `serving_engine.prompt_s` has it.
        part = 1.0 if fresh > 0 else min(tokens / limits.chunk_tokens, 1.0)
        shared_s = work_s / limits.ranks if prompts > 1 else 0.0
        time_s = max(longest_s, shared_s) + part * overhead_s
    # Decoding may hide a part of reading, but a rank reads no more than it could if it did nothing else.
    behind_s: float = site.reads_s - site.clock_s
    time_s = max(time_s, behind_s)
    whole_s = (work_s + overhead_s * tokens / limits.chunk_tokens) / limits.ranks
    site.reads_s = max(site.reads_s, site.clock_s) + whole_s
    finish_reading(cluster, replica, site.clock_s + time_s)
    return time_s


def piece_s(cluster: Cluster, request: int, taken: int) -> tuple[float, float]:
    """Work of the next `taken` tokens of a prompt, read alone and beside others'; they attend to those before [s]."""
    asked = cluster.requests[request]
    alone_s, together_s, _ = prompt_costs_s(cluster.costs, asked.read + taken)
    if asked.read > 0:
        before = prompt_costs_s(cluster.costs, asked.read)
        alone_s -= before[0]
        together_s -= before[1]
    return alone_s, together_s


def finish_reading(cluster: Cluster, replica: int, end_s: float) -> None:
    """Prompts whose last piece is in the pass that ends at `end_s`: their blocks can be shared."""
    request = cluster.replicas[replica].read_first
    while request != NONE:
        asked = cluster.requests[request]
        if asked.read == asked.prompt and math.isnan(asked.first_s):
            asked.first_s = end_s
            cluster.replicas[replica].unread -= 1
            share(cluster, replica, request)
        request = asked.link


def soonest_s(cluster: Cluster, replica: int) -> float:
    """When the first prompt that lags, read but not yet due, may give its token; infinite without one [s]."""
    soonest = math.inf
    request = cluster.replicas[replica].read_first
    while request != NONE:
        asked = cluster.requests[request]
        if asked.read == asked.prompt:
            soonest = min(soonest, asked.ready_s)
        request = asked.link
    return soonest


def admit(cluster: Cluster, replica: int) -> int:
    """Give the first that waits a place and its blocks, evicting what nobody uses; -1 where it must wait on.

    An engine that sets blocks aside for the whole answer never puts a sequence back. Where blocks are given as tokens
    come, each counts for what it has half-way: old and young ones make up for one another, and none is put back here.
    """
    site, limits = cluster.replicas[replica], cluster.limits
    request = site.wait_first
    if request == NONE or site.running + site.reading >= limits.batch:
        return NONE
    asked = cluster.requests[request]
    found = hits(cluster, replica, request)
    own = asked.need - found * limits.hash_blocks
    spare = site.evictable - idle_hits(cluster, replica, request, found)
    if own > site.free + spare * limits.hash_blocks:
        return NONE
    for at in range(found):
        pin(cluster, replica, cluster.held[asked.first_block + at])
    while site.free < own:
        evict(cluster, replica)
    site.free -= own
    asked.own = own
    site.wait_first = asked.link
    site.waiting -= 1
    begin_reading(cluster, replica, request, found * limits.hash_tokens)
    return request  # type: ignore[no-any-return]


def begin_reading(cluster: Cluster, replica: int, request: int, cached: int) -> None:
    """Put an admitted request behind the prompts that are read."""
    site, asked = cluster.replicas[replica], cluster.requests[request]
    if site.read_first == NONE:
        site.read_first = request
    else:
        cluster.requests[site.read_last].link = request
    site.read_last = request
    asked.link = NONE
    site.reading += 1
    site.unread += 1
    site.cached_tokens += cached
    asked.cached = cached
    asked.read = cached
    asked.start_s = site.clock_s
    left = asked.prompt - cached
    overhead_s = prompt_costs_s(cluster.costs, asked.prompt)[2]
    alone_s = piece_s(cluster, request, left)[0] + overhead_s * max(left / cluster.limits.chunk_tokens, 1.0)
    asked.ready_s = site.clock_s + alone_s
