"""Notebooks: the code of their cells as one Python text, each line with its place in the file.

A place is found by walking the JSON by position: a line of code may stand a hundred times in a file, in what a cell
prints among others, and may be written with escapes or without.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

# A string, with the colon after it where it is a key; or a bracket. Whatever else is in valid JSON has no place here.
TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"(?P<key>\s*:)?|[{}\[\]]')
CELLS = frozenset({("cells", "["), ("worksheets", "[", "cells", "[")})
DEEPEST = 6
LINE_END = re.compile(r"\r\n?|\n")
# What a notebook understands and Python does not: magics, commands of the shell, and questions.
MAGIC = re.compile(r"\s*(?:!|%{1,2}[A-Za-z_]\w*(?:\s|$)|\?{1,2}[\w%.]|[\w%][\w%.*\[\]]*\?{1,2}\s*$)")
ASSIGNED = re.compile(r"([\w.,\s\[\]]+=\s*)(?:!|%[A-Za-z_]\w*(?:\s|$))")
CELL_MAGIC = re.compile(r"\s*%%\w")
PYTHON_CELL = re.compile(r"\s*%%(?:(?:time|timeit|prun|capture|py|python3?)\b|(?:writefile|file)\b.*\.py\s*$)")


def code_of(raw: bytes) -> tuple[bytes, list[int]]:
    """The code cells as one text, magics blanked, and for each of its lines the line of the notebook's file.

    Raises:
        ValueError: the file is no notebook.
    """
    text = raw.decode("utf-8", "replace")
    if not _is_notebook(text):
        raise ValueError("no notebook")
    code: list[str] = []
    places: list[int] = []
    for pieces in _cells(text):
        rows, numbers = _rows(pieces)
        code += _bare(rows)
        places += numbers
    return "\n".join(code).encode("utf-8", "replace"), places


def _is_notebook(text: str) -> bool:
    """Whether the file is JSON with cells as formats 3 and 4 have them: each of a kind, its code a text or texts."""
    try:
        whole: Any = json.loads(text)
        cells = whole["cells"] if "cells" in whole else [one for sheet in whole["worksheets"] for one in sheet["cells"]]
        sources = [one["source" if "source" in one else "input"] for one in cells if one["cell_type"] == "code"]
        return all(
            isinstance(one, str) or (isinstance(one, list) and all(isinstance(piece, str) for piece in one))
            for one in sources
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _cells(text: str) -> Iterator[list[tuple[str, int]]]:
    """The source of each code cell in pieces, each with the line of the file on which it stands."""
    path: list[str] = []
    pieces: list[tuple[str, int]] = []
    is_code = False
    line, counted = 1, 0
    for found in TOKEN.finditer(text):
        first = text[found.start()]
        if first in "{[":
            path.append(first)
        elif first in "}]":
            path.pop()
            if tuple(path[:DEEPEST]) in CELLS:
                if is_code and pieces:
                    yield pieces
                pieces, is_code = [], False
        elif found["key"]:
            path[-1] = json.loads(text[found.start() : found.start("key")])
        elif len(path) <= DEEPEST and path:
            listed = path[-1] == "["
            *cell, key = path[:-1] if listed else path
            if key in ("source", "input", "cell_type") and tuple(cell) in CELLS:
                value = json.loads(found.group())
                if key == "cell_type":
                    is_code = value == "code"
                else:
                    line += text.count("\n", counted, found.start())
                    counted = found.start()
                    pieces.append((value, line))


def _rows(pieces: Sequence[tuple[str, int]]) -> tuple[list[str], list[int]]:
    """The lines of a cell, each with the line of the file on which it begins."""
    code = "".join(piece for piece, _ in pieces)
    starts = [0, *accumulate(len(piece) for piece, _ in pieces)]
    begins = [0, *(one.end() for one in LINE_END.finditer(code))]
    return LINE_END.split(code), [pieces[min(bisect_right(starts, at), len(pieces)) - 1][1] for at in begins]


def _bare(rows: list[str]) -> list[str]:
    """A cell without what is no Python; a statement stays where a block would be left with none."""
    head = next((row for row in rows if row.strip()), "")
    if CELL_MAGIC.match(head) and not PYTHON_CELL.match(head):
        return [""] * len(rows)
    bare: list[str] = []
    goes_on = False
    for row in rows:
        if goes_on:
            bare.append("")
        elif MAGIC.match(row):
            bare.append(row[: len(row) - len(row.lstrip())] + "pass")
        elif found := ASSIGNED.match(row):
            bare.append(f"{found[1]}None")
        else:
            bare.append(row)
            continue
        goes_on = row.endswith("\\")
    return bare
