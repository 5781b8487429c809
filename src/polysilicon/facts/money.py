"""Dated prices and published carbon factors; each row states its unit from a closed list."""

from typing import Annotated, Literal

import msgspec

from polysilicon.facts.record import Day, Record

Signed = Annotated[float, msgspec.Meta(extra={"unit": "the row's own"})]


# Closed, so that a typing error is caught when the tables are compiled.
PriceUnit = Literal[
    "CNY", "CNY/USD", "CNY/card-hour", "CNY/node-month", "EUR/kW", "EUR/kWh", "M USD/MW critical IT", "USD",
    "USD/GPU-hour", "USD/GW", "USD/GW-year", "USD/M tokens", "USD/MWh", "USD/chip-hour", "USD/day", "USD/kW-month",
    "USD/kWh", "USD/m2", "USD/wafer", "dataset", "event", "fraction", "fraction/year", "kW/GPU", "months", "nodes",
    "percent", "percent over SOFR", "percentage points", "ratio", "tokens/day", "tokens/s/node", "years",
]  # fmt: skip
FactorUnit = Literal[
    "L per 12-inch wafer mask layer", "fraction", "gCO2e/EFLOP FP16", "gCO2e/kWh", "kWh/cm2", "kgCO2", "kgCO2e",
    "kgCO2e/GB", "kgCO2e/IC", "kgCO2e/MW IT", "kgCO2e/cm2", "kgCO2e/cm2 effective area", "kgCO2e/kWh capacity", "ratio",
    "years",
]  # fmt: skip


class Price(Record, frozen=True, kw_only=True):
    """One published price, cost share, margin, exchange rate or life, on one day, in one place.

    `period` is the fiscal or calendar quarter that a figure is of; `date` is then the quarter's last month.
    `concerns` is the id of the chip or system that a price is of; `None` where it is of neither.
    """

    category: str
    item: str
    region: str = ""
    metric: str
    value: Signed
    low: Signed | None = None
    high: Signed | None = None
    unit: PriceUnit
    period: str | None = None
    concerns: str | None = None


class EmbodiedFactor(Record, frozen=True, kw_only=True):
    """One published factor for the carbon of making or powering something.

    `concerns` is the id of the chip that a whole chip's factor is of.
    """

    item: str
    metric: str
    value: Signed
    low: Signed | None = None
    high: Signed | None = None
    unit: FactorUnit
    scope: str | None = None
    concerns: str | None = None


class Assumption(Record, frozen=True, kw_only=True):
    """A figure that a formula needs and no row of another kind gives, with its range and what it stands on."""

    what: str
    value: Signed
    low: Signed | None = None
    high: Signed | None = None
    unit: str
    valid_from: Day | None = None
    valid_to: Day | None = None
