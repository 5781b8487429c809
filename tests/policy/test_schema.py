import copy
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from polysilicon.cli import rules as commands
from polysilicon.facts import Catalogue
from polysilicon.facts.index import DATA
from polysilicon.policy.schema import catalogue_schema, rules_schema
from polysilicon.records.document import read_yaml

FILES = sorted((DATA / "rules").glob("*.yaml"))
STARTER = Path(commands.__file__).with_name("rules.yaml")


@pytest.mark.parametrize("path", FILES, ids=lambda one: one.stem)
def test_every_file_of_ours_keeps_the_schema(catalogue: Catalogue, path: Path) -> None:
    jsonschema.Draft202012Validator(catalogue_schema(catalogue)).validate(read_yaml(path).data)


def test_the_file_to_start_from_keeps_the_schema(catalogue: Catalogue) -> None:
    jsonschema.Draft202012Validator(rules_schema(catalogue)).validate(read_yaml(STARTER).data)


def test_the_schema_is_one(catalogue: Catalogue) -> None:
    jsonschema.Draft202012Validator.check_schema(rules_schema(catalogue))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("when", "all", 1, "tpp"), {"atleast": 4800}),
        (("when", "all", 1), {"tppp": {"at_least": 4800}}),
        (("binds", "to"), {"in": ["China"]}),
        (("effective",), "January"),
        (("regime",), "us-exprot"),
        (("then",), {"consequence": "licence"}),
        (("stage",), "law"),
        (("comment",), "a field that does not exist"),
    ],
)
def test_a_mistake_breaks_the_schema(catalogue: Catalogue, path: tuple[Any, ...], value: object) -> None:
    data = copy.deepcopy(read_yaml(STARTER).data)
    at = data["rules"]["MEMO-01"]
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    assert not jsonschema.Draft202012Validator(rules_schema(catalogue)).is_valid(data)
