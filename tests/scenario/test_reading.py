from pathlib import Path

import pytest

from polysilicon.facts import load
from polysilicon.records.document import parse_yaml
from polysilicon.records.errors import InputError, UnknownName
from polysilicon.scenario import Opened, RuleShock, from_document, read

EXAMPLES = Path(__file__).parents[2] / "examples"
GOOD = """\
name: t
as_of: 2026-11-24
start: 2026-Q4
quarters: 4
entities:
  us: {name: A, headquarters: US, ultimate_parent: US}
sites:
  oregon: {region: us-or-thedalles, entity: us, power_cap_kw: 500}
workloads:
  chat:
    kind: serve
    model: qwen3-32b
    entity: us
    requests_per_s: 5
    input_tokens: 100
    output_tokens: 10
    ttft_ms: 1000
    tpot_ms: 50
"""


def opened(text: str) -> Opened:
    return from_document(parse_yaml(text, "s.yaml"), load())


def refused(old: str, new: str) -> InputError:
    assert old in GOOD
    with pytest.raises(InputError) as complaint:
        opened(GOOD.replace(old, new))
    return complaint.value


@pytest.mark.parametrize("name", ["novamind", "small"])
def test_the_examples_are_read(name: str) -> None:
    assert read(EXAMPLES / name / "scenario.yaml", load()).scenario.workloads


def test_names_are_resolved_to_ids() -> None:
    scenario = opened(GOOD.replace("model: qwen3-32b", "model: Qwen3-32B")).scenario
    assert scenario.workloads["chat"].model == "qwen3-32b"


@pytest.mark.parametrize(
    ("model", "precisions"),
    [
        ("qwen3-32b", ()),
        ("nvidia/Qwen3-32B-NVFP4", ("nvfp4",)),
        ("Qwen3-32B-AWQ", ("int4",)),
        ("Qwen/Qwen3-32B-FP8", ("fp8",)),
        ("nvidia/Qwen3-32B-NVFP4\n    precisions: [bf16]", ("bf16",)),
    ],
)
def test_a_served_model_has_the_format_that_its_name_says(model: str, precisions: tuple[str, ...]) -> None:
    load_ = opened(GOOD.replace("model: qwen3-32b", f"model: {model}")).scenario.workloads["chat"]
    assert (load_.model, load_.precisions) == ("qwen3-32b", precisions)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("us-or-thedalles", "us-or-thedales", 8, ["sites.oregon.region", "us-or-thedalles"]),
        ("power_cap_kw: 500", "power_cap_mw: 5", 8, ["power_cap_mw", "power_cap_kw"]),
        ("power_cap_kw: 500", "power_cap_kw: -1", 8, ["power_cap_kw", "-1"]),
        ("power_cap_kw: 500", "power_cap_kw: 1e15", 8, ["power_cap_kw"]),
        ("power_cap_kw: 500", "power_cap_kw: 5 MW", 8, ["power_cap_kw", "5 MW"]),
        ("kind: serve", "kind: server", 11, ["serve", "server"]),
        ("    kind: serve\n", "", 10, ["kind"]),
        ("    entity: us\n", "    entity: uk\n", 13, ["workloads.chat.entity", "us"]),
        ("    ttft_ms: 1000\n", "", 10, ["ttft_ms"]),
        ("as_of: 2026-11-24", "as_of: 2026-02-30", 2, ["as_of", "2026-02-30"]),
        ("start: 2026-Q4", "start: 2026-Q5", 3, ["start", "2026-Q5"]),
        ("start: 2026-Q4", "start: 2020-Q1", 3, ["start", "horizon"]),
        ("as_of: 2026-11-24", "as_of: 1800-01-01", 2, ["as_of", "2021-Q4 to 2026-Q4"]),
        ("as_of: 2026-11-24", "as_of: 2027-01-01", 3, ["start", "2027-Q1"]),
        ("quarters: 4", "quarters: 0", 4, ["quarters"]),
        ("quarters: 4", "quarters: four", 4, ["quarters", "four"]),
        ("headquarters: US", "headquarters: USA", 6, ["headquarters", "USA"]),
        ("ultimate_parent: US", "ultimate_parent: XX", 6, ["entities.us.ultimate_parent", "XX"]),
        ("    entity: us\n", "    entity: us\n    precisions: [fp7]\n", 14, ["precisions[0]", "fp7", "fp8"]),
        ("quarters: 4", "quarters: 4\naccept: {permissions: [fre]}", 5, ["accept.permissions[0]", "fre"]),
    ],
)
def test_a_complaint_names_line_field_and_what_is_allowed(old: str, new: str, line: int, words: list[str]) -> None:
    complaint = refused(old, new)
    assert complaint.place.line == line
    for word in words:
        assert word in str(complaint)


