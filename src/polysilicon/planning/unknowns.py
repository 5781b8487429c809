"""The unknowns that could change what is bought, and the values at which they would.

Four kinds are asked about: prices nobody publishes, and prices of parts not bought (their entry price, from the shadow
prices of the relaxed plan); prices and rates of what is bought, where their source is weak (solved again with the
cost of that part's work scaled until less than half of it is bought); and supply that nobody states (the largest
order of a quarter: with less, this plan can't be carried out).
"""

import dataclasses
import math
from collections.abc import Callable, Iterator

import numpy as np

from polysilicon.facts.record import LOW_CONFIDENCE
from polysilicon.planning import money
from polysilicon.planning.accounts import contract_spend_musd
from polysilicon.planning.costing import priced
from polysilicon.planning.formulation import formulate
from polysilicon.planning.instance import CONTRACTS, Instance
from polysilicon.planning.options import Option, Options
from polysilicon.planning.plan import Excluded, Unknown
from polysilicon.planning.solving import Answer, NoAnswer, Solver
from polysilicon.planning.values import ShadowPrices, entry_price_musd
from polysilicon.records.interval import Bools, Floats

MOST_FACTOR = 8.0
HALVINGS = 6
SHOWN = 5
MOST_OF_A_KIND = 2
MOST_UNSTATED = 1
ENTRY = "shadow prices of the relaxed plan with its fixed charges; a new stack's porting cost comes on top"
SCALED = "relaxed plan solved again with the cost of its work scaled; budgets as they were"
LARGEST = "largest quarterly delivery in the plan"


def entry_prices_usd(options: Options, rows: list[Option], prices: ShadowPrices) -> Floats:
    """The price a unit at which each option would enter the plan as an owned system; NaN where it can't be owned."""
    scenario, catalogue = options.opened.scenario, options.opened.catalogue
    ownable = ["own" in scenario.sites[row.site].contracts and np.isfinite(row.priced.power_kw.value) for row in rows]
    asked = [
        dataclasses.replace(row, offered=("own",)) for row, possible in zip(rows, ownable, strict=True) if possible
    ]
    found = np.full(len(rows), np.nan)
    if not asked:
        return found
    instance = formulate(dataclasses.replace(options, options=asked))
    hours = instance.hours
    free = [priced(catalogue, scenario, row.site, row.system, hours, price_usd=0.0) for row in asked]
    million = [priced(catalogue, scenario, row.site, row.system, hours, price_usd=1e6) for row in asked]
    capital = np.asarray([one.price_musd.value for one in million])
    bill = np.asarray([one.running_musd.value for one in free])
    entry = entry_price_musd(
        instance,
        prices,
        annuity_per_price=np.asarray([one.hardware_musd.value for one in million]) / capital[:, None],
        bill_per_price=(np.asarray([one.running_musd.value for one in million]) - bill) / capital[:, None],
        bill_musd=bill,
    )
    found[np.flatnonzero(ownable)] = entry / capital * 1e6
    return found


def without_price(options: Options, prices: ShadowPrices) -> list[Excluded]:
    """Options that lack only a price, each with the one at which it would enter the plan."""
    entry = entry_prices_usd(options, options.unpriced, prices)
    return [
        Excluded(
            system=row.system.id,
            site=row.site,
            reason="price_unknown",
            detail=row.priced.quotes["own"].reason or "no source gives a price",
            enters_below_usd=float(value) if np.isfinite(value) and value > 0 else None,
        )
        for row, value in zip(options.unpriced, entry, strict=True)
    ]


def unknowns(
    options: Options,
    instance: Instance,
    answer: Answer,
    relaxed: Solver,
    prices: ShadowPrices,
    left_out: list[Excluded],
) -> list[Unknown]:
    """The five that could change the purchases soonest: switches inside a stated range first, then the nearest."""
    found = [*_weak_prices(options, instance, answer, relaxed), *_dearer(options, instance, answer, prices)]
    found += [*_without(left_out), *_supply(options, instance, answer)]
    chosen: list[Unknown] = []
    kinds: dict[str, int] = {}
    for one in sorted(found, key=_nearness):
        kind = f"{one.field} {one.method} {one.now is None}"
        most = MOST_UNSTATED if one.now is None else MOST_OF_A_KIND
        if kinds.get(kind, 0) < most and one.record not in {row.record for row in chosen if row.field == one.field}:
            kinds[kind] = kinds.get(kind, 0) + 1
            chosen.append(one)
    return chosen[:SHOWN]


def _nearness(one: Unknown) -> tuple[int, float]:
    if one.now is None or one.switch is None:
        return (1, 0.0)
    within = one.low is not None and one.high is not None and one.low <= one.switch <= one.high
    return (0 if within else 2, abs(math.log(one.switch / one.now)))


