"""What a contract costs, quarter by quarter: the linear coefficients of money in the programme."""

import numpy as np

from polysilicon.planning.instance import CONTRACTS, Instance
from polysilicon.records.interval import Floats

OWN, RESERVE, ON_DEMAND = range(len(CONTRACTS))


def active(instance: Instance) -> Floats:
    """Whether a unit that starts in one quarter stands in another, (contract, P, start, quarter)."""
    quarters = len(instance.quarters)
    age = np.arange(quarters)[None, :] - np.arange(quarters)[:, None]
    stands = np.zeros((len(CONTRACTS), len(instance.places), quarters, quarters))
    stands[OWN] = (age >= 0) & (age < instance.life[:, None, None])
    stands[RESERVE] = (age >= 0) & (age < instance.reserve_quarters)
    stands[ON_DEMAND] = age == 0
    return stands


def rates_musd(instance: Instance) -> Floats:
    """What a standing unit costs in a quarter without running it, (contract, P, quarter): annuity or rent."""
    rates = np.stack([instance.hardware_musd, instance.reserve_musd, instance.on_demand_musd])
    return np.nan_to_num(rates, nan=0.0, posinf=0.0)


def contract_musd(instance: Instance) -> Floats:
    """Annuity or rent of a unit, (contract, P, start, quarter). Contracts are counted to the end of the horizon."""
    cost = active(instance) * rates_musd(instance)[:, :, None, :]
    cost[OWN] *= instance.price_factor[:, :, None]
    return cost


def running_musd(instance: Instance) -> Floats:
    """The bill of running a unit, (contract, P, start, quarter): rents include it."""
    bills = active(instance)
    bills[OWN] *= instance.running_musd[:, None, :]
    bills[RESERVE:] = 0.0
    return bills


def cash_musd(instance: Instance) -> Floats:
    """What is paid for a unit, (contract, P, start, quarter): an owned one in full when it is ordered."""
    paid = contract_musd(instance) + running_musd(instance)
    paid[OWN] = running_musd(instance)[OWN]
    prices = np.nan_to_num(instance.price_musd, nan=0.0)
    for at, lead in enumerate(instance.lead):
        for start in range(int(lead), len(instance.quarters)):
            paid[OWN, at, start, start - int(lead)] += prices[at] * instance.price_factor[at, start]
    return paid
