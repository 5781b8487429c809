"""The error tree. Messages are public: they say what, where, what was found, what is allowed and what to do.

PolysiliconError
├── InputError            what the user gave can't be used: exit code 2, no traceback
│   ├── UnknownName       a name nobody knows: says the nearest
│   └── AmbiguousName     a short name that fits several ids: says the candidates
├── Unsupported           the question can't be expressed here: says why (a row is reported, never dropped)
├── NothingFits           no candidate passes (memory, latency, law): says the nearest miss
└── Infeasible            the limits of a scenario contradict each other: says which
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where a value was read: file, line (1-based) and field, each unknown when `None`."""

    file: str | None = None
    line: int | None = None
    field: str | None = None

    def __str__(self) -> str:
        spot = self.file or ""
        if self.line is not None:
            spot += f":{self.line}" if spot else f"line {self.line}"
        return ": ".join(part for part in (spot, self.field) if part)


class PolysiliconError(Exception):
    """Anything this package raises on purpose."""


class InputError(PolysiliconError):
    """What the user gave can't be used.

    `problem` says what is wrong, `found` what stood there, `allowed` what may stand there, `nearest` the valid
    name closest to what was found, `remedy` what to do. The message is one paragraph without a traceback.
    """

    def __init__(
        self,
        problem: str,
        *,
        place: Place | None = None,
        found: object = None,
        allowed: str | Sequence[str] | None = None,
        nearest: Sequence[str] = (),
        remedy: str | None = None,
    ) -> None:
        self.problem = problem
        self.place = place or Place()
        self.found = found
        self.allowed = allowed
        self.nearest = tuple(nearest)
        self.remedy = remedy
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        where = str(self.place)
        parts = [f"{where}: {self.problem}" if where else self.problem]
        if self.found is not None:
            parts.append(f"found {_short(self.found)}")
        if self.allowed:
            listed = self.allowed if isinstance(self.allowed, str) else ", ".join(self.allowed)
            parts.append(f"allowed: {listed}")
        if self.nearest:
            parts.append(f"did you mean {' or '.join(self.nearest)}?")
        if self.remedy:
            parts.append(self.remedy)
        return "; ".join(parts)

    def at(self, place: Place) -> "InputError":
        """The same complaint, placed. Used where a lower room can't know the file."""
        twin = type(self).__new__(type(self))
        InputError.__init__(
            twin,
            self.problem,
            place=Place(
                self.place.file or place.file,
                self.place.line if self.place.line is not None else place.line,
                self.place.field or place.field,
            ),
            found=self.found,
            allowed=self.allowed,
            nearest=self.nearest,
            remedy=self.remedy,
        )
        return twin


class UnknownName(InputError):
    """A name that no record has."""


class AmbiguousName(InputError):
    """A short name that fits several ids; refused, because guessing which chip was meant is not ours to do."""


class Unsupported(PolysiliconError):
    """The question can't be expressed here; the message is the reason, shown in the row's `why`."""


class NothingFits(PolysiliconError):
    """No candidate passes every filter; the message names the nearest miss."""


class Infeasible(PolysiliconError):
    """The limits of a scenario contradict each other; `limits` names the smallest conflicting set found."""

    def __init__(self, message: str, limits: Sequence[str]) -> None:
        self.limits = tuple(limits)
        super().__init__(message)


def _short(value: object, most: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"
