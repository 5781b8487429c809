"""The parameters that several commands share, so that they are spelt and explained once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from polysilicon.facts import Catalogue

Json = Annotated[
    bool, Parameter(name="--json", show_default=False, help="Print JSON, and nothing else, on standard output.")
]
Facts = Annotated[
    Path | None,
    Parameter(name="--facts", help="Your own records (YAML), laid over the catalogue and marked as yours."),
]
Cases = Annotated[
    Path | None,
    Parameter(name="--cases", help="Ask once for every row of this CSV file; its columns are named as the options."),
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
