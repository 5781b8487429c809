"""From what a user typed to one id: exact, alias, unique short form, else a refusal with the nearest names."""

import functools
from collections.abc import Collection, Mapping

from polysilicon.records.errors import AmbiguousName, UnknownName


@functools.lru_cache(maxsize=16_384)
def plain(name: str) -> str:
    """`name` without case, spaces, underscores, slashes and dots, so that `Llama 3.1-8B` and `llama-3.1-8b` meet."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def resolve(name: str, ids: Collection[str], aliases: Mapping[str, str], what: str) -> str:
    """The id meant by `name`.

    An id or alias counts whatever its case and punctuation. A short name that is a whole dash-separated part
    of exactly one id counts; one that fits several is refused with the candidates. A mere piece of a part never
    counts: an L40 is not an L40S.

    Raises:
        AmbiguousName: several ids contain `name`.
        UnknownName: none does.
    """
    if name in ids:
        return name
    if name in aliases:
        return aliases[name]
    wanted = plain(name)
    by_plain = {plain(alias): target for alias, target in aliases.items()} | {plain(one): one for one in ids}
    if wanted in by_plain:
        return by_plain[wanted]
    whole = sorted(one for one in ids if f"-{name.casefold()}-" in f"-{one.casefold()}-")
    if len(whole) == 1:
        return whole[0]
    within = whole or sorted(one for one in ids if wanted and wanted in plain(one))
    if len(within) > 1:
        raise AmbiguousName(
            f"{what} {name!r} fits several ids", allowed=within[:12], remedy="write one of them in full"
        )
    raise UnknownName(f"unknown {what} {name!r}", nearest=within or nearest(name, [*ids, *aliases]))


def nearest(name: str, known: Collection[str], count: int = 3) -> list[str]:
    """Up to `count` known names that look most like `name`."""
    import difflib  # only a complaint needs it

    folded = {one.casefold(): one for one in known}
    return [folded[one] for one in difflib.get_close_matches(name.casefold(), folded, n=count, cutoff=0.5)]
