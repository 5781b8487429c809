"""The event loop: arrivals in order, each sent to a replica; others are brought up to that moment where it matters."""

from polysilicon.performance.replays.batching import advance, next_due_s
from polysilicon.performance.replays.lines import decode_pass_s
from polysilicon.performance.replays.state import (
    FULL_QUEUE,
    NONE,
    PREFIX_AFFINITY,
    ROUND_ROBIN,
    TOO_LONG,
    TURN,
    Cluster,
)


def arrivals(cluster: Cluster, first: int, last: int) -> None:
    """Let the requests from `first` up to `last` arrive."""
    for request in range(first, last):
        now_s = cluster.requests[request].arrival_s
        if cluster.limits.routing == ROUND_ROBIN:
            replica = cluster.counts[TURN] % len(cluster.replicas)
            cluster.counts[TURN] += 1
        else:
            catch_up(cluster, now_s)
            replica = least_loaded(cluster, request)
        advance(cluster, replica, now_s)
        accept(cluster, replica, request)
        cluster.replicas[replica].due_s = cluster.replicas[replica].clock_s


def drain(cluster: Cluster, until_s: float) -> None:
    """Run every replica until it has nothing left to do, or up to a time."""
    for replica in range(len(cluster.replicas)):
        advance(cluster, replica, until_s)


def catch_up(cluster: Cluster, now_s: float) -> None:
    """Bring those replicas up to now in which a request may have ended: their load may have changed."""
    for replica in range(len(cluster.replicas)):
        if cluster.replicas[replica].due_s <= now_s:
            advance(cluster, replica, now_s)
            cluster.replicas[replica].due_s = next_due_s(cluster, replica)


def least_loaded(cluster: Cluster, request: int) -> int:
    """The replica with the fewest tokens outstanding, the first of several.

    By prefix affinity, the tokens of this prompt that it would have to read count too.

    Source: NVIDIA Dynamo documentation, KV-aware routing: overlap of prefixes set against the load.
    """
    affine = cluster.limits.routing == PREFIX_AFFINITY
    if affine:
        match(cluster, request)
    best, least = 0, 0.0
    for replica in range(len(cluster.replicas)):
        site = cluster.replicas[replica]
        tokens = site.load
        if affine:
            tokens -= site.matched * cluster.limits.hash_tokens
        if replica == 0 or tokens < least:
            best, least = replica, tokens
    return best


def match(cluster: Cluster, request: int) -> None:
    """Count how many leading blocks of a prompt each replica holds."""
    for replica in range(len(cluster.replicas)):
        cluster.replicas[replica].matched = 0
    asked = cluster.requests[request]
    for at in range(asked.hashed):
        number = cluster.heads[cluster.blocks[asked.first_block + at]]
        longer = False
        while number != NONE:
            site = cluster.replicas[cluster.entries[number].replica]
            if site.matched == at:
                site.matched += 1
                longer = True
            number = cluster.entries[number].next
        if not longer:
            break


def accept(cluster: Cluster, replica: int, request: int) -> None:
    """Put an arrival behind those that wait at its replica, or turn it away."""
    site, asked = cluster.replicas[replica], cluster.requests[request]
    asked.replica = replica
    if asked.whole > cluster.limits.capacity // cluster.limits.cache_ranks:
        asked.fate = TOO_LONG
        return
    if site.waiting >= cluster.limits.queue:
        asked.fate = FULL_QUEUE
        return
    if site.running + site.reading + site.waiting == 0 and site.clock_s < asked.arrival_s:
        # An idle engine begins half a pass after the arrival, as `serving_engine.ttft_ms` has it at any load.
        site.clock_s = asked.arrival_s + 0.5 * decode_pass_s(cluster.costs, 1, float(asked.prompt))
    if site.waiting == 0:
        site.wait_first = request
    else:
        cluster.requests[site.wait_last].link = request
    site.wait_last = request
    asked.link = NONE
    site.waiting += 1
    site.load += asked.weight
