"""An audit bundle: verdicts, the records they cite, the things judged and the versions, in one signed-off zip file.

The same question gives the same bytes: entries stand in order, and no clock is read. The manifest lists the SHA-256
of every entry, so that a reader can tell whether one was changed after it was signed off.
"""

import hashlib
import io
import platform
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from polysilicon import __version__
from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip
from polysilicon.facts.law import Event, Rule
from polysilicon.facts.record import Record
from polysilicon.policy.verdict import NOTICE, Verdict
from polysilicon.records.errors import InputError, Place
from polysilicon.report.files import to_json

MANIFEST = "manifest.json"
EPOCH = (1980, 1, 1, 0, 0, 0)
MOST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class SignOff:
    """Who stands for the bundle, on which day, and what they add."""

    by: str
    on: str
    note: str = ""


def bundle(
    catalogue: Catalogue, verdicts: Sequence[Verdict], inputs: Mapping[str, bytes], signed: SignOff | None
) -> bytes:
    """The zip file. `inputs` are files that go in as they are, such as a plan and its scenario."""
    entries: dict[str, bytes] = {f"inputs/{name}": blob for name, blob in inputs.items()}
    for number, one in enumerate(verdicts, 1):
        entries[f"verdicts/{number:03d}.json"] = to_json(one.to_dict()).encode()
    cited = _cited(catalogue, verdicts)
    entries["records.json"] = to_json({name: msgspec.to_builtins(one) for name, one in cited.items()}).encode()
    keys = sorted({key for one in cited.values() for key in one.cites()})
    entries["sources.json"] = to_json({key: msgspec.to_builtins(catalogue.source(key)) for key in keys}).encode()
    entries["README.txt"] = _readme(verdicts, signed).encode()
    entries[MANIFEST] = to_json(_manifest(catalogue, verdicts, entries, signed)).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(entries):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), entries[name], zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _cited(catalogue: Catalogue, verdicts: Sequence[Verdict]) -> dict[str, Record]:
    """Every provision that bears on a verdict, and every chip that was judged, by id."""
    named = {one.id for verdict in verdicts for one in verdict.findings if one.binds != "no"}
    found: dict[str, Record] = {}
    for kind in (Rule, Event):
        found |= {one.id: one for one in catalogue.every(kind) if one.id in named}
    chips = set(catalogue.ids(Chip))
    found |= {one.item: catalogue.get(Chip, one.item) for one in verdicts if one.item in chips}
    return dict(sorted(found.items()))


def _manifest(
    catalogue: Catalogue, verdicts: Sequence[Verdict], entries: Mapping[str, bytes], signed: SignOff | None
) -> dict[str, Any]:
    return {
        "format": "polysilicon audit bundle 1",
        "catalogue": catalogue.hash,
        "as_of": sorted({one.on for one in verdicts}),
        "views": sorted({one.view for one in verdicts}),
        "law_read_up_to": sorted({one.known_until for one in verdicts}),
        "versions": {"polysilicon": __version__, "python": platform.python_version(), "numpy": np.__version__},
        "signed_off": asdict(signed) if signed else None,
        "notice": NOTICE,
        "sha256": {name: hashlib.sha256(entries[name]).hexdigest() for name in sorted(entries)},
    }


def _readme(verdicts: Sequence[Verdict], signed: SignOff | None) -> str:
    lines = ["Audit bundle of polysilicon", ""]
    for number, one in enumerate(verdicts, 1):
        act = " ".join(f"{name} {value}" for name, value in one.transaction.items())
        lines += [
            f"{number:03d}  {one.item}: {act}, on {one.on} ({one.view} view)",
            f"     {one.item_class}: {one.consequence}: {one.words}",
            f"     by {'; '.join(one.citations) or 'no rule that was found'}",
            f"     law read up to {one.known_until}{' and carried forward' * one.assumed}; grade {one.confidence}",
        ]
    sign = f"Signed off by {signed.by} on {signed.on}. {signed.note}".strip() if signed else "Not signed off."
    check = "polysilicon rules bundle --verify FILE compares every entry with the manifest."
    return "\n".join([*lines, "", sign, check, NOTICE, ""])


def faults(path: Path) -> list[str]:
    """What is wrong with a bundle: entries that are missing, added or changed since the manifest was written.

    Raises:
        InputError: it can't be read, or is no bundle.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(one.file_size for one in archive.infolist()) > MOST_BYTES:
                raise InputError("is too large for a bundle", place=Place(str(path)), allowed="64 MiB unpacked")
            entries = {name: archive.read(name) for name in archive.namelist()}
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as cause:
        raise InputError(f"can't be read as a bundle: {cause}", place=Place(str(path))) from cause
    try:
        expected: dict[str, str] = msgspec.json.decode(entries.pop(MANIFEST))["sha256"]
        known = dict(expected.items())
    except (KeyError, TypeError, AttributeError, msgspec.DecodeError) as cause:
        raise InputError("has no manifest", place=Place(str(path)), remedy="is it a bundle?") from cause
    found = {name: hashlib.sha256(blob).hexdigest() for name, blob in entries.items()}
    return [
        *(f"{name}: missing" for name in sorted(known.keys() - found.keys())),
        *(f"{name}: not in the manifest" for name in sorted(found.keys() - known.keys())),
        *(f"{name}: changed" for name in sorted(known.keys() & found.keys()) if known[name] != found[name]),
    ]
