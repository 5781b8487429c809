from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.planning.instance import Instance
from polysilicon.planning.limit import Limit
from polysilicon.planning.programme import build
from polysilicon.planning.shocks import Blow, Survived, strike, survival
from polysilicon.planning.solving import solve
from polysilicon.records.interval import Floats

Make = Callable[..., Instance]


def struck(instance: Instance, at: int = 2, **changes: object) -> Survived:
    answer = solve(build(instance), gap=1e-6)
    count, span = len(instance.places), len(instance.quarters)
    blow = {
        "delivers": np.ones((count, span), dtype=bool),
        "price_factor": np.ones((count, span)),
        "power_kw": instance.caps.power_kw,
    } | changes
    shock = Blow(name="shock", kind="test", description="", at=at, **blow)  # type: ignore[arg-type]
    return strike(instance, answer, shock, gap=1e-4, most_s=10.0, seed=1)


def cap_from(at: int, kilowatts: float) -> Floats:
    cap = np.full((2, 4), np.inf)
    cap[:, at:] = kilowatts
    return cap


def growing(instance: Make, **changes: object) -> Instance:
    base = instance(**changes)
    task = base.tasks[0]
    grown = type(task)(task.id, task.workload, task.unit, task.porting, np.asarray([4.0, 4.0, 12.0, 12.0]))
    return instance(tasks=[grown], **changes)


def test_what_stands_goes_on_serving(instance: Make) -> None:
    survived = struck(growing(instance))
    assert survival(survived, survived.at_once)["chat"] == pytest.approx(1 / 3, abs=1e-3)
    assert survival(survived, survived.after)["chat"] == pytest.approx(1.0)


def test_what_was_ordered_but_can_no_longer_come_is_lost(instance: Make) -> None:
    lead = np.full(3, 2)
    law = np.ones((3, 3, 4), dtype=bool)
    law[0, :, :2] = False
    base = growing(instance, lead=lead, masks={Limit("lead_time"): law})
    delivers = np.ones((3, 4), dtype=bool)
    delivers[:2, 2:] = False
    survived = struck(base, at=1, delivers=delivers)
    assert survived.lost.sum() > 0
    assert survived.after.units[:, :2, 2:].sum() == 0


def test_halls_that_lose_power_switch_units_off(instance: Make) -> None:
    survived = struck(instance(), power_kw=cap_from(2, 0.0))
    assert survival(survived, survived.after)["chat"] == pytest.approx(0.0, abs=1e-6)


def test_dearer_hardware_costs_more_and_still_serves(instance: Make) -> None:
    plain = struck(growing(instance))
    dear = struck(growing(instance), price_factor=np.full((3, 4), 1.5))
    assert survival(dear, dear.after)["chat"] == pytest.approx(1.0)
    assert dear.after.objective_musd >= plain.after.objective_musd - 1e-6


@given(st.floats(0.0, 1.0), st.integers(1, 3))
@settings(max_examples=3, deadline=None)
def test_survival_is_a_fraction_and_buying_again_never_hurts(instance: Make, left: float, at: int) -> None:
    survived = struck(growing(instance), at=at, power_kw=cap_from(at, 300.0 * left))
    before, after = survival(survived, survived.at_once), survival(survived, survived.after)
    assert 0.0 <= before["chat"] <= 1.0 + 1e-9
    assert before["chat"] <= after["chat"] + 1e-6
    assert after["chat"] <= 1.0 + 1e-9
