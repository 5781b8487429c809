"""The three formats of a trace, line by line.

| format | first line | fields |
|---|---|---|
| azure | `TIMESTAMP,ContextTokens,GeneratedTokens` | a moment, tokens of the prompt and of the answer |
| mooncake | a JSON object a line | `timestamp` [ms], `input_length`, `output_length`, `hash_ids` (512 tokens a block) |
| plain | `arrival_s,input_tokens,output_tokens` | seconds, tokens, tokens; `hash_ids` between spaces, where known |

Source: Patel et al., Splitwise (ISCA 2024), Azure LLM inference trace 2023; Qin et al., Mooncake (FAST'25), appendix.
"""

import csv
import datetime as dt
import math
import re
from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple

import msgspec

from polysilicon.performance.replays.traffic import HASH_TOKENS, MOST_TOKENS
from polysilicon.records.errors import InputError, Place
from polysilicon.records.names import nearest
from polysilicon.records.units import MS_PER_S

AZURE = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
PLAIN = ("arrival_s", "input_tokens", "output_tokens")
HASHES = "hash_ids"
# Some 30,000 years: times beyond lose the milliseconds.
MOST_TIME_S = 1e12
MOST_HASH = 2**62
EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
KNOWN = f"{','.join(AZURE)}, {','.join(PLAIN)}, or a JSON object a line"


class Row(NamedTuple):
    """One request: when it arrives [s], tokens of prompt and answer, and its prompt's hashed blocks."""

    arrival_s: float
    prompt: int
    answer: int
    blocks: Sequence[int] = ()


Tokens = Annotated[int, msgspec.Meta(ge=1, le=MOST_TOKENS)]


class _Mooncake(msgspec.Struct):
    timestamp: Annotated[float, msgspec.Meta(ge=-MOST_TIME_S, le=MOST_TIME_S)]
    input_length: Tokens
    output_length: Tokens
    hash_ids: list[Annotated[int, msgspec.Meta(ge=0, le=MOST_HASH)]] = []


_decode = msgspec.json.Decoder(_Mooncake).decode
_FIELD = re.compile(r" - at `\$\.?([^`]*)`")


def reader_of(first: str, place: Place) -> tuple[str, Callable[[str], Row], bool]:
    """The name of the format that begins with this line, its reader, and whether the line is a header.

    Raises:
        InputError: it is none of the known ones.
    """
    if first.startswith("{"):
        return "mooncake", _mooncake, False
    header = [one.strip() for one in _cells(first)]
    for name, needed, read in (("azure", AZURE, _moment_s), ("plain", PLAIN, _seconds)):
        if set(needed) <= set(header):
            if len(set(header)) < len(header):
                raise InputError("has a column twice", place=place, found=first)
            return name, _of_columns(header, needed, read), True
    missing = [one for one in PLAIN if one not in header]
    close = [one for one in header for _ in nearest(one, missing, 1)]
    raise InputError(
        "is not the first line of a trace",
        place=place,
        found=first,
        allowed=KNOWN,
        nearest=nearest(close[0], missing, 1) if close else (),
    )


def _mooncake(text: str) -> Row:
    try:
        one = _decode(text)
    except msgspec.ValidationError as cause:
        told = str(cause)
        field = _FIELD.search(told)
        raise InputError(_FIELD.sub("", told), place=Place(field=field[1] if field else None), found=text) from cause
    except (msgspec.DecodeError, RecursionError) as cause:
        raise InputError(f"is no JSON: {cause}", found=text) from cause
    return _row(one.timestamp / MS_PER_S, one.input_length, one.output_length, one.hash_ids)


def _of_columns(
    header: Sequence[str], needed: Sequence[str], time_s: Callable[[str, str], float]
) -> Callable[[str], Row]:
    when, prompt, answer = (header.index(one) for one in needed)
    hashes = header.index(HASHES) if HASHES in header else None

    def read(text: str) -> Row:
        cells = _cells(text)
        if len(cells) != len(header):
            raise InputError(f"has {len(cells)} cells where the header has {len(header)}", found=text)
        blocks = () if hashes is None else [_whole(HASHES, one, 0, MOST_HASH) for one in cells[hashes].split()]
        return _row(
            time_s(needed[0], cells[when]),
            _whole(needed[1], cells[prompt], 1, MOST_TOKENS),
            _whole(needed[2], cells[answer], 1, MOST_TOKENS),
            blocks,
        )

    return read


def _cells(text: str) -> list[str]:
    """The cells of a line; only where one is quoted does it take a parser."""
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader([text], strict=True), [])
    except csv.Error as cause:
        raise InputError(f"is broken CSV: {cause}", found=text) from cause


def _row(arrival_s: float, prompt: int, answer: int, blocks: Sequence[int]) -> Row:
    most = -(-prompt // HASH_TOKENS)
    if len(blocks) > most:
        raise InputError(
            "names more blocks than the prompt has",
            place=Place(field=HASHES),
            found=len(blocks),
            allowed=f"{most} of {HASH_TOKENS} tokens each",
        )
    return Row(arrival_s, prompt, answer, blocks)


def _whole(field: str, text: str, least: int, most: int) -> int:
    cell = text.strip()
    if not (cell.isascii() and cell.isdigit() and len(cell) <= 19 and least <= int(cell) <= most):
        raise InputError(
            "is no such number",
            place=Place(field=field),
            found=text,
            allowed=f"a whole number from {least} to {most:,}",
        )
    return int(cell)


def _seconds(field: str, text: str) -> float:
    try:
        time_s = float(text)
    except ValueError:
        time_s = math.nan
    if not abs(time_s) <= MOST_TIME_S:
        raise InputError("is no time", place=Place(field=field), found=text, allowed="seconds, such as 12.75")
    return time_s


def _moment_s(field: str, text: str) -> float:
    try:
        moment = dt.datetime.fromisoformat(text.strip())
    except ValueError as cause:
        allowed = "a moment, such as 2023-11-16 18:15:46.6805900"
        raise InputError("is no moment", place=Place(field=field), found=text, allowed=allowed) from cause
    return ((moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)) - EPOCH).total_seconds()
