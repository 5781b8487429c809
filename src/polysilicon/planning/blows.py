"""From the shocks a scenario names to what they change in the programme."""

from collections.abc import Iterator

import numpy as np

from polysilicon.economics import shocked_price
from polysilicon.planning.instance import Instance
from polysilicon.planning.options import Options, site_rulings
from polysilicon.planning.shocks import Blow
from polysilicon.records.dates import Quarter
from polysilicon.records.interval import Bools, Floats
from polysilicon.scenario import MemoryShock, PowerShock, RuleShock, Shock, VendorShock


def blows(options: Options, instance: Instance) -> Iterator[Blow]:
    """Every shock of the scenario, in its order."""
    for name, shock in options.opened.scenario.shocks.items():
        at = Quarter.parse(shock.start) - options.quarters[0]
        yield Blow(
            name=name,
            kind=_kind(shock),
            description=shock.description or _words(shock),
            at=at,
            delivers=_delivers(options, name, shock),
            price_factor=_price_factor(options, shock),
            power_kw=_power_kw(instance, shock, at),
        )


def _kind(shock: Shock) -> str:
    kinds = {RuleShock: "rule", VendorShock: "vendor_cutoff", MemoryShock: "memory_price", PowerShock: "power_cap"}
    return kinds[type(shock)]


def _words(shock: Shock) -> str:
    if isinstance(shock, VendorShock):
        return f"no deliveries and no new rents from {shock.vendor} from {shock.start} on"
    if isinstance(shock, MemoryShock):
        return f"memory costs {shock.factor:g} times as much from {shock.start} on; what is rented costs what it did"
    if isinstance(shock, PowerShock):
        return f"the power cap of {', '.join(shock.sites)} falls to {shock.factor:.0%} from {shock.start} on"
    return f"{', '.join(shock.facts.get('rules', ()))} in force"


def _delivers(options: Options, name: str, shock: Shock) -> Bools:
    """Which places still get deliveries, by quarter: `True` also where the shock doesn't reach."""
    quarters = len(options.quarters)
    free = np.ones((len(options.options), quarters), dtype=bool)
    if isinstance(shock, VendorShock):
        theirs = [one.system.vendor == shock.vendor or one.chip.vendor == shock.vendor for one in options.options]
        free[np.asarray(theirs, dtype=bool)] = False
    if isinstance(shock, RuleShock):
        chips = list({one.chip.id: one.chip for one in options.options}.values())
        law = site_rulings(options.opened.shocked[name], options.opened.scenario, chips)
        for at, option in enumerate(options.options):
            free[at] = law[option.site][option.chip.id].accepted
    return free


def _price_factor(options: Options, shock: Shock) -> Floats:
    factor = np.ones((len(options.options), len(options.quarters)))
    if not isinstance(shock, MemoryShock):
        return factor
    catalogue, as_of = options.opened.catalogue, options.opened.scenario.as_of
    for at, option in enumerate(options.options):
        price = option.priced.quotes["own"].amount
        if price.known:
            dearer = shocked_price(catalogue, option.system, price, shock.factor, as_of)
            # Where no source says how much memory is in a price, none of it is taken to be.
            factor[at] = float(dearer.value) / float(price.value) if dearer.known else 1.0
    return factor


def _power_kw(instance: Instance, shock: Shock, at: int) -> Floats:
    caps = instance.caps.power_kw.copy()
    if isinstance(shock, PowerShock):
        for site in shock.sites:
            caps[instance.sites.index(site), at:] *= shock.factor
    return caps