def test_a_scenario_without_workloads_says_so() -> None:
    with pytest.raises(InputError, match="workloads"):
        opened(GOOD.split("workloads:")[0] + "workloads: {}\n")
    with pytest.raises(InputError, match="workloads"):
        opened(GOOD.split("workloads:")[0])


def test_a_scenario_that_is_no_table_says_so() -> None:
    with pytest.raises(InputError, match="table of fields"):
        opened("- 1\n- 2\n")


def test_a_workload_without_a_site_in_its_countries_is_refused() -> None:
    complaint = refused("    entity: us\n", "    entity: us\n    residency: [CN]\n")
    assert complaint.place.line == 14
    assert "nowhere to run" in str(complaint)


def test_an_unknown_model_is_refused_with_the_nearest() -> None:
    complaint = refused("qwen3-32b", "qwen3-33b")
    assert isinstance(complaint, UnknownName)
    assert complaint.nearest


def test_a_quote_states_the_price_of_its_contract() -> None:
    for quote in (
        "{system: dgx-h200, contract: own, rent_usd_per_chip_h: 2, basis: a call}",
        "{system: dgx-h200, contract: reserve, price_usd: 2, basis: a call}",
        "{system: dgx-h200, contract: own, price_usd: 5, low: 6, basis: a call}",
    ):
        with pytest.raises(InputError) as complaint:
            opened(GOOD + f"quotes:\n  - {quote}\n")
        assert complaint.value.place.line == 20


def test_a_shock_outside_the_horizon_is_refused() -> None:
    with pytest.raises(InputError, match="outside the horizon"):
        opened(GOOD + "shocks:\n  cut: {kind: vendor_cutoff, start: 2035-Q1, vendor: NVIDIA}\n")


def test_an_unknown_vendor_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="NVIDIA"):
        opened(GOOD + "shocks:\n  cut: {kind: vendor_cutoff, start: 2027-Q1, vendor: NVIDEA}\n")


def test_power_can_be_cut_only_where_there_is_a_cap() -> None:
    text = GOOD.replace(", power_cap_kw: 500", "")
    with pytest.raises(InputError, match="no power cap"):
        opened(text + "shocks:\n  cut: {kind: power_cap, start: 2027-Q1, sites: [oregon], factor: 0.5}\n")


def test_a_run_is_counted_in_its_models_own_unit_and_lies_inside_the_horizon() -> None:
    train = """\
  run:
    kind: train
    model: qwen3-32b
    entity: us
    job_chips: 64
    runs: [{start: 2027-Q1, finish: %s, %s: 10}]
"""
    with pytest.raises(InputError, match="tokens_bn"):
        opened(GOOD + train % ("2027-Q2", "samples_bn"))
    with pytest.raises(InputError, match="inside the horizon"):
        opened(GOOD + train % ("2031-Q2", "tokens_bn"))
    assert opened(GOOD + train % ("2027-Q2", "tokens_bn")).scenario.workloads["run"].model == "qwen3-32b"


