from pathlib import Path

import numpy as np
import pytest

from polysilicon.facts import load
from polysilicon.planning.options import gather, may_run
from polysilicon.planning.requirements import rows, sites_open
from polysilicon.records.document import parse_yaml, read_text
from polysilicon.records.errors import Unsupported
from polysilicon.scenario import Opened, from_document

SMALL = read_text(Path(__file__).parents[2] / "examples" / "small" / "scenario.yaml")
OREGON = "  oregon: {region: us-or-thedalles, entity: ours, power_cap_kw: 400}\n"
SERVED = "    input_tokens: 1000\n"


def asked(*changes: tuple[str, str]) -> Opened:
    text = SMALL
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return from_document(parse_yaml(text, "small.yaml"), load())


def at(region: str, building: str = "", pue: float = 1.1) -> tuple[str, str]:
    return OREGON, f"  oregon: {{region: {region}, entity: ours, power_cap_kw: 4000, pue: {pue}{building}}}\n"


def test_a_place_without_rules_on_sites_asks_nothing() -> None:
    assert rows(asked()) == []


def test_a_site_owes_a_report_from_500_kw_of_equipment() -> None:
    found = rows(asked(at("fi-hamina")))
    assert [one.assumed for one in found] == [False, True]
    for row in found:
        assert row.outcome == "duty:annual_energy_report"
        assert row.accepted
        assert any("EU-02" in one for one in row.duties)


def test_a_site_certainly_outside_a_limit_is_not_used() -> None:
    old = at("de-frankfurt", ", building: {operation_start: 2020-01-01, green_power_pct: 40}")
    opened = asked(old)
    assert list(sites_open(opened.catalogue, opened.scenario)["oregon"]) == [False] * 4
    left = gather(opened)
    assert not left.options
    assert any(one.system == "any" and one.reason == "unlawful" for one in left.excluded)


def test_a_limit_that_begins_within_the_horizon_closes_the_site_from_then_on() -> None:
    opened = asked(at("de-frankfurt", ", building: {operation_start: 2020-01-01, green_power_pct: 60}"))
    assert list(sites_open(opened.catalogue, opened.scenario)["oregon"]) == [True, False, False, False]
    ruling = next(iter(gather(opened).rulings["oregon"].values()))
    assert not np.any(ruling.accepted[1:])


def test_a_site_of_which_too_little_is_said_is_used_and_says_what_is_open() -> None:
    opened = asked(at("de-frankfurt"))
    assert sites_open(opened.catalogue, opened.scenario)["oregon"].all()
    row = next(one for one in rows(opened) if one.kind == "site")
    assert row.permission == "undetermined"
    assert "operation_start" in row.missing


FLOW = "    data: {held_in: CN, personal_data: true, persons: 50000, sensitive_persons: 0, important_data: false, "
FLOW += "critical_infrastructure: false, exempt_flow: false}\n"


@pytest.mark.parametrize(
    ("flow", "runs"),
    [
        (FLOW, True),
        (FLOW.replace("50000", "100000"), False),
        (FLOW.replace("sensitive_persons: 0", "sensitive_persons: 1"), False),
        (FLOW.replace(", important_data: false", ""), False),
        (FLOW.replace("exempt_flow: false", "exempt_flow: true").replace("50000", "2000000"), True),
        (FLOW.replace("held_in: CN", "held_in: US").replace("50000", "2000000"), True),
    ],
)
def test_a_workload_runs_abroad_only_where_its_data_may_go(flow: str, runs: bool) -> None:
    opened = asked((SERVED, SERVED + flow))
    assert may_run(opened, opened.scenario.workloads["assistant"], "oregon") is runs


def test_a_procedure_that_the_scenario_accepts_lets_data_go() -> None:
    flow = FLOW.replace("50000", "100000")
    accepts = ("limits:\n", "accept: {permissions: [free, exception, licence_likely]}\nlimits:\n")
    opened = asked((SERVED, SERVED + flow), accepts)
    assert may_run(opened, opened.scenario.workloads["assistant"], "oregon")


def trained(model: str) -> Opened:
    train = f"""workloads:
  big:
    kind: train
    model: {model}
    entity: ours
    job_chips: 1024
    markets: [FR, US]
    runs: [{{start: 2026-Q4, finish: 2027-Q3, tokens_bn: 15000}}]
limits:
"""
    start, end = SMALL.index("workloads:"), SMALL.index("limits:\n")
    return from_document(parse_yaml(SMALL[:start] + train + SMALL[end + 8 :], "small.yaml"), load())


def test_a_trained_model_owes_what_its_operations_and_its_market_ask() -> None:
    europe = next(one for one in rows(trained("llama-3.1-405b")) if one.place == "FR")
    assert europe.item_class == "general-purpose AI model with systemic risk"
    assert any("EU-01)" in one for one in europe.duties)


def test_a_model_whose_training_is_not_modelled_is_refused_before_its_operations_are_counted() -> None:
    with pytest.raises(Unsupported, match="deepseek-v4-pro: training"):
        rows(trained("deepseek-v4-pro"))
