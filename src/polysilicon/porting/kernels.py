"""C++ and CUDA: what is code and what is comment, and where each kernel ends.

With tree-sitter's CUDA grammar (the extra `cpp`) that is read from the syntax tree, which bears with macros; without,
comments are blanked by an expression that knows strings and characters, and kernels are measured by their braces.
Either way the rules see lines.
"""

import functools
import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Parser, Query, Tree

GRAMMAR = "tree-sitter-cuda"
BY_LINES = "lines"
# What holds no comment, and comments. Each form takes what it begins with to some end: were an opening without its
# close no match, the rest of the file would be looked through anew for each. Each begins with a plain character, which
# is quicker to search for; what has to stand before it is asked afterwards.
LITERAL_OR_COMMENT = re.compile(
    r"""
    "(?<=R")(?:(?<!\wR")|(?<=\b[LuU]R")|(?<=\bu8R"))(?P<mark>[^()\\\s"]{0,16})\((?:.*?\)(?P=mark)"|.*)
    | "(?:[^"\\\n]++|\\.)*+"?
    | '(?:(?<!\w')|(?<=\b[LuU]')|(?<=\bu8'))(?:[^'\\\n]++|\\.)*+'?
    | /(?:/[^\n]*|\*(?:.*?\*/|.*))
    """,
    re.DOTALL | re.VERBOSE,
)
NOT_A_LINE_END = re.compile(r"[^\n]")
KERNEL_START = re.compile(r"\b__global__\b")
LONGEST_KERNEL = 3_000
# The largest file that is read parses in a second or two; hostile text may take the grammar hours.
MOST_PARSE_S = 10.0
CHUNK_BYTES = 65_536
QUERY = "(comment) @comment (function_definition) @function"


def reader() -> str:
    """How C++ is read here: by the grammar where it is installed, else by lines."""
    return GRAMMAR if _grammar() else BY_LINES


@functools.cache
def _grammar() -> "tuple[Parser, Query] | None":
    """The parser and what it is asked for; none where the extra is not installed."""
    try:
        import tree_sitter
        import tree_sitter_cuda
    except ImportError:
        return None
    language = tree_sitter.Language(tree_sitter_cuda.language())
    return tree_sitter.Parser(language), tree_sitter.Query(language, QUERY)


def code_of(text: str) -> tuple[str, dict[int, int], bool]:
    """C++ with its comments blanked, every line in its place; by first line (from 0), the lines of each kernel; and
    whether it was read as `reader` says: what holds the grammar up for long is read by lines.
    """
    known = _grammar()
    found = _by_tree(text, *known) if known else None
    return (*found, True) if found else (*_by_lines(text), known is None)


def _by_tree(text: str, parser: "Parser", query: "Query") -> tuple[str, dict[int, int]] | None:
    from tree_sitter import QueryCursor

    raw = bytearray(text.encode())
    tree = _parsed(bytes(raw), parser)
    if tree is None:
        return None
    captured = QueryCursor(query).captures(tree.root_node)
    kernels: dict[int, int] = {}
    for node in captured.get("function", ()):
        head = raw[node.start_byte : min(node.end_byte, node.start_byte + 400)]
        if b"__global__" in head:
            first = node.start_point.row + head[: head.index(b"__global__")].count(b"\n")
            kernels[first] = node.end_point.row - node.start_point.row + 1
    for node in captured.get("comment", ()):
        raw[node.start_byte : node.end_byte] = re.sub(rb"[^\n]", b" ", raw[node.start_byte : node.end_byte])
    return raw.decode("utf-8", "replace"), kernels


def _parsed(raw: bytes, parser: "Parser") -> "Tree | None":
    """The syntax tree; none where the parser is still mending errors when a whole file should long be read."""
    until_s = time.monotonic() + MOST_PARSE_S
    try:
        return parser.parse(
            lambda at, _: raw[at : at + CHUNK_BYTES], progress_callback=lambda *_: time.monotonic() > until_s
        )
    except ValueError:
        parser.reset()
        return None


def _by_lines(text: str) -> tuple[str, dict[int, int]]:
    bare = LITERAL_OR_COMMENT.sub(_without_comment, text)
    rows = bare.split("\n")
    starts = [at for at, row in enumerate(rows) if KERNEL_START.search(row)]
    return bare, {at: lines for at in starts if (lines := _braced(rows, at)) > 1}


def _without_comment(found: re.Match[str]) -> str:
    """What was found, blank if it is a comment; one that never ends is read on, as it may be none."""
    told = found.group()
    is_comment = told.startswith("//") or (told.startswith("/*") and told.endswith("*/"))
    return NOT_A_LINE_END.sub(" ", told) if is_comment else told


def _braced(rows: Sequence[str], start: int) -> int:
    """The lines of the function that begins at `start`, counted by its braces; 1 where it is only declared."""
    depth = 0
    for at in range(start, min(len(rows), start + LONGEST_KERNEL)):
        if at > start and "__global__" in rows[at]:  # no kernel holds another: braces may differ by conditional
            return at - start if depth else 1
        depth += rows[at].count("{") - rows[at].count("}")
        if depth == 0 and ("}" in rows[at] or ";" in rows[at]):
            return at - start + 1
    return 1
