import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.economics import memory_cost_share, memory_usd_per_gb, shocked_price
from polysilicon.economics.memory import memory_share, shocked_price_usd
from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip, System
from polysilicon.records.bounded import exactly

shares = st.floats(0.0, 1.0)


@given(st.floats(0.0, 1e6), shares, st.floats(0.0, 10.0), st.floats(0.0, 10.0), st.floats(0.0, 4.0))
def test_dearer_memory_never_makes_a_chip_cheaper(
    price: float, share: float, one: float, other: float, passed: float
) -> None:
    less, more = sorted((one, other))
    assert 0.0 <= shocked_price_usd(price, share, less, passed) <= shocked_price_usd(price, share, more, passed)
    assert shocked_price_usd(price, share, 1.0, passed) == pytest.approx(price)


def test_memory_at_twice_the_price_adds_its_share() -> None:
    assert shocked_price_usd(30_000.0, 0.1, 2.0, 1.0) == pytest.approx(33_000.0)
    assert memory_share(3_000.0, 2_000.0) == 1.0


def test_memory_prices_are_dated(catalogue: Catalogue) -> None:
    early = memory_usd_per_gb(catalogue, "HBM3E", dt.date(2025, 12, 1))
    late = memory_usd_per_gb(catalogue, "HBM3e", dt.date(2026, 11, 24))
    assert early.value == pytest.approx(10.28)
    assert late.value == pytest.approx(18.1)


def test_a_stacked_memory_nobody_priced_lies_between_those_that_were(catalogue: Catalogue, today: dt.date) -> None:
    chinese = memory_usd_per_gb(catalogue, "HiZQ 2.0", today)
    assert chinese.low < memory_usd_per_gb(catalogue, "HBM3E", today).value <= chinese.high * 1.2
    assert chinese.high > chinese.low


def test_the_memory_in_an_h200_is_a_few_per_cent_of_its_price(catalogue: Catalogue, today: dt.date) -> None:
    share = memory_cost_share(catalogue, catalogue.get(Chip, "nvidia-h200-sxm-141gb"), today)
    assert 0.03 < share.low <= share.value <= share.high < 0.2


def test_a_system_counts_its_hosts_memory_too(catalogue: Catalogue, today: dt.date) -> None:
    system = catalogue.get(System, "dgx-h200")
    share = memory_cost_share(catalogue, system, today)
    assert share.value > 0.05
    doubled = shocked_price(catalogue, system, exactly(320_000.0), 2.0, today)
    assert doubled.value == pytest.approx(320_000.0 * (1.0 + share.value))
    assert doubled.low <= doubled.value <= doubled.high
    halved = shocked_price(catalogue, system, exactly(320_000.0), 0.5, today)
    assert halved.low <= halved.value <= halved.high <= 320_000.0


def test_of_an_unpriced_part_the_share_is_unknown(catalogue: Catalogue, today: dt.date) -> None:
    assert not memory_cost_share(catalogue, catalogue.get(Chip, "kunlun-p800"), today).known
