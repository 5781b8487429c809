import datetime as dt

import pytest

from polysilicon.economics import price_of
from polysilicon.economics.offers import Offer, pick
from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip, System
from polysilicon.records.bounded import exactly
from polysilicon.records.document import parse_yaml
from polysilicon.records.recorder import Leaf


def test_the_price_nearest_at_or_before_the_day_counts(catalogue: Catalogue) -> None:
    h100 = catalogue.get(Chip, "nvidia-h100-sxm-80gb")
    trough = price_of(catalogue, h100, "reserve", dt.date(2025, 11, 1), "US")
    spring = price_of(catalogue, h100, "reserve", dt.date(2026, 4, 1), "US")
    summer = price_of(catalogue, h100, "reserve", dt.date(2026, 7, 1), "US")
    assert [one.amount.value for one in (trough, spring, summer)] == [1.7, 2.35, 2.65]


def test_a_price_from_before_the_first_quote_is_flagged_by_its_age(catalogue: Catalogue) -> None:
    h100 = catalogue.get(Chip, "nvidia-h100-sxm-80gb")
    early = price_of(catalogue, h100, "reserve", dt.date(2023, 1, 1), "US")
    assert early.age_years < 0.0
    assert early.stale


def test_a_quote_widens_with_its_age(catalogue: Catalogue) -> None:
    rack = catalogue.get(System, "gb200-nvl72")
    fresh, old = (price_of(catalogue, rack, "own", day) for day in (dt.date(2026, 3, 1), dt.date(2027, 9, 1)))
    assert fresh.amount.value == old.amount.value
    assert old.amount.low < fresh.amount.low
    assert old.amount.high > fresh.amount.high
    assert old.stale
    assert not fresh.stale


def test_a_system_without_a_price_is_priced_by_its_chips(catalogue: Catalogue, today: dt.date) -> None:
    system, chip = catalogue.get(System, "mi300x-8way"), catalogue.get(Chip, "amd-mi300x")
    assert system.price_usd is None
    whole, each = price_of(catalogue, system, "own", today), price_of(catalogue, chip, "own", today)
    assert whole.amount.value > 8.0 * each.amount.value
    assert "8 x amd-mi300x" in whole.basis


def test_a_bare_module_gets_a_host(catalogue: Catalogue, today: dt.date) -> None:
    module = catalogue.get(System, "hgx-h20-module-cn")
    assert module.price_usd is not None
    quote = price_of(catalogue, module, "own", today, "CN")
    assert quote.amount.value > module.price_usd
    assert "host" in quote.basis


def test_an_unknown_price_says_so(catalogue: Catalogue, today: dt.date) -> None:
    quote = price_of(catalogue, catalogue.get(System, "kunlun-p800-8"), "own", today)
    assert not quote.known
    assert "no source gives a price" in quote.reason
    assert quote.to_dict()["value"] is None
    assert not price_of(catalogue, catalogue.get(System, "kunlun-p800-8"), "on_demand", today).known


def test_the_grey_market_is_never_an_offer(catalogue: Catalogue, today: dt.date) -> None:
    """8 M CNY was asked for a DGX B300 in China, twice the US list price; buying there breaks the law."""
    quote = price_of(catalogue, catalogue.get(System, "dgx-b300"), "own", today, "CN")
    assert quote.amount.value == pytest.approx(550_000.0)


def offer(value: float, day: str, confidence: str) -> Offer:
    return Offer(exactly(value), Leaf("row", confidence), dt.date.fromisoformat(day), "list price", False)


def test_a_price_from_memory_gives_way_to_one_that_was_read(today: dt.date) -> None:
    read, remembered = offer(3.0, "2025-01-01", "press"), offer(2.0, "2026-01-01", "unverified")
    assert pick([remembered, read], today) is read
    assert pick([remembered], today) is remembered
    assert pick([remembered], today, accept_unverified=False) is None


def test_where_memory_is_not_accepted_the_chips_price_the_system(catalogue: Catalogue, today: dt.date) -> None:
    dgx = catalogue.get(System, "dgx-b200")
    assert dgx.origin("price_usd").confidence == "unverified"
    quote = price_of(catalogue, dgx, "own", today, accept_unverified=False)
    assert "8 x nvidia-b200-sxm" in quote.basis
    assert quote.origin is not None
    assert quote.origin.confidence == "estimate"


def test_a_missing_contract_is_inferred_from_another_and_says_so(catalogue: Catalogue, today: dt.date) -> None:
    quote = price_of(catalogue, catalogue.get(Chip, "nvidia-gb200"), "reserve", today)
    assert "three-year contract" in quote.basis
    assert quote.amount.value > 3.3
    assert quote.amount.high / quote.amount.low > 1.5


def test_rent_is_for_one_chip_whether_asked_of_the_chip_or_its_system(catalogue: Catalogue, today: dt.date) -> None:
    chip = price_of(catalogue, catalogue.get(Chip, "nvidia-h100-sxm-80gb"), "on_demand", today)
    system = price_of(catalogue, catalogue.get(System, "dgx-h100"), "on_demand", today)
    assert chip.amount.value == system.amount.value
    assert system.unit == "USD/chip-hour"


def test_the_users_quote_outranks_ours_and_stands_as_given(catalogue: Catalogue, today: dt.date) -> None:
    quotes = "systems: {kunlun-p800-8: {price_usd: 90000, price_date: 2026-10}, dgx-h100: {price_usd: 280000}}"
    theirs = catalogue.overlaid(parse_yaml(quotes, "mine.yaml"))
    for name, price in (("kunlun-p800-8", 90_000.0), ("dgx-h100", 280_000.0)):
        quote = price_of(theirs, theirs.get(System, name), "own", today)
        assert quote.amount.low == quote.amount.value == quote.amount.high == price
        assert quote.basis.startswith("the user's")


def test_every_price_keeps_its_ends_in_order_and_names_its_record(catalogue: Catalogue, today: dt.date) -> None:
    priced = 0
    for kind in (System, Chip):
        for item in catalogue.every(kind):
            for contract in ("own", "reserve", "on_demand"):
                quote = price_of(catalogue, item, contract, today)
                assert 0.0 <= quote.amount.low <= quote.amount.high
                if quote.known:
                    priced += 1
                    assert quote.amount.low <= quote.amount.value <= quote.amount.high, item.id
                    assert quote.origin is not None
                    assert quote.origin.confidence
                else:
                    assert quote.reason
    assert priced > 100


def test_the_users_rent_is_a_price_record_like_ours(catalogue: Catalogue, today: dt.date) -> None:
    mine = """prices:
  our-quote:
    category: rental
    item: Kunlun P800, letter of 3 October
    concerns: kunlun-p800
    region: CN
    metric: contract_1yr
    value: 0.9
    unit: USD/chip-hour
    date: 2026-10-03
"""
    theirs = catalogue.overlaid(parse_yaml(mine, "mine.yaml"))
    quote = price_of(theirs, theirs.get(System, "kunlun-p800-8"), "reserve", today, "CN")
    assert quote.amount.low == quote.amount.value == quote.amount.high == 0.9
    assert quote.basis.startswith("the user's")