def test_facts_of_the_users_own_are_laid_over_the_catalogue() -> None:
    plain = opened(GOOD)
    mine = opened(GOOD + "facts:\n  regions:\n    us-or-thedalles: {electricity_usd_per_kwh: 0.03}\n")
    assert mine.catalogue.hash != plain.catalogue.hash


def test_law_of_a_shock_is_laid_over_for_that_shock_alone() -> None:
    given = read(EXAMPLES / "novamind" / "scenario.yaml", load())
    names = [name for name, shock in given.scenario.shocks.items() if isinstance(shock, RuleShock)]
    assert list(given.shocked) == names
    assert given.shocked[names[0]].hash != given.catalogue.hash


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("requests_per_s: 5", "requests_per_s: {}", 14, ["requests_per_s"]),
        ("requests_per_s: 5", "requests_per_s: 0", 14, ["requests_per_s", "nothing", "2026-Q4 to 2027-Q3"]),
        ("requests_per_s: 5", "requests_per_s: {2040-Q1: 5}", 14, ["requests_per_s", "nothing", "2040-Q1"]),
        ("kind: serve", "kind: [serve]", 11, ["kind", "train, serve"]),
        ("kind: serve", "kind: {serve: 1}", 11, ["kind", "train, serve"]),
        ("start: 2026-Q4", "start: 9999-Q4", 3, ["start", "9999-Q4", "2026-Q4"]),
        ("power_cap_kw: 500", "power_cap_kw: {2026-Q5: 1}", 8, ["power_cap_kw.2026-Q5", "YYYY-Qn"]),
        ("power_cap_kw: 500", "power_cap_kw: {2026-Q4: 1, 2026Q4: 2}", 8, ["power_cap_kw", "twice"]),
        ("  oregon:", "  Oregon Hall:", 8, ["sites.Oregon Hall", "small letters"]),
        ("power_cap_kw: 500", "power_cap_kw: 500, contracts: []", 8, ["contracts"]),
        ("quarters: 4", "quarters: 4\naccept: {permissions: []}", 5, ["permissions"]),
        ("quarters: 4", "quarters: 4\nconfidence: 0.999999", 5, ["confidence", "0.99"]),
    ],
)
def test_an_odd_value_is_placed_too(old: str, new: str, line: int, words: list[str]) -> None:
    complaint = refused(old, new)
    assert complaint.place.line == line
    for word in words:
        assert word in str(complaint)


def test_a_second_quote_for_the_same_is_refused_unless_it_is_for_another_site() -> None:
    quote = "{system: dgx-h200, contract: own, price_usd: 5, basis: a call"
    with pytest.raises(InputError, match="already") as complaint:
        opened(GOOD + f"quotes:\n  - {quote}}}\n  - {quote}, sites: [oregon]}}\n")
    assert complaint.value.place.line == 21
    two = GOOD.replace("workloads:", "  texas: {region: us-tx-dallas, entity: us}\nworkloads:")
    assert opened(two + f"quotes:\n  - {quote}, sites: [texas]}}\n  - {quote}, sites: [oregon]}}\n")


def test_units_that_are_gone_before_the_start_are_refused() -> None:
    with pytest.raises(InputError, match="gone before"):
        opened(GOOD + "fleet: [{site: oregon, system: dgx-h200, units: 1, until: 2020-Q1}]\n")


def test_a_shock_of_law_without_law_is_refused() -> None:
    with pytest.raises(InputError, match="brings no law"):
        opened(GOOD + "shocks:\n  ban: {kind: rule, start: 2027-Q1, facts: {}}\n")


def test_a_job_of_more_chips_than_anyone_has_is_refused() -> None:
    run = "kind: train\n    job_chips: 10000000\n    runs: [{start: 2026-Q4, finish: 2027-Q1, tokens_bn: 1}]"
    complaint = refused("kind: serve", run)
    assert "job_chips" in str(complaint)
    assert "1000000" in str(complaint).replace(",", "")
