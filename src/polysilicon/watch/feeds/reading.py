"""From bytes to notices: unpack, find the format by its content, and read record by record.

What can't be read becomes a fault, a sentence that says which file and record and why; the records beside it are read
all the same.
"""

import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from polysilicon.facts import Catalogue
from polysilicon.records.document import parse_yaml
from polysilicon.records.errors import InputError, Place
from polysilicon.watch.feeds import csaf, cve, ecfr, ecfr_versions, federal_register, kev, nvd, osv, rules, screening
from polysilicon.watch.notice import Notice

FORMATS = (
    "CVE List v5, NVD 2.0, CISA KEV, CSAF 2.0, OSV, Federal Register, Consolidated Screening List (JSON), "
    "OSV or rules (YAML), eCFR (XML, or its versions as JSON); also packed with gzip or zip"
)
MOST_MEMBERS = 200_000
MOST_FAULTS = 50  # of one document: more say nothing new, and are counted
MOST_YAML = 2 * 2**20
MOST_LETTERS, MOST_RECORD = 300, 4 * 2**20  # of an id, and bytes of one notice

Reader = Callable[[Any], Iterator[Notice]]


@dataclass(frozen=True)
class Limits:
    """How much is read: bytes of one document, unpacked; and whether a part of a screening list is enough."""

    most_bytes: int = 64 * 2**20
    partial_lists: bool = False


@dataclass(frozen=True)
class Reading:
    """What one document held: the notices in it, and a sentence for everything that could not be read."""

    notices: tuple[Notice, ...]
    faults: tuple[str, ...]


# How a single record is known, and what reads it.
RECORDS: tuple[tuple[Callable[[Any], bool], Reader], ...] = (
    (cve.is_record, cve.read),
    (csaf.is_document, csaf.read),
    (federal_register.is_document, federal_register.read),
    (kev.is_entry, kev.read),
    (nvd.is_item, nvd.read),
    (osv.is_record, osv.read),
    (ecfr_versions.is_version, ecfr_versions.read),
)


def read(blob: bytes, file: str, catalogue: Catalogue, limits: Limits) -> Reading:
    """Every notice of one document. Nothing that stands in it can raise."""
    notices: list[Notice] = []
    faults: list[str] = []
    try:
        for name, content in _unpacked(blob, file, limits):
            _read(content, name, catalogue, limits, notices, faults)
    except InputError as complaint:
        faults.append(str(complaint))
    if len(faults) > MOST_FAULTS:
        faults[MOST_FAULTS:] = [f"{file}: {len(faults) - MOST_FAULTS:,} more faults"]
    return Reading(tuple(notices), tuple(faults))


def _read(
    blob: bytes, file: str, catalogue: Catalogue, limits: Limits, notices: list[Notice], faults: list[str]
) -> None:
    """One unpacked document; what it yields before it breaks is kept."""
    try:
        for one in _notices(blob, file, catalogue, limits, faults):
            notices.append(one)  # noqa: PERF402 - what came before a break is kept
    except InputError as complaint:
        faults.append(str(complaint.at(Place(file))))
    except (msgspec.ValidationError, RecursionError, UnicodeError) as cause:
        faults.append(f"{file}: {_why(cause)}")


def _why(cause: Exception) -> str:
    return "is nested too deep" if isinstance(cause, RecursionError) else str(cause)[:300]


def _unpacked(blob: bytes, file: str, limits: Limits) -> Iterator[tuple[str, bytes]]:
    """The documents in `blob`: itself, or what a gzip or zip file holds, one level deep and of bounded size."""
    if len(blob) > limits.most_bytes:
        raise _too_large(file, limits)
    if blob[:2] == b"\x1f\x8b":
        yield file, _gunzipped(blob, file, limits)
    elif blob[:4] == b"PK\x03\x04":
        yield from _unzipped(blob, file, limits)
    else:
        yield file, blob


def _too_large(file: str, limits: Limits) -> InputError:
    return InputError(
        f"is larger than {limits.most_bytes // 2**20} MiB, unpacked",
        place=Place(file),
        remedy="split it, or allow more with --most-mib",
    )


def _gunzipped(blob: bytes, file: str, limits: Limits) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(blob)) as stream:
            content = stream.read(limits.most_bytes + 1)
    except (OSError, EOFError, zlib.error) as cause:
        raise InputError(f"is broken gzip: {cause}", place=Place(file)) from cause
    if len(content) > limits.most_bytes:
        raise _too_large(file, limits)
    if content[:2] == b"\x1f\x8b" or content[:4] == b"PK\x03\x04":
        raise InputError("is packed twice", place=Place(file), remedy="unpack it once")
    return content


