"""The prefix cache of each replica: blocks of prompts by their hash, evicted least recently used first.

A block counts as cached once its prompt was read. Sequences share it while they run; when the last of them ends it
stays until its room is needed. The blocks at the end of a prompt are evicted before those at its beginning.

Source: Kwon et al., PagedAttention (arXiv 2309.06180), section 4.4; vLLM documentation, automatic prefix caching;
Zheng et al., SGLang (arXiv 2312.07104), section 3, least recently used leaves first.
"""

from polysilicon.performance.replays.state import NONE, UNUSED, Cluster


def entry_of(cluster: Cluster, replica: int, block: int) -> int:
    """The cache entry in which `replica` holds `block`; -1 where it does not."""
    entry = cluster.heads[block]
    while entry != NONE and cluster.entries[entry].replica != replica:
        entry = cluster.entries[entry].next
    return entry  # type: ignore[no-any-return] # a number, whether of an array or of a list


def hits(cluster: Cluster, replica: int, request: int) -> int:
    """Leading blocks of a prompt that `replica` holds, noted in `held`; at least one token is always left to read."""
    asked, found = cluster.requests[request], 0
    while found < asked.hashed:
        number = entry_of(cluster, replica, cluster.blocks[asked.first_block + found])
        if number == NONE:
            break
        cluster.held[asked.first_block + found] = number
        found += 1
    if found > 0 and found * cluster.limits.hash_tokens >= asked.prompt:
        found -= 1
    return found


def idle_hits(cluster: Cluster, replica: int, request: int, count: int) -> int:
    """How many of the first `count` blocks nobody uses now, so that they count as room for others."""
    first, idle = cluster.requests[request].first_block, 0
    for at in range(count):
        if cluster.entries[cluster.held[first + at]].used == 0:
            idle += 1
    return idle


def pin(cluster: Cluster, replica: int, number: int) -> None:
    """One more sequence uses an entry, which can't be evicted now."""
    entry, holder = cluster.entries[number], cluster.replicas[replica]
    if entry.used == 0:
        if entry.older == NONE:
            holder.oldest = entry.newer
        else:
            cluster.entries[entry.older].newer = entry.newer
        if entry.newer == NONE:
            holder.newest = entry.older
        else:
            cluster.entries[entry.newer].older = entry.older
        holder.evictable -= 1
    entry.used += 1


def unpin(cluster: Cluster, replica: int, number: int) -> None:
    """One sequence fewer uses an entry; the last one leaves it as the most recently used."""
    entry, holder = cluster.entries[number], cluster.replicas[replica]
    entry.used -= 1
    if entry.used == 0:
        entry.older = holder.newest
        entry.newer = NONE
        if holder.newest == NONE:
            holder.oldest = number
        else:
            cluster.entries[holder.newest].newer = number
        holder.newest = number
        holder.evictable += 1


def evict(cluster: Cluster, replica: int) -> None:
    """Drop the least recently used entry of a replica and free its blocks."""
    holder = cluster.replicas[replica]
    number = holder.oldest
    entry = cluster.entries[number]
    holder.oldest = entry.newer
    if entry.newer == NONE:
        holder.newest = NONE
    else:
        cluster.entries[entry.newer].older = NONE
    holder.evictable -= 1
    holder.evicted += 1
    holder.free += cluster.limits.hash_blocks
    if cluster.heads[entry.block] == number:
        cluster.heads[entry.block] = entry.next
    else:
        before = cluster.heads[entry.block]
        while cluster.entries[before].next != number:
            before = cluster.entries[before].next
        cluster.entries[before].next = entry.next
    entry.next = cluster.counts[UNUSED]
    cluster.counts[UNUSED] = number


def share(cluster: Cluster, replica: int, request: int) -> None:
    """A prompt was read: what it brought is cached; what another brought meanwhile is kept once."""
    asked, hash_blocks = cluster.requests[request], cluster.limits.hash_blocks
    for at in range(asked.cached // cluster.limits.hash_tokens, asked.hashed):
        block = cluster.blocks[asked.first_block + at]
        number = entry_of(cluster, replica, block)
        asked.own -= hash_blocks
        if number != NONE:
            cluster.held[asked.first_block + at] = number
            pin(cluster, replica, number)
            cluster.replicas[replica].free += hash_blocks
            continue
        number = cluster.counts[UNUSED]
        cluster.held[asked.first_block + at] = number
        entry = cluster.entries[number]
        cluster.counts[UNUSED] = entry.next
        entry.block, entry.replica, entry.used = block, replica, 1
        entry.next = cluster.heads[block]
        cluster.heads[block] = number


def release(cluster: Cluster, replica: int, request: int) -> None:
    """A sequence ended: its own blocks are free, and those it shared are used by one fewer, its end first."""
    asked = cluster.requests[request]
    cluster.replicas[replica].free += asked.own
    asked.own = 0
    for at in range(asked.hashed - 1, -1, -1):
        unpin(cluster, replica, cluster.held[asked.first_block + at])
