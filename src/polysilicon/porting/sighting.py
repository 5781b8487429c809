"""What a reader saw in one file, before anyone asked for a target: sightings, definitions, uses, and doubts."""

from collections.abc import Collection, Sequence

import msgspec


class Sighting(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One place that matched a rule.

    `line` counts from 1 and `column` from 0; `symbol` is the name or text that matched. `beside` holds a bit for each
    target that the same statement, or the ladder of branches around it, deals with already. `within` is the line on
    which the function around it is defined, 0 at the top of a file; `size` the lines of a kernel, 1 for anything else.
    `lines` is how many lines of the file it stands for.
    """

    rule: str
    line: int
    column: int
    symbol: str
    beside: int = 0
    within: int = 0
    size: int = 1
    lines: int = 1


def gathered(sightings: Sequence[Sighting], once: Collection[str]) -> tuple[Sighting, ...]:
    """The sightings of a file; of the rules in `once`, the first alone, for all lines that name the same targets."""
    kept: list[Sighting] = []
    alike: dict[tuple[str, int], list[Sighting]] = {}
    for one in sightings:
        if one.rule in once:
            alike.setdefault((one.rule, one.beside), []).append(one)
        else:
            kept.append(one)
    for some in alike.values():
        first, lines = min(some, key=lambda one: one.line), len({one.line for one in some})
        kept.append(first if lines == 1 else msgspec.structs.replace(first, lines=lines))
    return tuple(kept)


class Definition(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A name of the code base that may carry a tie to its callers: a short function, a constant, a class attribute."""

    name: str
    owner: str
    line: int
    kind: str
    because: str


class Used(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A name that speaks of devices, and the line and column of each place that uses it: they follow, should it turn
    out to be a helper.
    """

    name: str
    places: tuple[tuple[int, int], ...]


class Imported(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Imports from one package, named by its first part, empty for relative ones, and the last of their lines."""

    root: str
    last: int


class Function(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A function, class or value at the top of a module, a test, or a module that is compiled.

    `line` is that of its first decorator. `kind` is `test`, `native` for what loads compiled code, `extension` for a
    compiled module that the file builds, else empty.
    `uses` are `package.name` for each name of a package that it uses, the package empty where it is the module's own;
    `beside` holds the bits of the targets that it names.
    """

    name: str
    line: int
    kind: str
    uses: tuple[str, ...]
    beside: int


class FileRead(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A file as read: its path below the root, its kind, its lines, what was seen, or why it was passed over."""

    path: str
    kind: str
    lines: int
    sightings: tuple[Sighting, ...] = ()
    definitions: tuple[Definition, ...] = ()
    uses: tuple[Used, ...] = ()
    allowed: tuple[tuple[int, str, str], ...] = ()
    skipped: str = ""
    doubt: str = ""
    imports: tuple[Imported, ...] = ()
    functions: tuple[Function, ...] = ()
