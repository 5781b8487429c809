"""A place that names CUDA, what would stand there instead, and how sure that is."""

from dataclasses import dataclass

from polysilicon.facts.porting_names import Grade

Span = tuple[int, int, int, int]

# Stand in the code of an edit for the type of the accelerator: with CUDA's where there is none, and where there is one.
ACCELERATOR = "ACCELERATOR"
AT_HAND = "ACCELERATOR_AT_HAND"


@dataclass(frozen=True)
class Swap:
    """The expression becomes `code`."""

    code: str


@dataclass(frozen=True)
class Lead:
    """An f-string that begins with `cuda:` begins with the accelerator's type."""


@dataclass(frozen=True)
class Recall:
    """A call: of `function` (as it was where empty), with `first` before its arguments and `last` behind.

    Positional arguments are called by `naming`, in order; the argument called `unnamed` becomes positional.
    """

    function: str = ""
    first: str = ""
    last: tuple[str, str] = ("", "")
    naming: tuple[str, ...] = ()
    unnamed: str = ""


@dataclass(frozen=True)
class Move:
    """A `from ... import` reads the same names from `module`."""

    module: str


@dataclass(frozen=True)
class Plugin:
    """The module of a vendor is imported where it is installed, behind the statement at this place."""

    module: str


Edit = Swap | Lead | Recall | Move | Plugin


@dataclass(frozen=True)
class Site:
    """One place: `found` stands there, `why` says what is known of its twin or why nothing is done.

    The span counts lines from one and columns in letters from nought. `closed` marks what is safe only where nothing
    else in the file asks for CUDA, `compared` what is safe only where nothing compares with its text. A site without an
    `edit` is only told. `harmless` code runs anywhere as it stands.
    """

    span: Span
    rule: str
    grade: Grade
    found: str
    why: str
    edit: Edit | None = None
    closed: bool = False
    compared: bool = False
    harmless: bool = False

    @property
    def line(self) -> int:
        """The line it begins on, from one."""
        return self.span[0]
