"""What a unit is worth to the plan: the prices at which parts that aren't bought would be.

With the fixed charges as the plan has them, the linear relaxation gives each demand and each limit a shadow price.
A unit's worth in a quarter is the best use of it at those prices, less what it takes of the limits; the price at
which it would enter is the one at which its worth over its time pays for it.
Source: reduced costs and column generation, Dantzig & Wolfe, Operations Research 8:101, 1960.
"""

from dataclasses import dataclass

import numpy as np

from polysilicon.planning.constraints.demand import scaled
from polysilicon.planning.instance import Instance
from polysilicon.planning.limit import Limit
from polysilicon.planning.programme import Programme
from polysilicon.planning.solving import Answer, Solver
from polysilicon.records.interval import Floats


@dataclass(frozen=True)
class ShadowPrices:
    """What one more of each is worth [M USD]: `demand` a fraction of a task in a quarter (W, T), `power_kw` a kW of a
    site (S, T), `carbon_t` and `water_m3` a tonne or m3 of a plan year, `cash` a M USD of a quarter's (T,) budget,
    `cash_total` one of the whole budget.
    """

    demand: Floats
    power_kw: Floats
    carbon_t: Floats
    water_m3: Floats
    cash: Floats
    cash_total: float


def relaxed(programme: Programme, answer: Answer, seed: int = 1) -> Solver:
    """The linear relaxation with the plan's fixed charges, solved."""
    solver = Solver(programme, seed)
    if "ported" in solver.columns:
        solver.bound("ported", answer.ported, answer.ported)
    solver.run()
    return solver


def shadow_prices(solver: Solver) -> ShadowPrices:
    """The shadow prices of a solved relaxation."""
    instance = solver.programme.instance
    duals = np.asarray(solver.highs.getSolution().row_dual)

    def of(limit: Limit) -> list[Floats]:
        return [duals[np.ravel(solver.rows[name])] for name in solver.programme.limits.get(limit, [])]

    quarters = len(instance.quarters)
    demand = np.zeros((len(instance.tasks), quarters))
    for at, task in enumerate(instance.tasks):
        rows = of(Limit("demand", task.id))
        if task.is_run:
            demand[at, task.first : task.last + 1] = rows[0][0]
        elif rows:
            demand[at, np.asarray(task.demand) > 0] = rows[0]
    power = np.zeros((len(instance.sites), quarters))
    for at, site in enumerate(instance.sites):
        for dual in of(Limit("power", site)):
            power[at, np.isfinite(instance.caps.power_kw[at])] = -dual / 1e3
    cash = np.zeros(quarters)
    finite = np.flatnonzero(np.isfinite(instance.caps.cash_musd))
    for quarter, row in zip(finite, of(Limit("budget", "quarter")), strict=False):
        cash[quarter] = -float(row[0])
    totals = of(Limit("budget", "total"))
    return ShadowPrices(
        demand=demand,
        power_kw=power,
        carbon_t=_yearly(instance, instance.caps.carbon_t, of(Limit("carbon", "year"))),
        water_m3=_yearly(instance, instance.caps.water_m3, of(Limit("water", "year"))),
        cash=cash,
        cash_total=-float(totals[0][0]) if totals else 0.0,
    )


def worth_musd(instance: Instance, prices: ShadowPrices) -> Floats:
    """What a standing unit of each place is worth in each quarter, net of the limits it uses up, (P, T) [M USD]."""
    best = (prices.demand[:, None, :] * scaled(instance)).max(axis=0)
    site = instance.site_of
    emitted = instance.carbon_t + instance.embodied_t
    takes = prices.power_kw[site] * instance.power_kw[:, None]
    takes = takes + prices.carbon_t * emitted + prices.water_m3 * instance.water_m3
    takes = takes + emitted * instance.carbon_musd_per_t * instance.discount
    net: Floats = best - takes
    return net


def entry_price_musd(
    instance: Instance, prices: ShadowPrices, annuity_per_price: Floats, bill_per_price: Floats, bill_musd: Floats
) -> Floats:
    """The capital price [M USD a unit] at which owning each place would pay, at its best quarter of delivery; (P,).

    `annuity_per_price` and `bill_per_price` (P, T) say how much a quarter's annuity and running bill rise with each
    M USD of that price, `bill_musd` (P, T) is the rest of the running bill. 0: at no price.
    """
    worth = worth_musd(instance, prices)
    spent = instance.discount + prices.cash_total + prices.cash
    best = np.zeros(len(instance.places))
    high = instance.high
    for place in range(len(instance.places)):
        lead, life = int(instance.lead[place]), int(instance.life[place])
        for start in np.flatnonzero(high[0, place] > 0):
            span = slice(start, min(start + life, len(instance.quarters)))
            gain = float((worth[place, span] - bill_musd[place, span] * spent[span]).sum())
            paid_when_ordered = prices.cash_total + prices.cash[start - lead]
            per_price = float(
                (
                    annuity_per_price[place, span] * instance.discount[span] + bill_per_price[place, span] * spent[span]
                ).sum()
            )
            best[place] = max(best[place], gain / (per_price + paid_when_ordered))
    return best


def _yearly(instance: Instance, ceilings: Floats, rows: list[Floats]) -> Floats:
    """Yearly duals spread over the quarters of their years."""
    spread = np.zeros(len(instance.quarters))
    finite = [year for year, ceiling in enumerate(ceilings) if np.isfinite(ceiling)]
    for year, row in zip(finite, rows, strict=False):
        spread[instance.years()[year]] = -float(row[0]) / 1e3
    return spread
