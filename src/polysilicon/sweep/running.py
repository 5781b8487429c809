"""The parts of a sweep, evaluated here or by an executor, each kept before it counts."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import Any, TypeVar

from polysilicon.sweep.ledger import Found, Ledger

Part = TypeVar("Part")
Progress = Callable[[int, int], None]

# So many parts are handed out before the first comes back: enough for a large cluster, too few to fill memory.
AHEAD = 64


def run(
    evaluate: Callable[[Part], Found],
    parts: Sequence[Part],
    *,
    weight: Callable[[Part], int],
    executor: Executor | None = None,
    ledger: Ledger | None = None,
    progress: Progress | None = None,
) -> Iterator[Found]:
    """What `evaluate` finds in each part, as they are done: the reduction must not depend on the order.

    Without an executor the parts are evaluated here, one after another; with one, `evaluate` and the parts must
    pickle. A part that the ledger holds is not evaluated again, and one that is done is written there before it is
    yielded. `progress` is told how much weight of how much is done. What is under way when the caller stops is
    called off.
    """
    whole, done = sum(weight(part) for part in parts), 0

    def told(part: Part) -> None:
        nonlocal done
        done += weight(part)
        if progress:
            progress(done, whole)

    open_: list[tuple[int, Part]] = []
    for number, part in enumerate(parts):
        known = ledger.read(number) if ledger is not None else None
        if known is None:
            open_.append((number, part))
        else:
            told(part)
            yield known
    for number, part, found in _evaluated(evaluate, open_, executor):
        if ledger is not None:
            ledger.write(number, found)
        told(part)
        yield found


def _evaluated(
    evaluate: Callable[[Part], Found], parts: list[tuple[int, Part]], executor: Executor | None
) -> Iterator[tuple[int, Part, Found]]:
    if executor is None:
        for number, part in parts:
            yield number, part, evaluate(part)
        return
    waiting = iter(parts)
    pending: dict[Future[Found], tuple[int, Any]] = {}
    try:
        while True:
            for number, part in waiting:
                pending[executor.submit(evaluate, part)] = (number, part)
                if len(pending) >= AHEAD:
                    break
            if not pending:
                return
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                number, part = pending.pop(future)
                yield number, part, future.result()
    finally:
        for future in pending:
            future.cancel()
