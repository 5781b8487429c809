"""The parameters that several commands share, so that they are spelt and explained once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

if TYPE_CHECKING:
    from cyclopts import Token
    from rich.console import RenderableType

    from polysilicon.facts import Catalogue
    from polysilicon.records.recorder import Step

# How the options of a long command are laid out in its help, in this order.
QUESTION, SPACE = Group("Question", sort_key=1), Group("What is tried", sort_key=2)
LAYOUT, MEMORY = Group("Layout", sort_key=2), Group("Memory", sort_key=3)
TABLES = Group("Recommender", sort_key=7)
RECIPE, SOFTWARE = Group("Recipe", sort_key=4), Group("Software", sort_key=5)
RUN, WORK, PLACE = Group("Whole run", sort_key=6), Group("Work", sort_key=7), Group("Place", sort_key=8)
FILES = Group("Input and output", sort_key=9)


def _whole(_: type, tokens: "Sequence[Token]") -> int:
    """A count as typed. The parser alone would round 5.5 chips to 6.

    Raises:
        InputError: it is no whole number.
    """
    from polysilicon.records.errors import InputError, Place

    token = tokens[0]
    try:
        return int(token.value)
    except ValueError as cause:
        raise InputError("is no whole number", place=Place(field=token.keyword), found=token.value) from cause


Whole = Annotated[int, Parameter(converter=_whole)]
Json = Annotated[
    bool,
    Parameter(name="--json", show_default=False, help="Print JSON, and nothing else, on standard output.", group=FILES),
]
Facts = Annotated[
    Path | None,
    Parameter(
        name="--facts", help="Your own records (YAML), laid over the catalogue and marked as yours.", group=FILES
    ),
]
Cases = Annotated[
    Path | None,
    Parameter(
        name="--cases", help="Ask once for every row of this CSV file; docs/commands.md names its columns.", group=FILES
    ),
]
Explain = Annotated[
    bool,
    Parameter(
        name="--explain",
        show_default=False,
        help="Walk the main figure back to formulas and sourced records.",
        group=FILES,
    ),
]
Out = Annotated[
    Path | None, Parameter(name="--out", help="Where the answers to --cases are written, as CSV.", group=FILES)
]


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
    within(1, MOST, **counts)


def within(least: float, most: float, **amounts: float | None) -> None:
    """Amounts that a command is given lie between two ends.

    Raises:
        InputError: one does not; names the option.
    """
    from polysilicon.records.errors import InputError, Place

    for name, amount in amounts.items():
        if amount is not None and not least <= amount <= most:
            place = Place(field=f"--{name.replace('_', '-')}")
            raise InputError("is no sane quantity", place=place, found=amount, allowed=f"{least:,} to {most:,}")


@contextmanager
def asked_by(names: "Mapping[str, str]") -> "Iterator[None]":
    """Complaints name what the user wrote: `names` has it for each field of the estimator.

    Raises:
        InputError: what was raised inside, with the user's name for its field.
    """
    from polysilicon.records.errors import InputError, Place

    try:
        yield
    except InputError as complaint:
        written = names.get(complaint.place.field or "")
        if written is None:
            raise
        complaint.place = replace(complaint.place, field=written)
        raise complaint.at(Place()) from complaint


def needs(*rules: tuple[bool, str, str]) -> None:
    """No option is given that would change nothing: each rule says whether one is, its name and what it needs.

    Raises:
        InputError: one is; names what it needs.
    """
    from polysilicon.records.errors import InputError, Place

    for idle, option, needed in rules:
        if idle:
            raise InputError("changes nothing here", place=Place(field=option), remedy=f"it needs {needed}")
