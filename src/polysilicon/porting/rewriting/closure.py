"""What is safe only in company: a question whose answer would lead other chips into code for CUDA."""

import ast
from dataclasses import replace

from polysilicon.porting.rewriting.asking import Reader
from polysilicon.porting.rewriting.site import Site, Swap


def closed(reader: Reader, found: list[Site]) -> list[Site]:
    """The sites with their final grades.

    `is_available` and `device_count` change their answer on other chips. That is safe where the file asks for CUDA
    nowhere else once it is rewritten, and in a choice of a device whose text is rewritten with it.
    """
    compared = next((one for one in found if one.rule == "DEV-compared"), None)
    if compared is not None:
        why = f"line {compared.line} compares with a text, which would answer otherwise elsewhere"
        found = [replace(one, grade="R", why=why) if one.compared and one.grade == "S" else one for one in found]
    choosing = {
        one.span for one in found if one.grade == "S" and isinstance(one.edit, Swap) and "AT_HAND" in one.edit.code
    }
    tests = _tests(reader, choosing)
    left = next((one for one in found if one.grade != "S" and not one.harmless), None)
    said = f"line {left.line} ({left.found}) would still ask for CUDA behind it" if left else ""
    vendor = reader.context.imports_under_a_guard()
    if not said and vendor is not None:
        said = f"line {vendor.lineno} imports behind it what may be of one vendor"  # type: ignore[attr-defined]
    return [
        replace(one, grade="R", why=said) if said and one.closed and one.grade == "S" and one.span not in tests else one
        for one in found
    ]


def _tests(reader: Reader, choosing: set[tuple[int, int, int, int]]) -> set[tuple[int, int, int, int]]:
    """Where the questions stand that decide on a text which is rewritten with them."""
    return {
        reader.span(part)
        for node in reader.context.nodes
        if isinstance(node, ast.IfExp) and reader.span(node.body) in choosing and reader.context.asks(node.test)
        for part in ast.walk(node.test)
        if isinstance(part, ast.Call)
    }
