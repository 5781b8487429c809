"""The price of power at a site: by region, by whose chips run there, and by day."""

import datetime as dt

from polysilicon.economics.prices import DAYS_PER_YEAR
from polysilicon.facts.catalogue import Catalogue
from polysilicon.facts.money import Assumption
from polysilicon.facts.places import Region
from polysilicon.facts.reading import aged, assumed, read
from polysilicon.records.bounded import Amount, Bounded, exactly
from polysilicon.records.recorder import formula


@formula
def unsubsidised_usd_per_kwh(subsidised_usd_per_kwh: Amount, subsidy_share: Amount) -> Amount:
    """What power costs those who don't get a subsidy that is already in the published price.

    Source: definition of a price cut by a share.
    """
    return subsidised_usd_per_kwh / (1.0 - subsidy_share)


@formula
def delivered_usd_per_kwh(wholesale_usd_per_kwh: Amount, adder_usd_per_kwh: Amount) -> Amount:
    """What a wholesale price comes to with network charges and levies.

    Source: Eurostat, electricity prices for non-household consumers: supply, network costs, taxes and levies.
    """
    return wholesale_usd_per_kwh + adder_usd_per_kwh


def tariff(catalogue: Catalogue, region: Region, vendor_country: str, as_of: dt.date) -> Bounded:
    """Price of power for chips of a vendor of that country [USD/kWh].

    Some Chinese provinces cut the bill of data centres that run domestic chips; the regions table gives the price
    after that cut, so others, and everyone before it began, pay more. A wholesale mean gets network charges added.
    """
    origin = region.origin("electricity_usd_per_kwh")
    price = read(catalogue, region, "electricity_usd_per_kwh")
    if "user" in origin.sources:
        return price
    # A year's average stands for the middle of that year.
    age = abs((as_of - dt.date(int(region.price_year), 7, 1)).days) / DAYS_PER_YEAR
    price = exactly(aged(price, assumed(catalogue, "electricity-drift-per-year"), age))
    if "after_subsidy" in region.price_basis:
        begins = catalogue.get(Assumption, "domestic-chip-subsidy").valid_from or ""
        if vendor_country != region.country or as_of.isoformat() < begins:
            return exactly(unsubsidised_usd_per_kwh(price, assumed(catalogue, "domestic-chip-subsidy")))
    if region.price_basis.startswith("wholesale"):
        return exactly(delivered_usd_per_kwh(price, assumed(catalogue, "wholesale-adder-usd-per-kwh")))
    return price