def _bought(instance: Instance, answer: Answer) -> dict[str, Bools]:
    """The places of each system of which anything is contracted."""
    bought: dict[str, Bools] = {}
    for at, place in enumerate(instance.places):
        if answer.units[:, at].sum() > 0:
            bought.setdefault(place.system, np.zeros(len(instance.places), dtype=bool))[at] = True
    return bought


def _weak_prices(options: Options, instance: Instance, answer: Answer, relaxed: Solver) -> Iterator[Unknown]:
    for system, here in _bought(instance, answer).items():
        row = options.options[int(np.flatnonzero(here)[0])]
        contract = max(CONTRACTS, key=lambda one: float(answer.units[CONTRACTS.index(one)][here].sum()))
        quote = row.priced.quotes[contract]
        if not quote.origin or (quote.origin.confidence not in LOW_CONFIDENCE and quote.origin.confidence != "user"):
            continue
        everywhere = np.asarray([place.system == system for place in instance.places])
        own = contract == "own"
        factor = _switch(relaxed, instance, everywhere, slice(0, 1) if own else slice(1, None))
        if factor is None:
            continue
        value = float(quote.amount.value)
        yield Unknown(
            what=f"{'price' if own else 'rent'} of {row.system.name}",
            record=f"system/{system}",
            field="price_usd" if own else "rent_usd_per_chip_h",
            now=value,
            switch=value * factor,
            low=float(quote.amount.low),
            high=float(quote.amount.high),
            unit=quote.unit,
            effect=f"less than half as much of it is {'bought' if own else 'rented'}",
            method=SCALED,
        )


def _switch(solver: Solver, instance: Instance, here: Bools, contracts: slice) -> float | None:
    """By what factor these contracts at these places must become dearer until less than half of them remain."""
    costs = (money.contract_musd(instance) * instance.discount).sum(axis=-1)
    bills = (money.running_musd(instance) * instance.discount).sum(axis=-1)
    terms = money.active(instance).sum(axis=-1)

    def held(factor: float) -> float:
        raised = costs.copy()
        raised[contracts] *= np.where(here, factor, 1.0)[None, :, None]
        solver.price("units", raised + bills)
        try:
            _, columns = solver.run(most_s=10.0)
        except NoAnswer:
            return 0.0
        return float((solver.part(columns, "units") * terms)[contracts][:, here].sum())

    try:
        before = held(1.0)
        return _bisect(lambda factor: held(factor) < before / 2) if before > 0 else None
    finally:
        solver.price("units", costs + bills)


def _bisect(switched: Callable[[float], bool]) -> float | None:
    low, high = 1.0, MOST_FACTOR
    if not switched(high):
        return None
    for _ in range(HALVINGS):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if switched(middle) else (middle, high)
    return math.sqrt(low * high)


def _supply(options: Options, instance: Instance, answer: Answer) -> Iterator[Unknown]:
    stated = {row.system for row in options.opened.scenario.supply}
    spend = contract_spend_musd(instance, answer.units)
    bought = sorted(_bought(instance, answer).items(), key=lambda item: -float(spend[item[1]].sum()))
    for system, here in bought:
        largest = float(answer.units[money.OWN][here].sum(axis=0).max())
        if system not in stated and largest > 0:
            yield Unknown(
                what=f"supply of {system}",
                record=f"system/{system}",
                field="units_per_quarter",
                now=None,
                switch=largest,
                low=None,
                high=None,
                unit="units a quarter",
                effect="with fewer, this plan can't be carried out",
                method=LARGEST,
            )


def _dearer(options: Options, instance: Instance, answer: Answer, prices: ShadowPrices) -> Iterator[Unknown]:
    """Priced options of which nothing is bought: how much cheaper they would have to be."""
    bought = _bought(instance, answer)
    rows = [row for row in options.options if row.system.id not in bought and "own" in row.offered]
    for row, entry in zip(rows, entry_prices_usd(options, rows, prices), strict=True):
        amount = row.priced.quotes["own"].amount
        if np.isfinite(entry) and 0 < entry < float(amount.value):
            yield Unknown(
                what=f"price of {row.system.name}, not bought",
                record=f"system/{row.system.id}",
                field="price_usd",
                now=float(amount.value),
                switch=float(entry),
                low=float(amount.low),
                high=float(amount.high),
                unit="USD",
                effect=f"below it enters the plan at {row.site}",
                method=ENTRY,
            )


def _without(left_out: list[Excluded]) -> Iterator[Unknown]:
    for one in sorted(left_out, key=lambda one: -(one.enters_below_usd or 0.0)):
        if one.reason == "price_unknown" and one.enters_below_usd:
            yield Unknown(
                what=f"price of {one.system}",
                record=f"system/{one.system}",
                field="price_usd",
                now=None,
                switch=one.enters_below_usd,
                low=None,
                high=None,
                unit="USD",
                effect=f"below it enters the plan at {one.site}",
                method=ENTRY,
            )
