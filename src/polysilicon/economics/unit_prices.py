"""From hours to tokens and runs, and from an unknown price to the price at which a part would be worth buying."""

import numpy as np

from polysilicon.economics.cost import Cost
from polysilicon.records.bounded import Amount, Bounded, along, exactly
from polysilicon.records.recorder import formula
from polysilicon.records.units import MEGA, S_PER_H


@formula
def usd_per_mtoken(usd_per_h: Amount, tokens_per_s: Amount) -> Amount:
    """Cost of a million tokens at a throughput.

    Source: definition: hourly cost over hourly tokens.
    """
    return usd_per_h / (tokens_per_s * S_PER_H) * MEGA


@formula
def usd_per_run(usd_per_h: Amount, hours: Amount) -> Amount:
    """Cost of a run that takes so many hours.

    Source: definition: hourly cost times hours.
    """
    return usd_per_h * hours


@formula
def break_even_price_usd(
    alternative_usd_per_h: Amount, running_usd_per_h: Amount, cost_per_price_per_h: Amount
) -> Amount:
    """The price at which a part's hourly cost equals that of the best alternative for the same work; 0: never.

    Source: break-even analysis, Short, Packey & Holt, NREL/TP-462-5173, 1995 (break-even turnkey cost).
    """
    return along(_break_even, rising=(alternative_usd_per_h,), falling=(running_usd_per_h, cost_per_price_per_h))


def break_even_price(cost: Cost, alternative_usd_per_h: Amount) -> Bounded:
    """The price of `cost.item`, in its quote's unit, at which it would equal the best alternative.

    `alternative_usd_per_h` is what the alternative costs for the work that one system of `cost` does in an hour. For
    a part with an unknown price the answer is when it would enter the plan; for others, how far they are from it.
    """
    running = cost.hall_usd_per_h + cost.power_usd_per_h
    return exactly(break_even_price_usd(alternative_usd_per_h, running, cost.cost_per_price_per_h))


def _break_even(alternative: Amount, running: Amount, per_price: Amount) -> Amount:
    return np.maximum(alternative - running, 0.0) / per_price
