import datetime as dt

import pytest

from polysilicon.economics import tariff
from polysilicon.facts import Catalogue
from polysilicon.facts.places import Region
from polysilicon.records.document import parse_yaml


def test_in_the_subsidised_provinces_only_domestic_chips_pay_the_cut_price(
    catalogue: Catalogue, today: dt.date
) -> None:
    """0.4 CNY/kWh after a cut of up to half, for domestic chips only. Source: Financial Times, 4 November 2025."""
    guizhou = catalogue.get(Region, "cn-gz-guian")
    domestic, foreign = tariff(catalogue, guizhou, "CN", today), tariff(catalogue, guizhou, "US", today)
    assert domestic.value == pytest.approx(0.056)
    assert foreign.value > 1.2 * domestic.value
    assert foreign.high >= 0.112


def test_before_the_subsidy_everyone_pays_the_full_price(catalogue: Catalogue) -> None:
    guizhou = catalogue.get(Region, "cn-gz-guian")
    before = dt.date(2025, 6, 1)
    assert tariff(catalogue, guizhou, "CN", before).value == tariff(catalogue, guizhou, "US", before).value > 0.056


def test_elsewhere_the_vendor_does_not_matter(catalogue: Catalogue, today: dt.date) -> None:
    texas = catalogue.get(Region, "us-tx-dallas")
    assert tariff(catalogue, texas, "CN", today).value == tariff(catalogue, texas, "US", today).value == 0.066


def test_a_wholesale_mean_is_not_yet_a_tariff(catalogue: Catalogue, today: dt.date) -> None:
    frankfurt = next(one for one in catalogue.every(Region) if one.price_basis.startswith("wholesale"))
    assert tariff(catalogue, frankfurt, "US", today).value > frankfurt.electricity_usd_per_kwh


def test_every_tariff_keeps_its_ends_in_order(catalogue: Catalogue, today: dt.date) -> None:
    for region in catalogue.every(Region):
        for vendor in ("CN", "US"):
            price = tariff(catalogue, region, vendor, today)
            assert 0.0 <= price.low <= price.value <= price.high


def test_the_users_tariff_stands_as_given(catalogue: Catalogue, today: dt.date) -> None:
    mine = "regions: {cn-gz-guian: {electricity_usd_per_kwh: 0.07}}"
    theirs = catalogue.overlaid(parse_yaml(mine, "mine.yaml"))
    price = tariff(theirs, theirs.get(Region, "cn-gz-guian"), "US", today)
    assert price.low == price.value == price.high == 0.07
