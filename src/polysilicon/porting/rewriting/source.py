"""One Python file as it lies on the disk, or why it is left alone."""

import ast
import codecs
import io
import re
import stat
import tokenize
import warnings
from dataclasses import dataclass
from pathlib import Path

# A hand-written module is far smaller; what is larger was generated, or is data.
MOST_BYTES = 2_000_000
# The first letter of a program is ASCII: in UTF-16 and UTF-32 a mark or a null stands in its place or beside it.
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NOT_AS_STATED = "not in the encoding that it states (or UTF-8)"
_LINE = re.compile(r"\r\n|\r|\n")


class Unreadable(Exception):
    """A file that is left alone; the message is the reason, the same words for the same reason."""


@dataclass(frozen=True)
class Source:
    """A file: its bytes, its text, its lines without their ends, and its syntax tree."""

    path: str
    raw: bytes
    encoding: str
    lines: tuple[str, ...]
    tree: ast.Module

    def column(self, line: int, offset: int) -> int:
        """The column in letters of an offset in bytes of UTF-8; `line` counts from one."""
        text = self.lines[line - 1]
        return offset if text.isascii() else len(text.encode()[:offset].decode(errors="replace"))

    def segment(self, node: ast.expr) -> str:
        """The text of an expression that stands on one line; empty where it does not."""
        if node.lineno != node.end_lineno or node.end_col_offset is None:
            return ""
        return self.lines[node.lineno - 1].encode()[node.col_offset : node.end_col_offset].decode(errors="replace")

    def between(self, span: tuple[int, int, int, int]) -> str:
        """The text between two places, lines from one and columns in letters; its lines end in line feeds."""
        line, column, end, last = span
        text = "\n".join(self.lines[line - 1 : end])
        return text[column : len(text) - len(self.lines[end - 1]) + last]


def has_comment(text: str) -> bool:
    """Whether an expression has a comment within, which only one of several lines can have."""
    if "\n" not in text or "#" not in text:
        return False
    try:
        return any(one.type == tokenize.COMMENT for one in tokenize.generate_tokens(io.StringIO(f"({text})").readline))
    except (tokenize.TokenError, SyntaxError):  # Python 3.11 misplaces what stands in an f-string of several lines
        return True


def load(root: Path, path: str) -> bytes:
    """The bytes of a file below `root`.

    Raises:
        Unreadable: it is a link, too large, gone, or in UTF-16 or UTF-32, which Python does not read.
    """
    file = root / path
    try:
        if file.is_symlink():
            raise Unreadable("symbolic link")
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("no regular file")
        if status.st_size > MOST_BYTES:
            raise Unreadable(f"larger than {MOST_BYTES / 1e6:g} MB")
        raw = file.read_bytes()
    except OSError as cause:
        raise Unreadable("vanished or not readable") from cause
    if raw.startswith(_WIDE) or b"\0" in raw[:2]:
        raise Unreadable(_NOT_AS_STATED)
    return raw


def parse(path: str, raw: bytes) -> Source:
    """The file with its syntax tree.

    Raises:
        Unreadable: it is no Python of this version, or not in the encoding that it states.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        text = raw.removeprefix(codecs.BOM_UTF8).decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError) as cause:
        raise Unreadable(_NOT_AS_STATED) from cause
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(raw)
    except (SyntaxError, ValueError) as cause:
        raise Unreadable("syntax error (Python 2, a template, or broken)") from cause
    except (RecursionError, MemoryError) as cause:
        raise Unreadable("nested too deeply") from cause
    return Source(path, raw, encoding, tuple(_LINE.split(text)), tree)
