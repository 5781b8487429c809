"""How far a long command is, on standard error."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def shown(what: str) -> "Iterator[Callable[[int, int], None]]":
    """A bar on standard error that says how much of how much is done; it goes when it is full."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from polysilicon.report.terminal import console

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    screen = console(err=True)
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, whole: bar.update(task, completed=done, total=whole)


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
