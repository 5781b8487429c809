"""The sequences of a replica by the pass in which each ends: a binary heap in an array."""

from polysilicon.performance.replays.state import Whole

# More than requests of a replay can be (traffic.MOST_REQUESTS); the rest of a key counts passes, hundreds of billions.
SHIFT = 2**25


def push(heap: Whole, size: int, key: int) -> None:
    """Add `key` to the first `size` keys of a heap."""
    at = size
    while at > 0:
        parent = (at - 1) // 2
        if heap[parent] <= key:
            break
        heap[at] = heap[parent]
        at = parent
    heap[at] = key


def pop(heap: Whole, size: int) -> int:
    """Take the least of the first `size` keys of a heap away."""
    least, key = heap[0], heap[size - 1]
    last, at = size - 1, 0
    while 2 * at + 1 < last:
        child = 2 * at + 1
        if child + 1 < last and heap[child + 1] < heap[child]:
            child += 1
        if key <= heap[child]:
            break
        heap[at] = heap[child]
        at = child
    heap[at] = key
    return least  # type: ignore[no-any-return] # a number, whether of an array or of a list
