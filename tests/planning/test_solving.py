from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.planning.accounts import accounts, contract_spend_musd, met
from polysilicon.planning.instance import Instance, SupplyRow, Task
from polysilicon.planning.limit import Limit
from polysilicon.planning.programme import build
from polysilicon.planning.solving import Answer, NoAnswer, solve

Make = Callable[..., Instance]
FEW = settings(max_examples=3, deadline=None)


def answer(instance: Instance) -> Answer:
    return solve(build(instance), gap=1e-6, most_s=20.0)


def test_the_optimum_of_a_case_that_can_be_worked_by_hand(instance: Make) -> None:
    # Three red units (4 requests/s each) at the cheaper site: 3 x (1 + 0.1) in each of 4 quarters.
    found = answer(instance())
    assert found.objective_musd == pytest.approx(3 * 1.1 * 4)
    assert found.gap == pytest.approx(0.0, abs=1e-6)
    assert found.units[0, 0].sum() == 3
    assert found.units[:, 1:].sum() == 0


def test_the_accounts_add_up_to_the_objective_when_nothing_is_discounted(instance: Make) -> None:
    found = answer(instance())
    sums = accounts(instance(), found.units, found.stands, found.ported)
    assert sums.cost_musd.sum() == pytest.approx(found.objective_musd)
    assert sums.cash_musd[0] == pytest.approx(3 * 10 + 3 * 0.1)
    assert sums.cash_musd[1] == pytest.approx(3 * 0.1)


def test_a_short_need_is_rented_rather_than_bought(instance: Make) -> None:
    once = Task("chat", "chat", "requests/s", "us/chat", np.asarray([0.0, 4.0, 0.0, 0.0]))
    dear = instance(tasks=[once], hardware_musd=np.full((3, 4), 6.0))
    assert answer(dear).units[0].sum() == 0


def test_nothing_is_delivered_before_its_lead_time(instance: Make) -> None:
    late = np.ones((3, 3, 4), dtype=bool)
    late[0, :, :2] = False
    found = answer(instance(masks={Limit("lead_time"): late}))
    assert found.units[0, :, :2].sum() == 0
    assert met(instance(), found.use).min() >= 1.0 - 1e-6


def test_unlawful_starts_are_never_chosen(instance: Make) -> None:
    law = np.ones((3, 3, 4), dtype=bool)
    law[:, 0] = False
    found = answer(instance(masks={Limit("law"): law}))
    assert found.units[:, 0].sum() == 0


def test_a_power_cap_moves_work_to_the_other_site(with_caps: Make) -> None:
    cap = np.full((2, 4), np.inf)
    cap[0] = 200.0
    found = answer(with_caps(power_kw=cap))
    assert found.stands[0].max() * 100 + found.stands[2].max() * 50 <= 200.0 + 1e-6


def test_no_vendor_takes_more_than_its_share(with_caps: Make) -> None:
    instance = with_caps(vendor_share=0.6)
    spend = contract_spend_musd(instance, answer(instance).units)
    assert max(spend[0] + spend[1], spend[2]) <= 0.6 * spend.sum() + 1e-6


def test_no_country_takes_more_than_its_share(with_caps: Make) -> None:
    instance = with_caps(country_share=0.7)
    spend = contract_spend_musd(instance, answer(instance).units)
    assert max(spend[0] + spend[1], spend[2]) <= 0.7 * spend.sum() + 1e-6


def test_porting_is_paid_once_and_only_where_it_pays(instance: Make) -> None:
    cheap_blue = {"hardware_musd": np.ones((3, 4)) * np.asarray([[1.0], [1.0], [0.5]])}
    key = ("us/chat", "blue-stack")
    assert answer(instance(**cheap_blue, porting_musd={key: 100.0})).ported.sum() == 0
    paid = answer(instance(**cheap_blue, porting_musd={key: 0.5}))
    assert paid.ported.sum() == 1
    # Two blue units do 10 requests/s.
    assert paid.objective_musd == pytest.approx(2 * (0.5 + 0.1) * 4 + 0.5)


def test_a_run_is_finished_within_its_quarters(instance: Make) -> None:
    seconds = instance().hours[1:3] * 3600
    run = Task("run", "run", "tokens/s", "us/run", np.zeros(4), work=float(4.0 * seconds.sum()), first=1, last=2)
    found = answer(instance(tasks=[run]))
    assert met(instance(tasks=[run]), found.use).sum() == pytest.approx(1.0)
    assert found.use[:, :, 0].sum() == found.use[:, :, 3].sum() == 0


def test_supply_bounds_deliveries_of_a_quarter(instance: Make) -> None:
    row = SupplyRow("red-8", np.asarray([True, True, False]), np.full(4, 1.0))
    found = answer(instance(supply=[row]))
    assert found.units[0, :2].sum(axis=0).max() <= 1


def test_what_stands_already_is_used_first(instance: Make) -> None:
    standing = np.zeros((3, 4))
    standing[0] = 3
    assert answer(instance(standing=standing)).units.sum() == 0


def test_an_impossible_programme_is_proved_so(with_caps: Make) -> None:
    with pytest.raises(NoAnswer) as failure:
        answer(with_caps(budget_musd=1.0))
    assert failure.value.proved


@given(st.floats(0.0, 0.4))
@FEW
def test_a_tighter_power_cap_never_lowers_the_cost(with_caps: Make, cut: float) -> None:
    loose, tight = (with_caps(power_kw=np.full((2, 4), cap)) for cap in (300.0, 300.0 * (1 - cut)))
    assert answer(tight).objective_musd >= answer(loose).objective_musd - 1e-6


@given(st.floats(0.5, 1.0), st.floats(0.0, 0.4))
@FEW
def test_a_tighter_vendor_share_never_lowers_the_cost(with_caps: Make, share: float, cut: float) -> None:
    loose, tight = with_caps(vendor_share=share), with_caps(vendor_share=max(share - cut, 0.5))
    assert answer(tight).bound_musd >= answer(loose).bound_musd - 1e-4 * answer(loose).bound_musd


@given(st.sampled_from(["carbon_t", "water_m3"]), st.floats(60.0, 200.0))
@FEW
def test_a_ceiling_never_lowers_the_cost_and_is_kept(with_caps: Make, limit: str, ceiling: float) -> None:
    instance = with_caps(**{limit: np.asarray([ceiling])})
    try:
        found = answer(instance)
    except NoAnswer:
        return
    sums = accounts(instance, found.units, found.stands, found.ported)
    used = sums.carbon_t if limit == "carbon_t" else sums.water_m3
    assert used.sum() <= ceiling + 1e-3
    assert found.objective_musd >= answer(with_caps()).objective_musd - 1e-6


def test_a_lumpy_case_where_rounding_finds_nothing_is_still_solved_to_its_optimum(with_caps: Make) -> None:
    # 187 kW a site: two blue units (50 kW, 5 requests/s, 2.1 a quarter) beat any red one beside something rented.
    found = answer(with_caps(power_kw=np.full((2, 4), 187.5)))
    assert found.objective_musd == pytest.approx(2 * 2.1 * 4)
    assert found.units[0, 2].sum() == 2
