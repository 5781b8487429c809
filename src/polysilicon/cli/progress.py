"""How far a long command is, on standard error."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def shown(what: str) -> "Iterator[Callable[[int, int], None]]":
    """A bar on standard error that says how much of how much is done; it goes when it is full.

    It comes with the first word of what is done: work that is over by then, or that nobody watches, waits for no bar.
    """
    with ExitStack() as at_end:
        if sys.stderr.isatty():
            yield _bar(what, at_end)
        else:
            yield lambda done, whole: None


def _bar(what: str, at_end: ExitStack) -> Callable[[int, int], None]:
    update: Callable[[int, int], None] | None = None

    def advance(done: int, whole: int) -> None:
        nonlocal update
        if update is None and done < whole:
            update = _started(what, at_end)
        if update is not None:
            update(done, whole)

    return advance


def _started(what: str, at_end: ExitStack) -> Callable[[int, int], None]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from polysilicon.report.terminal import console

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = at_end.enter_context(Progress(*columns, console=console(err=True), transient=True))
    task = bar.add_task(what, total=None)
    return lambda done, whole: bar.update(task, completed=done, total=whole)


@contextmanager
def told() -> Iterator[Callable[[str, float], None]]:
    """A bar on standard error that says what is being done and what share of the whole is behind."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from polysilicon.report.terminal import console

    screen = console(err=True)
    columns = TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("starting", total=1.0)

        def said(words: str, share: float) -> None:
            bar.update(task, description=words, completed=min(share, 1.0))

        yield said
