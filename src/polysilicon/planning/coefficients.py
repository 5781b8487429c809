"""The formulas between the other rooms' hourly figures and the programme's coefficients by quarter."""

import numpy as np

from polysilicon.records.bounded import Amount
from polysilicon.records.recorder import formula
from polysilicon.records.units import KILO, MEGA


@formula
def price_musd(capital_usd: Amount) -> Amount:
    """What is paid when a unit is ordered, network and storage included.

    Source: definition: dollars in millions.
    """
    return capital_usd / MEGA


@formula
def quarter_musd(usd_per_h: Amount, hours: Amount) -> Amount:
    """An hourly cost over a quarter.

    Source: definition: hourly cost times hours, in millions.
    """
    return usd_per_h * hours / MEGA


@formula
def running_usd_per_h(hall_usd_per_h: Amount, power_usd_per_h: Amount, upkeep_usd_per_h: Amount) -> Amount:
    """What running an owned unit costs beside its hardware: hall, power, upkeep.

    Source: Barroso, Hölzle & Ranganathan, The Datacenter as a Computer, 3rd ed. 2018, chapter 6 (TCO).
    """
    return hall_usd_per_h + power_usd_per_h + upkeep_usd_per_h


@formula
def cost_at_mean_load_musd(cost_musd: Amount, mean_load: Amount) -> Amount:
    """What a service sized for its busiest hour would cost if it were busy all the time, for pricing what it does.

    Source: definition: cost over the share of its capacity that is used.
    """
    return cost_musd / mean_load


@formula
def quarter_mwh(facility_kwh_per_h: Amount, hours: Amount) -> Amount:
    """Energy of a unit over a quarter, at the site's meter.

    Source: definition: mean power times hours.
    """
    return facility_kwh_per_h * hours / KILO


@formula
def quarter_t(kg_per_h: Amount, hours: Amount) -> Amount:
    """Emissions of an hour over a quarter, in tonnes.

    Source: definition: kilograms an hour times hours.
    """
    return kg_per_h * hours / KILO


@formula
def quarter_m3(site_m3_per_h: Amount, grid_m3_per_h: Amount, hours: Amount) -> Amount:
    """Water drawn at the site and for its power over a quarter.

    Source: definition: hourly draw times hours.
    """
    return (site_m3_per_h + grid_m3_per_h) * hours


@formula
def embodied_kg(server_kg: Amount, building_kg: Amount) -> Amount:
    """Carbon of making a unit and its part of the hall, as it is written off.

    Source: GHG Protocol, Corporate Value Chain (Scope 3) Standard, 2011, category 2.
    """
    return server_kg + building_kg


@formula
def porting_musd(person_months: Amount, usd_per_person_month: Amount) -> Amount:
    """Cost of bringing a code base to another stack.

    Source: definition: work times its price, in millions.
    """
    return person_months * usd_per_person_month / MEGA


@formula
def request_rate(tokens_per_s_per_chip: Amount, output_tokens: Amount) -> Amount:
    """Requests that a chip answers each second.

    Source: definition: tokens generated each second over tokens of a request.
    """
    return tokens_per_s_per_chip / output_tokens


@formula
def step_rate(step_tokens: Amount, step_s: Amount, chips: Amount) -> Amount:
    """Tokens that a chip of a training job processes each second.

    Source: definition: tokens of a step over its time and the job's chips.
    """
    return step_tokens / step_s / chips


@formula
def unit_throughput(per_chip: Amount, chips: Amount) -> Amount:
    """Throughput of a unit from that of one of its chips.

    Source: definition: chips of a unit work at the rate the estimate gives for each.
    """
    return per_chip * chips


@formula
def cautious_rate(rate: Amount, low: Amount, high: Amount, interval: float, confidence: float) -> Amount:
    """The rate that is reached with probability `confidence`, from an estimate with its central `interval`.

    `low` and `high` are the ends of the interval that holds the truth with probability `interval`; errors are taken
    as log-normal, on each side of the estimate with the width that side has.
    Source: quantiles of the log-normal distribution; Limpert, Stahel & Abbt, BioScience 51:341, 2001.
    """
    del high  # a rate that must be reached lies below the estimate, so only the lower side counts
    wide = _normal_quantile(0.5 + interval / 2.0)
    share = np.minimum(low / rate, 1.0)
    return rate * share ** (_normal_quantile(confidence) / wide)


def _normal_quantile(probability: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(probability)
