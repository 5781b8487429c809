"""Every figure explains itself: a recorder listens to formulas while one candidate is evaluated again.

A formula is a plain function marked with `@formula`; the mark changes nothing about it, so hot code pays
nothing. While a `Recorder` is on, the interpreter's profiling hook notes each marked function that runs, its
arguments and its result. An argument that *is* (the same object as) an earlier result links the two, and an
argument that was announced with `Recorder.known` links to a record of the catalogue or to the user's input.
What comes out is a tree of formulas with citations, named terms and records.
"""

import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import CodeType, FrameType, TracebackType
from typing import Any, TypeVar

from polysilicon.records.units import unit_of

Marked = TypeVar("Marked", bound=Callable[..., Any])

_FORMULAS: dict[CodeType, Callable[..., Any]] = {}


def formula(function: Marked) -> Marked:
    """Mark a function as a formula: it can be named in an explanation.

    Its docstring's first line says what it computes; a line that starts with `Source:` cites the model. The
    suffix of its name states the unit of its result.

    Raises:
        ValueError: the docstring cites no source.
    """
    if not re.search(r"^\s*Source:", function.__doc__ or "", re.MULTILINE):
        raise ValueError(f"the formula {function.__qualname__} cites no source")
    _FORMULAS[function.__code__] = function
    return function


def citation(function: Callable[..., Any]) -> str:
    """What stands behind `Source:` in the docstring of a formula."""
    found = re.search(r"^\s*Source:\s*(.+?)(?:\n\s*\n|\Z)", function.__doc__ or "", re.MULTILINE | re.DOTALL)
    return " ".join(found[1].split()) if found else ""


@dataclass(frozen=True)
class Leaf:
    """A value that no formula computed: where it came from, and how far it can be trusted."""

    origin: str
    confidence: str = ""


@dataclass
class Step:
    """One figure: `name`, `value`, and what it rests on. Either a formula's result or a leaf.

    `interval` holds the ends of its 90 % interval where one is known; an open end is `None`.
    """

    name: str
    value: Any
    unit: str = ""
    what: str = ""
    source: str = ""
    confidence: str = ""
    inputs: list["Step"] = field(default_factory=list)
    within: list["Step"] = field(default_factory=list)
    interval: tuple[float | None, float | None] = (None, None)


class Recorder:
    """`with Recorder() as recorder:` evaluate one candidate; then `recorder.tree(result)`."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, Leaf]] = {}
        self._made: dict[int, tuple[Any, Step]] = {}
        self._open: list[tuple[FrameType, Step]] = []

    def known(self, value: Any, origin: str, confidence: str = "") -> Any:
        """Announce where `value` (this very object) came from; returns it."""
        self._known[id(value)] = (value, Leaf(origin, confidence))
        return value

    def __enter__(self) -> "Recorder":
        self._before = sys.getprofile()
        sys.setprofile(self._listen)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.setprofile(self._before)

    def tree(self, result: Any) -> Step:
        """The explanation of `result`, an object that a formula returned while this recorder was on.

        Raises:
            LookupError: no formula returned it.
        """
        if id(result) not in self._made:
            raise LookupError("no formula returned this figure while it was recorded")
        return self._made[id(result)][1]

    def _listen(self, frame: FrameType, event: str, result: Any) -> None:
        if frame.f_code not in _FORMULAS or event not in ("call", "return"):
            return
        if event == "call":
            function = _FORMULAS[frame.f_code]
            step = Step(
                name=function.__name__,
                value=None,
                unit=unit_of(function.__name__),
                what=(inspect.getdoc(function) or "").splitlines()[0],
                source=citation(function),
                inputs=[
                    self._input(name, frame.f_locals[name])
                    for name in frame.f_code.co_varnames[: frame.f_code.co_argcount + frame.f_code.co_kwonlyargcount]
                ],
            )
            self._open.append((frame, step))
        elif self._open and self._open[-1][0] is frame:
            _, step = self._open.pop()
            step.value = result
            if self._open:
                self._open[-1][1].within.append(step)
            # The object is kept alive with its step, so its id can't be given to another value meanwhile.
            self._made[id(result)] = (result, step)

    def _input(self, name: str, value: Any) -> Step:
        # Python shares small integers, booleans and None between unrelated uses: they can't carry an origin.
        own = not isinstance(value, int | str | bool | None)
        if own and id(value) in self._made:
            return self._made[id(value)][1]
        carried = getattr(value, "leaf", None) or Leaf("")  # a Bounded read from a record says so itself
        leaf = self._known[id(value)][1] if own and id(value) in self._known else carried
        return Step(name=name, value=value, unit=unit_of(name), source=leaf.origin, confidence=leaf.confidence)
