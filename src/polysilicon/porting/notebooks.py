"""Notebooks: the code of their cells as one Python text, each line with its place in the file."""

import json
from typing import Any


def code_of(raw: bytes) -> tuple[bytes, list[int]]:
    """The code cells as one text, magics blanked, and for each of its lines the line of the notebook's file.

    Raises:
        ValueError: the file is no notebook.
    """
    text = raw.decode("utf-8", "replace")
    try:
        cells: Any = json.loads(text)["cells"]
        sources = [one["source"] for one in cells if one["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError) as cause:
        raise ValueError("no notebook") from cause
    code: list[str] = []
    places: list[int] = []
    at, counted, number = 0, 0, 1
    for source in sources:
        for line in (source if isinstance(source, str) else "".join(source)).splitlines():
            found = text.find(json.dumps(line, ensure_ascii=False)[1:-1], at) if line.strip() else -1
            at = found if found >= 0 else at
            number += text.count("\n", counted, at)
            counted = at
            places.append(number)
            code.append("" if line.lstrip().startswith(("%", "!", "?")) else line)
    return "\n".join(code).encode(), places
