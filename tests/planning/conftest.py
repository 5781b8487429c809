import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from polysilicon.facts import load
from polysilicon.planning import Plan, plan
from polysilicon.planning.instance import Caps, Instance, Place, Task
from polysilicon.planning.limit import Limit
from polysilicon.records.dates import Quarter

EXAMPLES = Path(__file__).parents[2] / "examples"
QUARTERS = [Quarter(2026, 4) + step for step in range(4)]


def make(**changes: object) -> Instance:
    """Two vendors' systems at two sites, four quarters, one service to run; every cost a round number."""
    places = [
        Place("north", "red-8", 8, "Red", "US", "red-stack"),
        Place("south", "red-8", 8, "Red", "US", "red-stack"),
        Place("north", "blue-8", 8, "Blue", "CN", "blue-stack"),
    ]
    count, span = len(places), len(QUARTERS)
    flat = np.ones((count, span))
    base = Instance(
        quarters=QUARTERS,
        sites=["north", "south"],
        places=places,
        tasks=[Task("chat", "chat", "requests/s", "us/chat", np.full(span, 10.0))],
        throughput=np.asarray([[4.0, 4.0, 5.0]]),
        standing=np.zeros((count, span)),
        lead=np.zeros(count, dtype=np.int64),
        life=np.full(count, 20),
        reserve_quarters=4,
        price_musd=np.asarray([10.0, 10.0, 20.0]),
        hardware_musd=flat * np.asarray([[1.0], [1.0], [2.0]]),
        running_musd=flat * np.asarray([[0.1], [0.2], [0.1]]),
        reserve_musd=flat * 3.0,
        on_demand_musd=flat * 5.0,
        power_kw=np.asarray([100.0, 100.0, 50.0]),
        energy_mwh=flat * 100.0,
        carbon_t=flat * np.asarray([[10.0], [1.0], [10.0]]),
        embodied_t=flat * 1.0,
        water_m3=flat * 10.0,
        porting_musd={},
        discount=np.ones(span),
        carbon_musd_per_t=0.0,
        price_factor=flat.copy(),
        low=np.zeros((3, count, span)),
        most=np.full((3, count, span), 50.0),
        masks={Limit("law"): np.ones((3, count, span), dtype=bool)},
        caps=Caps(
            power_kw=np.full((2, span), np.inf),
            budget_musd=np.inf,
            cash_musd=np.full(span, np.inf),
            carbon_t=np.asarray([np.inf]),
            water_m3=np.asarray([np.inf]),
            vendor_share=1.0,
            country_share=1.0,
        ),
    )
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def capped(**changes: object) -> Instance:
    base = make()
    return dataclasses.replace(base, caps=dataclasses.replace(base.caps, **changes))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def instance() -> Callable[..., Instance]:
    return make


@pytest.fixture(scope="session")
def with_caps() -> Callable[..., Instance]:
    return capped


@pytest.fixture(scope="session")
def small() -> Plan:
    return plan(EXAMPLES / "small" / "scenario.yaml", catalogue=load())
