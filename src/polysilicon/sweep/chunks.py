"""A range of candidates in chunks, evaluated here or by an executor, reduced in order."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

Found = TypeVar("Found")

# Enough candidates to drown the cost of a task, few enough that their columns stay in the processor's cache.
MOST = 131_072


def chunks(count: int, most: int = MOST) -> Iterator[range]:
    """`range(count)` cut into ranges of at most `most`.

    Raises:
        ValueError: `most` is not positive.
    """
    if most < 1:
        raise ValueError(f"a chunk holds at least one candidate, not {most}")
    for first in range(0, count, most):
        yield range(first, min(first + most, count))


def run(
    evaluate: Callable[[range], Found],
    count: int,
    *,
    most: int = MOST,
    executor: Executor | None = None,
    ahead: int = 4,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Found]:
    """What `evaluate` finds in each chunk, in the order of the chunks.

    With an executor at most `ahead` chunks are under way at once, so that memory stays bounded. `progress` is told
    how many candidates of how many are done.
    """
    pending: deque[tuple[range, Future[Found]]] = deque()
    parts = chunks(count, most)
    if executor is None:
        for part in parts:
            yield evaluate(part)
            if progress:
                progress(part.stop, count)
        return
    for part in parts:
        pending.append((part, executor.submit(evaluate, part)))
        if len(pending) >= ahead:
            yield _first(pending, count, progress)
    while pending:
        yield _first(pending, count, progress)


def _first(
    pending: deque[tuple[range, Future[Found]]], count: int, progress: Callable[[int, int], None] | None
) -> Found:
    part, future = pending.popleft()
    found = future.result()
    if progress:
        progress(part.stop, count)
    return found
