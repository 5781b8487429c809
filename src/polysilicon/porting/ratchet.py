"""The ratchet: what was known stays known; only what is new fails.

A baseline counts findings by target, file, rule and symbol, so that lines may move within a file. Where a count has
grown, the last places of that kind are new.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from polysilicon.porting.judging import Finding
from polysilicon.records.errors import InputError, Place

VERSION = 1


class Baseline(msgspec.Struct, forbid_unknown_fields=True):
    """Counts by target, file, rule and symbol; `version` is of this format."""

    version: int
    known: dict[str, dict[str, dict[str, dict[str, int]]]]


def baseline(findings: Iterable[Finding]) -> Baseline:
    """What a ratchet compares with from now on."""
    known: dict[str, dict[str, dict[str, dict[str, int]]]] = {}
    for one in findings:
        if one.counts:
            symbols = known.setdefault(one.target, {}).setdefault(one.path, {}).setdefault(one.rule, {})
            symbols[one.symbol] = symbols.get(one.symbol, 0) + 1
    return Baseline(VERSION, known)


def read(path: Path) -> Baseline:
    """The baseline in a file.

    Raises:
        InputError: there is none, or it is none of ours.
    """
    try:
        known = msgspec.json.decode(path.read_bytes(), type=Baseline)
    except OSError as cause:
        raise InputError(
            f"no baseline can be read: {cause.strerror}",
            place=Place(str(path)),
            remedy="write one first: polysilicon port scan PATH --target ... --baseline FILE",
        ) from cause
    except msgspec.DecodeError as cause:
        raise InputError(f"is no baseline: {cause}", place=Place(str(path))) from cause
    if known.version != VERSION:
        raise InputError("is a baseline of another version", place=Place(str(path)), found=known.version, allowed="1")
    return known


def new(findings: Sequence[Finding], known: Baseline) -> list[Finding]:
    """The findings that count and were not known."""
    left = Counter(
        {
            (target, path, rule, symbol): count
            for target, paths in known.known.items()
            for path, rules in paths.items()
            for rule, symbols in rules.items()
            for symbol, count in symbols.items()
        }
    )
    found: list[Finding] = []
    for one in findings:
        if one.counts:
            key = (one.target, one.path, one.rule, one.symbol)
            if left[key]:
                left[key] -= 1
            else:
                found.append(one)
    return found
