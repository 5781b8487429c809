"""Reading a trace of requests: each line that can't be read is named, and none is dropped in silence."""

import gzip
import zlib
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from polysilicon.performance.replays.formats import Row, reader_of
from polysilicon.performance.replays.traffic import HASH_TOKENS, MOST_REQUESTS, Traffic
from polysilicon.records.errors import InputError, Place

BadLines = Literal["stop", "skip"]
GZIP = b"\x1f\x8b"
MOST_UNPACKED_BYTES = 4 * 2**30
MOST_LINE_BYTES = 2**22
MOST_BAD = 100_000
NAMED = 10


@dataclass(frozen=True)
class Trace:
    """The requests of a file, in the order of arrival, and what is to be said about reading it.

    `lines` is how many lines stood for a request; `skipped` names those of them that could not be read, and why.
    `unordered` requests stood behind later ones, and were sorted in.
    """

    file: str
    format: str
    lines: int
    skipped: tuple[str, ...]
    unordered: int
    traffic: Traffic


@dataclass
class _Columns:
    """Columns as they grow: arrays of eight bytes a value, as a trace may be long."""

    arrival_s: "array[float]" = field(default_factory=lambda: array("d"))
    prompt: "array[int]" = field(default_factory=lambda: array("q"))
    answer: "array[int]" = field(default_factory=lambda: array("q"))
    offset: "array[int]" = field(default_factory=lambda: array("q", [0]))
    blocks: "array[int]" = field(default_factory=lambda: array("q"))

    def add(self, row: Row) -> None:
        self.arrival_s.append(row.arrival_s)
        self.prompt.append(row.prompt)
        self.answer.append(row.answer)
        self.blocks.extend(row.blocks)
        self.offset.append(len(self.blocks))


def read_trace(path: Path, bad_lines: BadLines = "stop") -> Trace:
    """The requests of a trace: Azure's CSV, Mooncake's JSON lines, or plain CSV; gzip is unpacked on the way.

    With `bad_lines="skip"` a line that can't be read is left out and named in the result.

    Raises:
        InputError: the file can't be read, is of no known format or too large, or lines of it can't be read.
    """
    columns, bad = _Columns(), list[tuple[int, InputError]]()
    format_, lines = "", 0
    parse: Callable[[str], Row] | None = None
    for number, text in _lines(path):
        if parse is None:
            format_, parse, header = reader_of(text, Place(str(path), number))
            if header:
                continue
        lines += 1
        if lines > MOST_REQUESTS:
            raise InputError(f"holds more than {MOST_REQUESTS:,} requests", place=Place(str(path)), remedy="split it")
        try:
            columns.add(parse(text))
        except InputError as complaint:
            bad.append((number, complaint.at(Place(str(path), number))))
            if len(bad) > MOST_BAD:
                raise InputError(f"has more than {MOST_BAD:,} bad lines, the first: {bad[0][1]}") from complaint
    if bad and bad_lines == "stop":
        raise _stopped(bad)
    if not columns.arrival_s:
        raise InputError("holds no requests" + (" that can be read" if bad else ""), place=Place(str(path)))
    traffic, unordered = _in_order(columns)
    return Trace(str(path), format_, lines, tuple(str(one) for _, one in bad), unordered, traffic)


def _stopped(bad: list[tuple[int, InputError]]) -> InputError:
    """The first bad line in full, and the numbers of the next."""
    rest = [str(number) for number, _ in bad[1:]]
    more = f", and {len(rest) - NAMED:,} more" if len(rest) > NAMED else ""
    named = f"line{'s' * (len(rest) > 1)} {', '.join(rest[:NAMED])}{more}"
    also = f"{named} can't be read either; " if rest else ""
    first = bad[0][1]
    return InputError(
        first.problem,
        place=first.place,
        found=first.found,
        allowed=first.allowed,
        remedy=f"{also}--bad-lines skip goes on without such lines",
    )


def _in_order(columns: _Columns) -> tuple[Traffic, int]:
    """The requests by time of arrival, those of one moment as they stood; and how many stood behind a later one."""
    times = np.array(columns.arrival_s, float)
    order = np.argsort(times, kind="stable")
    offset = np.array(columns.offset, np.int64)
    lengths = np.diff(offset)[order]
    moved = np.concatenate([[0], np.cumsum(lengths)])
    # Where each block of the sorted requests stood before.
    source = np.repeat(offset[:-1][order] - moved[:-1], lengths) + np.arange(moved[-1])
    known, blocks = np.unique(np.array(columns.blocks, np.int64)[source], return_inverse=True)
    traffic = Traffic(
        times[order] - times[order[0]],
        np.array(columns.prompt, np.int64)[order],
        np.array(columns.answer, np.int64)[order],
        moved.astype(np.int64),
        blocks.astype(np.int64),
        int(known.size),
        HASH_TOKENS,
    )
    return traffic, int(np.sum(times < np.maximum.accumulate(times)))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Each line that is not blank, with its number.

    Raises:
        InputError: the file can't be read, is broken or too large. A line that is no UTF-8 text is a bad one.
    """
    place = str(path)
    try:
        with path.open("rb") as packed:
            zipped = packed.peek(2)[:2] == GZIP
            stream: BinaryIO = gzip.GzipFile(fileobj=packed) if zipped else packed  # type: ignore[assignment]
            number, total = 0, 0
            while line := stream.readline(MOST_LINE_BYTES + 1):
                number, total = number + 1, total + len(line)
                if len(line) > MOST_LINE_BYTES:
                    limit = f"is longer than {MOST_LINE_BYTES // 2**20} MiB"
                    raise InputError(limit, place=Place(place, number), allowed="one request a line")
                if total > MOST_UNPACKED_BYTES:
                    raise InputError(f"unpacks to more than {MOST_UNPACKED_BYTES // 2**30} GiB", place=Place(place))
                text = line.decode("utf-8-sig" if number == 1 else "utf-8", "replace").strip()
                if text:
                    yield number, text
    except OSError as cause:
        raise InputError(f"can't be read: {cause.strerror or cause}", place=Place(place)) from cause
    except (EOFError, zlib.error) as cause:
        raise InputError(f"is broken gzip: {cause}", place=Place(place)) from cause
