"""A cluster of equal replicas before the first arrival: every array of the event loop, with its right size."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from polysilicon.performance.replays.pass_costs import BLOCK_TOKENS, PassCosts
from polysilicon.performance.replays.state import (
    ENTRY,
    NONE,
    REPLICA,
    REQUEST,
    Cluster,
    Limits,
    Whole,
)
from polysilicon.performance.replays.traffic import Traffic
from polysilicon.records.errors import InputError, NothingFits, Place
from polysilicon.records.units import GIB

Routing = Literal["round-robin", "least-loaded", "prefix-affinity"]
ROUTINGS: tuple[Routing, ...] = ("round-robin", "least-loaded", "prefix-affinity")
MOST_REPLICAS = 4096
NO_LIMIT = 2**31 - 1
# Places in the heaps of all replicas, and entries of all prefix caches: some gigabytes.
MOST_PLACES = 2**29


@dataclass(frozen=True)
class Policies:
    """How requests are sent to replicas, admitted and kept.

    `batch` (the engine's own where it is `None`) bounds the sequences of a replica, `queue` the requests that wait
    there; whoever comes beyond is turned away. Without `prefix_cache` every prompt is read in full.
    """

    replicas: int = 1
    routing: Routing = "least-loaded"
    batch: int | None = None
    queue: int | None = None
    prefix_cache: bool = True

    def __post_init__(self) -> None:
        if self.routing not in ROUTINGS:
            raise InputError("unknown routing", place=Place(field="--routing"), found=self.routing, allowed=ROUTINGS)
        for name, option, most in (
            ("replicas", "--replicas", MOST_REPLICAS),
            ("batch", "--max-batch", NO_LIMIT),
            ("queue", "--queue-limit", NO_LIMIT),
        ):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int) and (name != "queue") <= value <= most):
                allowed = f"a whole number from {int(name != 'queue')} to {most:,}"
                raise InputError("is no such number", place=Place(field=option), found=value, allowed=allowed)


def assemble(traffic: Traffic, costs: PassCosts, policies: Policies) -> Cluster:
    """The cluster that `traffic` will meet.

    Raises:
        NothingFits: the weights leave no room for a cache.
        InputError: so many sequences on so many replicas don't fit in this computer's memory.
    """
    if costs.capacity < 1:
        layout = costs.asked.layout
        room = float(np.ravel(costs.table.cluster.memory_bytes)[0]) / GIB
        raise NothingFits(
            f"{costs.asked.model.name} leaves no room for a cache on {layout.chips} x {costs.asked.cluster.chip} with "
            f"{room:.0f} GiB each (tp {layout.tp}, pp {layout.pp}, attention dp {layout.attn_dp}, {layout.precision})"
        )
    whole = costs.blocks(traffic.prompt + traffic.answer)
    need = costs.blocks(traffic.prompt + np.ceil(costs.answered * traffic.answer).astype(np.int64))
    least = int(need.min(initial=1))
    batch = min(policies.batch or costs.batch, max(costs.capacity // least, 1), max(len(traffic), 1))
    if batch * policies.replicas > MOST_PLACES:
        raise InputError("too many sequences on too many replicas", remedy="lower --replicas or --max-batch")
    # A pass may read several prompts, a chunk for each rank.
    longest = max(int((traffic.prompt + traffic.answer).max(initial=2)), costs.chunk_tokens * costs.ranks)
    shared = policies.prefix_cache and traffic.blocks.size > 0
    hash_blocks = _hash_blocks(traffic, need) if shared else 1
    limits = Limits(
        chunk_tokens=costs.chunk_tokens,
        ranks=costs.ranks,
        interference=costs.interference,
        separate=costs.separate,
        batch=batch,
        queue=NO_LIMIT if policies.queue is None else policies.queue,
        capacity=costs.capacity,
        cache_ranks=costs.cache_ranks,
        hash_tokens=traffic.hash_tokens,
        hash_blocks=hash_blocks,
        routing=ROUTINGS.index(policies.routing),
    )
    requests = _requests(traffic, need, whole, shared=shared)
    entries = min(policies.replicas * (costs.capacity // hash_blocks), int(requests["hashed"].sum()))
    if entries > MOST_PLACES:
        raise InputError("too many cached blocks on too many replicas", remedy="lower --replicas, or --no-prefix-cache")
    return Cluster(
        costs.costs(batch, longest),
        limits,
        requests,
        np.ascontiguousarray(traffic.blocks, np.int32),
        np.full(traffic.blocks.size if shared else 0, NONE, np.int32),
        _replicas(policies.replicas, costs.capacity),
        np.zeros((policies.replicas, batch), np.int64),
        np.full(traffic.distinct_blocks if shared else 0, NONE, np.int32),
        _entries(entries),
        np.array([0, 0 if entries else NONE], np.int64),
    )


def _hash_blocks(traffic: Traffic, need: Whole) -> int:
    """Blocks of the cache that a hashed block takes: fewer than its tokens say where windows bound what is kept."""
    whole = np.minimum(np.diff(traffic.offset), traffic.prompt // traffic.hash_tokens)
    some = whole > 0
    least = int(np.min(need[some] // whole[some])) if np.any(some) else 1
    return max(min(-(-traffic.hash_tokens // BLOCK_TOKENS), least), 1)


def _requests(traffic: Traffic, need: Whole, whole: Whole, *, shared: bool) -> NDArray[Any]:
    made = _records(len(traffic), REQUEST)
    made["arrival_s"], made["prompt"], made["answer"] = traffic.arrival_s, traffic.prompt, traffic.answer
    # A router knows a prompt's length, but not how long the answer will be: it counts on the mean.
    made["weight"] = traffic.prompt + (traffic.answer.mean() if len(traffic) else 0.0)
    made["need"], made["whole"] = need, whole
    if shared:
        # A block that the prompt does not fill is never shared.
        made["first_block"] = traffic.offset[:-1]
        made["hashed"] = np.minimum(np.diff(traffic.offset), traffic.prompt // traffic.hash_tokens)
    for name in ("start_s", "first_s", "finish_s"):
        made[name] = np.nan
    return made


def _replicas(count: int, capacity: int) -> NDArray[Any]:
    made = _records(count, REPLICA)
    # Idle since before the first arrival.
    made["clock_s"], made["due_s"], made["free"] = -1.0, np.inf, capacity
    return made


def _entries(count: int) -> NDArray[Any]:
    """Cache entries, all of them unused: each linked to the next."""
    made = _records(count, ENTRY)
    made["next"][:-1] = np.arange(1, count)
    return made


LINKS = ("replica", "link", "read_first", "read_last", "wait_first", "wait_last", "oldest", "newest", "next", "block")


def _records(count: int, shape: np.dtype[Any]) -> NDArray[Any]:
    """So many records of noughts, linked to nothing."""
    made = np.zeros(count, shape)
    for name in (*LINKS, "older", "newer"):
        if name in (shape.names or ()):
            made[name] = NONE
    return made
