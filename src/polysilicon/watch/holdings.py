"""From the user's file to holdings: a fleet, a scenario or a plan, told apart by what stands in it."""

from pathlib import Path
from typing import Any

import msgspec

from polysilicon.facts import Catalogue
from polysilicon.records.document import MOST_BYTES, Document, parse_yaml, read_text
from polysilicon.records.errors import InputError
from polysilicon.scenario import from_document
from polysilicon.watch.holding import Holdings
from polysilicon.watch.owned import from_fleet
from polysilicon.watch.planned import from_plan, from_scenario


def read(path: Path, catalogue: Catalogue) -> Holdings:
    """A fleet, a scenario, or a plan that `polysilicon plan` wrote, told apart by what stands in it.

    Raises:
        InputError: unreadable, none of the three, or a field that is missing, misspelt or names nothing known.
    """
    text = read_text(path, MOST_BYTES)
    if path.suffix == ".json":
        data = _json(text, path)
        if "purchases" in data and "scenario" in data:
            return from_plan(data, str(path), catalogue)
        document = Document(str(path), data)
    else:
        document = parse_yaml(text, str(path))
    if isinstance(document.data, dict) and "workloads" in document.data:
        return from_scenario(from_document(document, catalogue), str(path))
    return from_fleet(document, catalogue)


def _json(text: str, path: Path) -> dict[str, Any]:
    try:
        data = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as cause:
        raise InputError(f"{path}: broken JSON: {cause}") from cause
    if not isinstance(data, dict):
        raise InputError(f"{path}: must be a table of fields", allowed="a fleet, a scenario, or a plan.json")
    return data
