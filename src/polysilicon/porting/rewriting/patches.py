"""Diffs as bytes, so that encodings and line endings pass through them unharmed."""

import difflib
from collections.abc import Iterable

_NO_END = b"\n\\ No newline at end of file\n"
ABSENT = None


def patch(changes: Iterable[tuple[str, bytes | None, bytes | None]]) -> bytes:
    """A unified diff over files, each with its bytes before and after; nothing stands for a file that is not there."""
    return b"".join(_one(path, before, after) for path, before, after in changes if before != after)


def lines_changed(before: bytes, after: bytes) -> tuple[int, int]:
    """How many lines a change takes away and adds."""
    matcher = difflib.SequenceMatcher(None, _lines(before), _lines(after), autojunk=False)
    blocks = [one for one in matcher.get_opcodes() if one[0] != "equal"]
    return sum(last - first for _, first, last, _, _ in blocks), sum(last - first for *_, first, last in blocks)


def _one(path: str, before: bytes | None, after: bytes | None) -> bytes:
    old = b"/dev/null" if before is None else _name(b"a/", path)
    new = b"/dev/null" if after is None else _name(b"b/", path)
    header = b"diff --git " + _name(b"a/", path) + b" " + _name(b"b/", path) + b"\n"
    if before is None:
        header += b"new file mode 100644\n"
    if after is None:
        header += b"deleted file mode 100644\n"
    body = difflib.diff_bytes(
        difflib.unified_diff, _lines(before or b""), _lines(after or b""), old, new, lineterm=b"\n"
    )
    return header + b"".join(one if one.endswith(b"\n") else one + _NO_END for one in body)


def _lines(data: bytes) -> list[bytes]:
    """Lines by line feeds alone, as patch and git count them."""
    lines = data.split(b"\n")
    return [one + b"\n" for one in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _name(side: bytes, path: str) -> bytes:
    """A path as git writes it: in quotes where it holds what would end it."""
    raw = side + path.encode(errors="surrogateescape")
    if not any(byte < 0x20 or byte in b'"\\' or byte >= 0x7F for byte in raw):
        return raw
    spelt = "".join(chr(byte) if 0x20 <= byte < 0x7F and byte not in b'"\\' else f"\\{byte:03o}" for byte in raw)
    return f'"{spelt}"'.encode()
