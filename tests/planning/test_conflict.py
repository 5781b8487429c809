from collections.abc import Callable

import numpy as np
import pytest

from polysilicon.planning.conflict import best_effort, smallest_conflict
from polysilicon.planning.instance import Instance
from polysilicon.planning.limit import Limit

Make = Callable[..., Instance]


def test_limits_that_can_all_hold_are_no_conflict(instance: Make) -> None:
    assert smallest_conflict(instance()) == []


def test_a_budget_too_small_for_the_demand_names_both_and_nothing_else(with_caps: Make) -> None:
    cap = np.full((2, 4), 5000.0)
    assert smallest_conflict(with_caps(budget_musd=2.0, power_kw=cap)) == [
        Limit("budget", "total"),
        Limit("demand", "chat"),
    ]


def test_law_that_forbids_everything_is_named(instance: Make) -> None:
    none = np.zeros((3, 3, 4), dtype=bool)
    assert smallest_conflict(instance(masks={Limit("law"): none})) == [Limit("law"), Limit("demand", "chat")]


def test_power_of_every_site_is_named_where_all_are_needed(with_caps: Make) -> None:
    found = smallest_conflict(with_caps(power_kw=np.full((2, 4), 40.0)))
    assert found == [Limit("power", "north"), Limit("power", "south"), Limit("demand", "chat")]


def test_how_much_could_be_met_is_said(with_caps: Make) -> None:
    # 50 kW for each site: one blue unit in the north (5 requests/s), half a red one in the south (2).
    assert best_effort(with_caps(power_kw=np.full((2, 4), 50.0)))["chat"] == pytest.approx(0.7, abs=0.01)
