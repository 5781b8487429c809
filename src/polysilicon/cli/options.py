"""The parameters that several commands share, so that they are spelt and explained once."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from rich.console import RenderableType

    from polysilicon.facts import Catalogue
    from polysilicon.records.recorder import Step

Json = Annotated[
    bool, Parameter(name="--json", show_default=False, help="Print JSON, and nothing else, on standard output.")
]
Facts = Annotated[
    Path | None,
    Parameter(name="--facts", help="Your own records (YAML), laid over the catalogue and marked as yours."),
]
Cases = Annotated[
    Path | None,
    Parameter(name="--cases", help="Ask once for every row of this CSV file; docs/commands.md names its columns."),
]
Explain = Annotated[
    bool,
    Parameter(name="--explain", show_default=False, help="Walk the main figure back to formulas and sourced records."),
]
Out = Annotated[Path | None, Parameter(name="--out", help="Where the answers to --cases are written, as CSV.")]


def catalogue(facts: Path | None) -> "Catalogue":
    """The catalogue, with the user's own records over it where a file is given."""
    from polysilicon.facts import load

    return load(facts)


def answer(plain: Callable[[], object], shown: "Callable[[], RenderableType]", *, as_json: bool) -> None:
    """A result on standard output: as the JSON of `plain`, or as `shown` renders it."""
    from polysilicon.report.files import to_json
    from polysilicon.report.terminal import console

    if as_json:
        print(to_json(plain()), end="")
    else:
        console().print(shown())


def answer_tree(tree: "Step", depth: int | None = None, *, as_json: bool) -> None:
    """An explanation on standard output."""
    from polysilicon.report import explanation

    answer(lambda: explanation.to_dict(tree), lambda: explanation.tree(tree, depth), as_json=as_json)


MOST = 10_000_000


def sane(**counts: float | None) -> None:
    """Counts that a command is given lie between one and ten million.

    Raises:
        InputError: one does not; names the option.
    """
    from polysilicon.records.errors import InputError, Place

    for name, count in counts.items():
        if count is not None and not 1 <= count <= MOST:
            place = Place(field=f"--{name.replace('_', '-')}")
            raise InputError("is no sane quantity", place=place, found=count, allowed=f"1 to {MOST:,}")
