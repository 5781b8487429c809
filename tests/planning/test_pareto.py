from collections.abc import Callable

import numpy as np

from polysilicon.planning.instance import Instance
from polysilicon.planning.pareto import front
from polysilicon.planning.programme import build


def test_less_carbon_never_costs_less(instance: Callable[..., Instance]) -> None:
    points = front(build(instance()), 5)
    carbon = [float(point.accounts.carbon_t.sum()) for point in points]
    cost = [point.objective_musd for point in points]
    assert len(points) == 5
    assert np.all(np.diff(carbon) <= 1e-6)
    assert np.all(np.diff(cost) >= -1e-6)
    assert carbon[-1] < carbon[0]


def test_no_front_is_asked_for_with_fewer_than_two_points(instance: Callable[..., Instance]) -> None:
    assert front(build(instance()), 0) == []
