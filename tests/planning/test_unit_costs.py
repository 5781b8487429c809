"""What workloads cost adds up to what the plan costs; a million tokens cost more at a lower load."""

import pytest

from polysilicon.facts import load
from polysilicon.facts.money import Assumption
from polysilicon.planning import Plan, explain_figure
from polysilicon.planning.unit_costs import MEAN_LOAD


def test_workloads_pay_for_everything_that_stands(small: Plan) -> None:
    paid = sum(one.value for name, one in small.figures.items() if name.startswith(("run_musd/", "workload_musd/")))
    porting = sum(one.porting_musd for one in small.by_quarter)
    assert paid + porting == pytest.approx(small.totals.cost_musd, rel=1e-6)


def test_a_million_tokens_cost_the_service_over_what_it_answers_at_its_mean_load(small: Plan) -> None:
    priced = {name: one for name, one in small.figures.items() if name.startswith("usd_per_mtoken/")}
    assert priced
    busy = load().get(Assumption, MEAN_LOAD).value
    for name, one in priced.items():
        whole = small.figures[f"workload_musd/{name.partition('/')[2]}"]
        assert one.value == pytest.approx(one.terms[0].quantity * whole.value / busy)
        assert explain_figure(small, name).value == pytest.approx(one.value)


def test_an_unsure_load_widens_the_price_of_a_token(small: Plan) -> None:
    for name, one in small.figures.items():
        if name.startswith("usd_per_mtoken/"):
            whole = small.figures[f"workload_musd/{name.partition('/')[2]}"]
            assert one.low is not None
            assert whole.low is not None
            assert one.low / one.value <= whole.low / whole.value
            assert (one.high or 0.0) / one.value >= (whole.high or 0.0) / whole.value
