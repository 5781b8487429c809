"""What the event loop reads and writes: arrays only, so that it can be compiled, saved and continued.

Numbers of requests, replicas, blocks and cache entries index into them; -1 stands for none. What a record says is
`a[i].name`, which compiled code reads from an array of records and plain Python from a list of `Record`s.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Whole: TypeAlias = NDArray[np.int64]
# An array of records, or a list of them.
Records: TypeAlias = Any

NONE = -1
# What became of a request.
OPEN, COMPLETED, FULL_QUEUE, TOO_LONG = 0, 1, 2, 3
# Positions in `assembly.ROUTINGS`.
ROUND_ROBIN, LEAST_LOADED, PREFIX_AFFINITY = 0, 1, 2

# Times of a prompt of each `length`: its work where it is read alone, and beside those of other ranks; and what a pass
# over prompts costs whatever its size.
LENGTH = np.dtype([(name, "f8") for name in ("length", "alone_s", "together_s", "overhead_s")])

# Given: `arrival_s` from the first arrival, `prompt` and `answer` tokens, the `weight` that a router gives it, the
# blocks that it `need`s on average over its time and those of its `whole` length, and its `hashed` blocks from
# `first_block` on. Found: its `replica`, `start_s` (its prompt's first pass), `first_s` and `finish_s` (its first and
# last token), `cached` tokens and its `fate`. While it is at work: `read` tokens, `ready_s` before which its first
# token can't come, its `own` blocks, its `link`.
REQUEST = np.dtype(
    [(name, "f8") for name in ("arrival_s", "weight", "start_s", "first_s", "finish_s", "ready_s")]
    + [
        (name, "i8")
        for name in ("prompt", "answer", "need", "whole", "first_block", "hashed", "replica", "cached", "fate")
    ]
    + [(name, "i8") for name in ("read", "own", "link")]
)

# `clock_s` is the end of its last pass, `due_s` no later than its next completion, `reads_s` the time by which what it
# read could have been read without decoding. `running` sequences decode; `passes` counts passes that decoded, `context`
# sums the tokens they attend to. Prompts that are read (`unread` of them to the end), and requests that wait, are lists
# through `link`. `free` blocks hold nothing, `evictable` entries are used by nobody, from `oldest` to `newest`. `load`
# is what a router sees. The rest are sums: busy seconds, sequence-seconds, block-seconds, tokens, evicted entries, and
# the most blocks held.
REPLICA = np.dtype(
    [(name, "f8") for name in ("clock_s", "due_s", "reads_s", "load", "busy_s", "sequence_s", "block_s")]
    + [(name, "i8") for name in ("running", "passes", "context", "reading", "unread", "read_first", "read_last")]
    + [(name, "i8") for name in ("waiting", "wait_first", "wait_last", "free", "evictable", "oldest", "newest")]
    + [(name, "i8") for name in ("peak_blocks", "prompt_tokens", "cached_tokens", "answer_tokens", "evicted")]
    + [(name, "i8") for name in ("matched",)]
)

# A hashed block that a replica holds: how many sequences `used` it, the `next` entry of the same block elsewhere, and
# its neighbours among those used by nobody.
ENTRY = np.dtype([(name, "i4") for name in ("block", "replica", "used", "next", "older", "newer")])


class Costs(NamedTuple):
    """Times of a pass of one replica on ascending nodes, between which they are straight lines [s].

    `decode_s` has a row for each number of `running` sequences and a column for each mean `context`; `lengths` are
    `LENGTH` records.
    """

    running: Floats
    context: Floats
    decode_s: Floats
    lengths: Records


class Limits(NamedTuple):
    """Numbers that hold for every replica.

    A pass reads at most `chunk_tokens` of one prompt and `chunk_tokens * ranks` of all. Beside decoding, prompts take
    `interference` of their work and `separate` of a pass's overhead. `batch`: sequences in a replica at most; `queue`:
    requests that may wait for one; `capacity`: its cache in blocks, in `cache_ranks` equal parts, in one of which a
    sequence lies. A hashed block has `hash_tokens` tokens and takes `hash_blocks` blocks. `routing` is a position in
    `ROUTINGS`.
    """

    chunk_tokens: int
    ranks: int
    interference: float
    separate: float
    batch: int
    queue: int
    capacity: int
    cache_ranks: int
    hash_tokens: int
    hash_blocks: int
    routing: int


class Cluster(NamedTuple):
    """Everything that the event loop touches.

    `requests`, `replicas` and `entries` are records; `blocks` the hashed blocks of all prompts, one after another, and
    `held` the entries in which a sequence that runs holds them.
    `heaps` has a row a replica: `finishing pass * heaps.SHIFT + request` of each sequence that decodes. `heads[block]`
    begins the list of the entries of a block. `counts` holds the turn of round robin and the first unused entry.
    """

    costs: Costs
    limits: Limits
    requests: Records
    blocks: Whole
    held: Whole
    replicas: Records
    heaps: Whole
    heads: Whole
    entries: Records
    counts: Whole


TURN, UNUSED = 0, 1
# What changes while a replay runs, and so is kept in a checkpoint.
CHANGING = ("requests", "held", "replicas", "heaps", "heads", "entries", "counts")


class Record:
    """One record in plain Python: attributes are read several times as fast as from an array of records."""

    __slots__ = tuple(dict.fromkeys([*LENGTH.names, *REQUEST.names, *REPLICA.names, *ENTRY.names]))  # type: ignore[misc]

    def __init__(self, names: Sequence[str], values: Sequence[Any]) -> None:
        for name, value in zip(names, values, strict=True):
            setattr(self, name, value)


def as_lists(cluster: Cluster) -> Cluster:
    """The same cluster in lists, for plain Python."""
    costs, limits, *parts = cluster
    plain = [listed(part) for part in parts]
    return Cluster(Costs(*map(listed, costs)), limits, *plain)


def into_arrays(plain: Cluster, cluster: Cluster) -> None:
    """What plain Python changed, back in the arrays."""
    for name in CHANGING:
        array, values = getattr(cluster, name), getattr(plain, name)
        if array.dtype.names is None:
            array[:] = values
        else:
            names = array.dtype.names
            array[:] = [tuple(getattr(one, name) for name in names) for one in values]


def listed(array: Any) -> Any:
    """An array as a list; of records, as a list of `Record`s."""
    names = array.dtype.names
    return array.tolist() if names is None else [Record(names, row) for row in array.tolist()]
