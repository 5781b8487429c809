"""Money spent once, as money per hour."""

import numpy as np

from polysilicon.records.bounded import Amount, along
from polysilicon.records.recorder import formula
from polysilicon.records.units import H_PER_YEAR, KILO, MEGA

MONTHS_PER_YEAR = 12.0
# Below this rate, interest over any life is lost in rounding.
_NO_INTEREST = 1e-12


@formula
def capital_recovery_per_year(cost_of_capital: Amount, life_years: Amount) -> Amount:
    """Share of a capital sum to be earned each year so that it is repaid with interest at the end of its life.

    Source: Short, Packey & Holt, A Manual for the Economic Evaluation of Energy Efficiency and Renewable Energy
    Technologies, NREL/TP-462-5173, 1995, uniform capital recovery factor.
    """
    return along(_recovery, rising=(cost_of_capital,), falling=(life_years,))


@formula
def system_capital_usd(price_usd: Amount, network_share: Amount, storage_share: Amount) -> Amount:
    """Capital cost of a system with its part of the network and storage.

    Source: Barroso, Hölzle & Ranganathan, The Datacenter as a Computer, 3rd ed. 2018, chapter 6 (server capital cost).
    """
    return price_usd * (1.0 + network_share + storage_share)


@formula
def hall_capital_usd(it_kw: Amount, facility_musd_per_mw: Amount) -> Amount:
    """Capital cost of the data centre that holds an IT load.

    Source: Barroso, Hölzle & Ranganathan, The Datacenter as a Computer, 3rd ed. 2018, chapter 6 (by power).
    """
    return it_kw * facility_musd_per_mw * (MEGA / KILO)


@formula
def annuity_usd_per_h(capital_usd: Amount, recovery_per_year: Amount) -> Amount:
    """What a capital sum costs each hour of its life, used or not.

    Source: Short, Packey & Holt, NREL/TP-462-5173, 1995, uniform capital recovery.
    """
    return capital_usd * recovery_per_year / H_PER_YEAR


@formula
def colocation_usd_per_h(it_kw: Amount, rent_usd_per_kw_month: Amount) -> Amount:
    """Rent of a hall by the hour.

    Source: definition: monthly rent for each kilowatt of IT, over the hours of a year.
    """
    return it_kw * rent_usd_per_kw_month * MONTHS_PER_YEAR / H_PER_YEAR


@formula
def power_usd_per_h(drawn_kw: Amount, tariff_usd_per_kwh: Amount) -> Amount:
    """Cost of the power a facility draws in an hour.

    Source: definition: energy times its price.
    """
    return drawn_kw * tariff_usd_per_kwh


@formula
def upkeep_usd_per_h(price_usd: Amount, upkeep_share_per_year: Amount) -> Amount:
    """Staff, spares, support and insurance by the hour.

    Source: Barroso, Hölzle & Ranganathan, The Datacenter as a Computer, 3rd ed. 2018, chapter 6 (server operating cost
    as a share of the capital cost).
    """
    return price_usd * upkeep_share_per_year / H_PER_YEAR


@formula
def ownership_usd_per_h(
    capital_usd_per_h: Amount, hall_usd_per_h: Amount, power_usd_per_h: Amount, upkeep_usd_per_h: Amount
) -> Amount:
    """What owning and running a system costs each hour.

    Source: Barroso, Hölzle & Ranganathan, The Datacenter as a Computer, 3rd ed. 2018, chapter 6 (TCO).
    """
    return capital_usd_per_h + hall_usd_per_h + power_usd_per_h + upkeep_usd_per_h


@formula
def cost_per_price_per_h(
    recovery_per_year: Amount, network_share: Amount, storage_share: Amount, upkeep_share_per_year: Amount
) -> Amount:
    """How much each dollar of a system's price adds to its hourly cost.

    Source: the sum of `annuity_usd_per_h` of `system_capital_usd` and `upkeep_usd_per_h`, over the price.
    """
    return ((1.0 + network_share + storage_share) * recovery_per_year + upkeep_share_per_year) / H_PER_YEAR


def _recovery(cost_of_capital: Amount, life_years: Amount) -> Amount:
    growth = np.log1p(cost_of_capital)
    # Without interest the factor is 1/life, the limit of the expression, which divides nought by nought there.
    free = growth < _NO_INTEREST
    with np.errstate(divide="ignore"):
        factor = np.where(
            free, 1.0 / life_years, cost_of_capital / -np.expm1(-life_years * np.where(free, 1.0, growth))
        )
    return factor if factor.ndim else float(factor)