def _unzipped(blob: bytes, file: str, limits: Limits) -> Iterator[tuple[str, bytes]]:
    left = limits.most_bytes
    try:
        with zipfile.ZipFile(io.BytesIO(blob)) as packed:
            members = [one for one in packed.infolist() if not one.is_dir()]
            if len(members) > MOST_MEMBERS:
                raise InputError(f"holds more than {MOST_MEMBERS:,} files", place=Place(file))
            for one in members:
                with packed.open(one) as stream:
                    content = stream.read(left + 1)
                left -= len(content)
                if left < 0:
                    raise _too_large(file, limits)
                if content[:4] == b"PK\x03\x04" or content[:2] == b"\x1f\x8b":
                    raise InputError("is packed twice", place=Place(f"{file}!{one.filename}"), remedy="unpack it once")
                yield f"{file}!{one.filename}", content
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError) as cause:
        raise InputError(f"is broken zip: {cause}", place=Place(file)) from cause


def _notices(blob: bytes, file: str, catalogue: Catalogue, limits: Limits, faults: list[str]) -> Iterator[Notice]:
    start = blob[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        raise InputError("is empty", place=Place(file))
    if start[:1] in b"{[":
        yield from _json(blob.removeprefix(b"\xef\xbb\xbf"), file, catalogue, limits, faults)
    elif start[:1] == b"<":
        if not ecfr.is_ecfr(blob):
            raise InputError("is XML of no format that is read", place=Place(file), allowed=FORMATS)
        yield from ecfr.read(blob, file)
    elif re.search(r"\.ya?ml$", file, re.IGNORECASE):
        yield from _yaml(blob, file, catalogue, faults)
    else:
        _refuse_encoding(blob, file)
        raise InputError("is of no format that is read", place=Place(file), allowed=FORMATS)


def _refuse_encoding(blob: bytes, file: str) -> None:
    if blob[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError("is UTF-16, not UTF-8 text", place=Place(file), remedy="save it as UTF-8")
    try:
        blob.decode("utf-8")
    except UnicodeDecodeError as cause:
        line = blob[: cause.start].count(b"\n") + 1
        raise InputError("is not UTF-8 text", place=Place(file, line), remedy="save it as UTF-8") from cause


def _json(blob: bytes, file: str, catalogue: Catalogue, limits: Limits, faults: list[str]) -> Iterator[Notice]:
    _refuse_encoding(blob, file)
    try:
        data = msgspec.json.decode(blob)
    except (msgspec.DecodeError, RecursionError) as cause:
        raise InputError(f"broken JSON: {_why(cause)}", place=Place(file)) from cause
    if screening.is_list(data):
        yield from screening.read(blob, file, catalogue, partial=limits.partial_lists)
        return
    for key, record in _records(data, file):
        yield from _record(record, f"{file}{key}", faults)


def _records(data: Any, file: str) -> Iterator[tuple[str, Any]]:
    """The records in decoded JSON, each with where it stands."""
    inner: Any = [data] if isinstance(data, dict) else data
    name = ""
    if kev.is_catalogue(data) or (nvd.is_response(data) and "vulnerabilities" in data):
        inner, name = data["vulnerabilities"], ".vulnerabilities"
    elif nvd.is_response(data):
        inner, name = data["cve_items"], ".cve_items"
    elif ecfr_versions.is_list(data):
        inner, name = data["content_versions"], ".content_versions"
    elif federal_register.is_list(data):
        inner, name = data.get("results") or [], ".results"
    if not isinstance(inner, list):
        raise InputError(f"{name.lstrip('.')} must be a list", place=Place(file))
    for at, one in enumerate(inner):
        yield (f"{name}[{at}]" if name or isinstance(data, list) else ""), one


def _record(record: Any, spot: str, faults: list[str]) -> Iterator[Notice]:
    """What the reader of its format says of one record; a fault where it says nothing."""
    reader = next((read for known, read in RECORDS if known(record)), None)
    if reader is None:
        faults.append(f"{spot}: is of no format that is read; allowed: {FORMATS}")
        return
    try:
        notices = list(reader(record))
    except (msgspec.ValidationError, RecursionError, UnicodeError) as cause:
        faults.append(f"{spot}: {_why(cause)}")
        return
    for one in notices:
        if len(one.id) > MOST_LETTERS or len(one.encoded()) > MOST_RECORD:
            faults.append(f"{spot}: is no sane record: an id of {len(one.id):,} letters, or megabytes of text")
        else:
            yield one


def _yaml(blob: bytes, file: str, catalogue: Catalogue, faults: list[str]) -> Iterator[Notice]:
    if len(blob) > MOST_YAML:
        raise InputError("is larger than 2 MiB, too much for YAML", place=Place(file), remedy="split it")
    _refuse_encoding(blob, file)
    text = blob.decode("utf-8-sig")
    document = parse_yaml(text, file)
    if rules.is_record(document.data):
        yield from rules.read(document, text, catalogue)
    else:
        yield from _record(document.data, file, faults)
