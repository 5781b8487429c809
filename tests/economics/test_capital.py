import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.economics.capital import (
    annuity_usd_per_h,
    capital_recovery_per_year,
    colocation_usd_per_h,
    cost_per_price_per_h,
    hall_capital_usd,
    ownership_usd_per_h,
    power_usd_per_h,
    system_capital_usd,
    upkeep_usd_per_h,
)
from polysilicon.records.bounded import Bounded

rates = st.floats(0.0, 1.0)
lives = st.floats(0.5, 50.0)


def test_without_interest_a_sum_is_spread_evenly() -> None:
    assert capital_recovery_per_year(0.0, 5.0) == pytest.approx(0.2)
    assert capital_recovery_per_year(np.array([0.0, 0.1]), 5.0)[0] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("rate", "years", "published"),
    [(0.05, 20, 0.0802), (0.10, 10, 0.1627), (0.08, 5, 0.2505), (0.12, 30, 0.1241)],
)
def test_recovery_factors_are_those_of_the_interest_tables(rate: float, years: int, published: float) -> None:
    """Source: compound-interest tables of engineering economy, A/P factor."""
    assert capital_recovery_per_year(rate, float(years)) == pytest.approx(published, abs=5e-5)


@given(rates, st.integers(1, 40))
def test_the_annuity_repays_the_sum_with_interest(rate: float, years: int) -> None:
    paid = capital_recovery_per_year(rate, float(years))
    worth = sum(paid / (1.0 + rate) ** year for year in range(1, years + 1))
    assert worth == pytest.approx(1.0, rel=1e-6)


@given(rates, rates, lives, lives)
def test_dearer_money_costs_more_and_a_longer_life_less_a_year(a: float, b: float, n: float, m: float) -> None:
    less, more = sorted((a, b))
    short, long = sorted((n, m))
    assert capital_recovery_per_year(less, n) <= capital_recovery_per_year(more, n) * (1 + 1e-9)
    assert capital_recovery_per_year(a, long) <= capital_recovery_per_year(a, short) * (1 + 1e-9)


@given(st.floats(1e-9, 1e-5), lives)
def test_almost_no_interest_is_almost_the_even_spread(rate: float, life: float) -> None:
    assert capital_recovery_per_year(rate, life) == pytest.approx(1.0 / life, rel=1e-3)


def test_a_range_of_rates_and_lives_gives_the_exact_corners() -> None:
    made = capital_recovery_per_year(Bounded(0.13, 0.10, 0.16), Bounded(5.0, 4.0, 6.0))
    assert made.low == pytest.approx(capital_recovery_per_year(0.10, 6.0))
    assert made.high == pytest.approx(capital_recovery_per_year(0.16, 4.0))


@given(*[st.floats(0.0, 1e7)] * 2, rates, lives)
def test_owning_costs_more_at_a_higher_price(one: float, other: float, rate: float, life: float) -> None:
    cheap, dear = sorted((one, other))
    recovery = capital_recovery_per_year(rate, life)

    def hourly(price: float) -> float:
        capital = annuity_usd_per_h(system_capital_usd(price, 0.12, 0.024), recovery)
        return ownership_usd_per_h(capital, 0.3, 0.1, upkeep_usd_per_h(price, 0.04))

    assert hourly(cheap) <= hourly(dear)
    assert hourly(dear) - hourly(0.0) == pytest.approx(
        dear * cost_per_price_per_h(recovery, 0.12, 0.024, 0.04), rel=1e-6, abs=1e-9
    )


def test_a_gigawatt_of_gb200_costs_what_bernstein_says() -> None:
    """5.9 M USD a rack is 35 bn USD/GW at 168.6 kW a rack. Source: Bernstein, November 2025."""
    racks = 1e6 / 168.6
    assert racks * system_capital_usd(3.4e6, 2.5 / 3.4, 0.0) == pytest.approx(35e9, rel=0.15)


def test_a_gigawatt_year_of_power_costs_what_bernstein_says() -> None:
    """1.3 bn USD a GW and year is 14.8 cents/kWh at full load. Source: Bernstein, November 2025."""
    assert power_usd_per_h(1e6, 0.148) * 8760.0 == pytest.approx(1.3e9, rel=0.01)


def test_twenty_megawatts_in_asia_cost_what_cushman_and_wakefield_say() -> None:
    """20 MW at PUE 1.5 and 11.5 cents is 30.2 M USD a year. Source: C&W APAC construction cost guide 2025."""
    assert power_usd_per_h(20_000.0 * 1.5, 0.115) * 8760.0 == pytest.approx(30.2e6, rel=0.01)


def test_halls_are_built_by_the_megawatt_or_rented_by_the_kilowatt() -> None:
    assert hall_capital_usd(1000.0, 11.7) == pytest.approx(11.7e6)
    assert colocation_usd_per_h(1.0, 190.0) == pytest.approx(190.0 * 12.0 / 8760.0)


def test_the_share_of_power_in_an_h100_hour() -> None:
    """1.73 kW cost 0.09, 0.16 and 0.33 USD/h at 5, 9 and 19 cents. Source: SemiAnalysis constants, April 2026."""
    assert power_usd_per_h(1.73, np.array([0.05, 0.09, 0.19])) == pytest.approx([0.09, 0.16, 0.33], abs=0.005)
