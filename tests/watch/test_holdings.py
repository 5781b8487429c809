"""What is watched over: fleets, scenarios and plans."""

import json
from pathlib import Path

import pytest
from tests.watch.conftest import FLEET

from polysilicon.records.errors import InputError
from polysilicon.watch import read

ROOT = Path(__file__).parents[2]


def test_a_fleet_becomes_one_list(fleet):
    found = fleet()
    assert [one.key for one in found.every] == [
        "site:sf",
        "site:sz",
        "asset:trainer",
        "asset:amd",
        "asset:gaudi",
        "purchase:spring",
        "party:us",
        "party:cn",
    ]
    trainer = found.every[2]
    assert trainer.chip.id == "nvidia-h100-sxm-80gb"
    assert trainer.software["pypi/torch" if "pypi/torch" in trainer.software else "pytorch"] == "1.12.0"
    assert found.every[5].counterparties == ("Moore Threads",)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("site: sf, chip: amd-mi300x", "site: ssf, chip: amd-mi300x", "no site is called 'ssf'"),
        ("chip: amd-mi300x", "chip: amd-mi300y", "unknown chip 'amd-mi300y'"),
        ("runc: 1.3.2", "rnuc: 1.3.2", "no software is called 'rnuc'"),
        ("entity: us, country: US", "entity: uk, country: US", "no entity is called 'uk'"),
        ("entity: us, country: US", "entity: us, country: XX", "no rule knows the country 'XX'"),
        ("entity: us, country: US", "entity: us", "needs a region or a country"),
        ("units: 16", "unit: 16", "unknown field 'unit'"),
        ('ami-megarac: "12.5"', "ami-megarac: 12.5", "put versions in quotes"),
        ("units: 16", "units: 0", "units"),
        ("on: 2027-02-01", "on: 2027-02-31", "on"),
        ("chip: amd-mi300x,", "chip: amd-mi300x, system: dgx-h100,", "names a chip and a system"),
        ("chip: amd-mi300x, units: 8", "units: 8", "names neither a chip nor a system"),
        ("name: Test", "nome: Test", "unknown field 'nome'"),
    ],
)
def test_a_mistake_in_a_fleet_is_named_with_its_line(fleet, before, after, words):
    with pytest.raises(InputError) as refused:
        fleet(FLEET.replace(before, after, 1))
    assert words in str(refused.value)
    assert "fleet.yaml:" in str(refused.value)


def test_a_region_says_its_country(fleet):
    found = fleet(FLEET.replace("entity: us, country: US", "entity: us, region: ae-abudhabi", 1))
    assert found.every[0].country == "AE"


def test_facts_of_ones_own_are_laid_over_the_catalogue(fleet, catalogue):
    found = fleet(FLEET + "facts: {chips: {nvidia-h20-96gb: {memory_bw_gbs: 4100}}}\n")
    assert found.catalogue.hash != catalogue.hash
    assert found.digest != fleet().digest


def test_a_scenario_is_watched_over_too(catalogue):
    found = read(ROOT / "examples" / "novamind" / "scenario.yaml", catalogue)
    assert {one.kind for one in found.every} >= {"site", "party"}


def test_the_purchases_of_a_plan_are_holdings(tmp_path, catalogue):
    import yaml

    text = (ROOT / "examples" / "small" / "scenario.yaml").read_text()
    plan = {
        "schema_version": 1,
        "name": "First plan",
        "scenario_file": "scenario.yaml",
        "scenario": yaml.load(text, Loader=yaml.BaseLoader),
        "purchases": [
            {
                "quarter": "2026-Q4",
                "delivered": "2027-Q1",
                "site": "oregon",
                "system": "mi300x-8way",
                "contract": "own",
                "units": 4,
                "figure": "purchase/0",
            }
        ],
    }
    from polysilicon.records.document import parse_yaml

    plan["scenario"] = parse_yaml(text, "scenario.yaml").data
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan))
    (bought,) = [one for one in read(path, catalogue).every if one.kind == "purchase"]
    assert (bought.line, bought.country, bought.on.isoformat()) == ("purchases[0]", "US", "2027-01-01")
    assert bought.chip.id == "amd-mi300x"


@pytest.mark.parametrize("text", ["{", "[]", '{"purchases": [], "scenario": {}}', '{"purchases": 7, "scenario": {}}'])
def test_what_is_no_plan_is_refused(tmp_path, catalogue, text):
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(InputError):
        read(path, catalogue)
