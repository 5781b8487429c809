"""The ratchet: what was known stays known; only what is new fails.

A baseline counts places by target, file, rule and symbol, so that lines may move within a file. Where the places of a
rule are one cause (for a file, a folder of tests, a key), all of them are counted together, repetitions too: whichever
of them comes first, taking some away is never new, and adding one is.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from polysilicon.facts.porting import PortRule
from polysilicon.porting.inventory import is_test
from polysilicon.porting.judging import TRANSLATED, Finding, fold
from polysilicon.porting.scanning import Scan
from polysilicon.records.errors import InputError, Place

VERSION = 2
REMEDY = "write one: polysilicon port scan PATH --target ... --baseline FILE"
Count = Annotated[int, msgspec.Meta(ge=0)]


class Baseline(msgspec.Struct, forbid_unknown_fields=True):
    """Counts by target, file, rule and symbol; `version` is of this format."""

    version: int
    known: dict[str, dict[str, dict[str, dict[str, Count]]]]


def baseline(scan: Scan, rules: Mapping[str, PortRule]) -> Baseline:
    """What a ratchet compares with from now on; a target without a finding is known as such."""
    known: dict[str, dict[str, dict[str, dict[str, int]]]] = {name: {} for name in scan.targets}
    for one in scan.counted:
        path, rule, symbol = _together(one, rules)
        symbols = known[one.target].setdefault(path, {}).setdefault(rule, {})
        symbols[symbol] = symbols.get(symbol, 0) + 1 + one.repeats
    return Baseline(VERSION, known)


def read(path: Path) -> Baseline:
    """The baseline in a file.

    Raises:
        InputError: there is none, or it is none of ours.
    """
    place = Place(str(path))
    try:
        raw = path.read_bytes()
        version = msgspec.json.decode(raw, type=_Versioned).version
        if version != VERSION:
            raise InputError(
                "is a baseline of another version, which counts in another way",
                place=place,
                found=version,
                allowed=str(VERSION),
                remedy=REMEDY,
            )
        return msgspec.json.decode(raw, type=Baseline)
    except OSError as cause:
        raise InputError(f"no baseline can be read: {cause.strerror}", place=place, remedy=REMEDY) from cause
    except (ValueError, RecursionError) as cause:
        raise InputError(f"is no baseline: {cause}", place=place, remedy=REMEDY) from cause


class _Versioned(msgspec.Struct):
    """What a baseline of any version says."""

    version: int


def new(scan: Scan, known: Baseline, rules: Mapping[str, PortRule]) -> list[Finding]:
    """The findings that count and were not known. Of a cause that has more places than before, `repeats` counts the
    new ones after the first.

    Raises:
        InputError: the baseline was not taken for one of the targets.
    """
    for target in scan.targets:
        if target not in known.known:
            raise InputError(
                f"the baseline knows nothing of {target}",
                place=Place(field="--ratchet"),
                allowed=sorted(known.known),
                remedy="write it again, with every target that is asked for",
            )
    left = Counter(
        {
            (target, path, rule, symbol): count
            for target, paths in known.known.items()
            for path, rules_of in paths.items()
            for rule, symbols in rules_of.items()
            for symbol, count in symbols.items()
        }
    )
    found: list[Finding] = []
    for one in scan.counted:
        key = (one.target, *_together(one, rules))
        places = 1 + one.repeats
        old = min(left[key], places)
        left[key] -= old
        if places > old:
            found.append(msgspec.structs.replace(one, repeats=places - old - 1))
    return found


def _together(one: Finding, rules: Mapping[str, PortRule]) -> tuple[str, str, str]:
    """Where a finding is counted: path, rule and symbol, less whatever differs between places of one cause."""
    match fold(rules[one.rule], tested=is_test(one.path), translated=one.path.endswith(TRANSLATED)):
        case "key":
            return "", one.rule, one.symbol.casefold()
        case "folder":
            return one.path.rpartition("/")[0] + "/", one.rule, ""
        case "file" | "block":
            return one.path, one.rule, ""
        case _:
            return one.path, one.rule, one.symbol
