from pathlib import Path

import pytest

from polysilicon.facts import load
from polysilicon.planning import Plan, explain_figure, plan
from polysilicon.records.document import Document, read_yaml
from polysilicon.scenario import from_document

EXAMPLE = Path(__file__).parents[2] / "examples" / "novamind" / "scenario.yaml"

pytestmark = pytest.mark.solver


@pytest.fixture(scope="module")
def novamind() -> Plan:
    """The example with one of its four shocks: the others take the same way. A busy machine has time for the proof."""
    document = read_yaml(EXAMPLE)
    name = next(iter(document.data["shocks"]))
    data = {**document.data, "shocks": {name: document.data["shocks"][name]}, "pareto_points": 2, "most_s": 240}
    return plan(from_document(Document(document.file, data, document.lines), load()))


def test_the_gap_is_proved_and_the_demand_met(novamind: Plan) -> None:
    assert novamind.solve.gap <= 0.01
    assert novamind.totals.demand_met == pytest.approx(1.0, abs=1e-6)


def test_every_limit_is_kept(novamind: Plan) -> None:
    assert max(novamind.vendor_shares.values()) <= 0.6 + 1e-6
    assert novamind.totals.cash_musd <= novamind.scenario["limits"]["budget_musd"]
    ceiling = novamind.scenario["limits"]["carbon_t_per_year"]
    for year in range(0, 12, 4):
        assert sum(row.carbon_t for row in novamind.by_quarter[year : year + 4]) <= ceiling + 1e-3
    caps = {
        (site.id, quarter): site.power_cap_kw[at]
        for site in novamind.sites
        for at, quarter in enumerate(novamind.quarters)
    }
    for site, quarter in caps:
        drawn = sum(row.power_kw for row in novamind.fleet if (row.site, row.quarter) == (site, quarter))
        assert drawn <= (caps[site, quarter] or 0.0) + 1e-3


def test_what_is_bought_was_judged_lawful_for_its_entity(novamind: Plan) -> None:
    verdicts = {row.id: row for row in novamind.legality}
    for one in novamind.purchases:
        row = verdicts[one.verdict]
        assert row.accepted
        assert (row.site, row.system, row.entity) == (one.site, one.system, one.entity)
        assert row.quarter <= one.delivered <= row.until


def test_a_tightened_rule_takes_what_was_ordered_and_not_delivered(novamind: Plan) -> None:
    (shock,) = novamind.shocks
    assert shock.survives_at_once < shock.survives
    assert all(one.site not in ("johor", "uae") for one in shock.bought_again if one.delivered >= shock.quarter)


def test_main_figures_are_explained_to_the_value_printed(novamind: Plan) -> None:
    for name in ("cost_musd", "cash_musd", "carbon_t", "power_kw/2028-Q2"):
        assert explain_figure(novamind, name).value == pytest.approx(novamind.figures[name].value, rel=1e-9)
