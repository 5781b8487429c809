from dataclasses import replace

import numpy as np
import pytest
from tests.performance.measuring.conftest import DTYPE, LAYER_S, STRETCH

from polysilicon.performance.measuring.journal import Journal
from polysilicon.performance.measuring.kernels import MODES, Kernel
from polysilicon.performance.measuring.timing import NEVER, Timing
from polysilicon.performance.measuring.truth import jobs, predicted_s
from polysilicon.records.errors import InputError


@pytest.fixture(scope="module")
def shared():
    """One campaign for the tests that only look at it."""
    return {}


@pytest.fixture
def learned(analytic, shared):
    if not shared:
        shared["found"] = analytic.campaign().run()
        shared["device"] = analytic
    return shared["found"]


def test_steps_of_shapes_never_timed_are_predicted_as_the_device_takes(learned, analytic):
    found, truth = learned.parameters(), analytic.parameters
    asked = jobs(DTYPE, found, learned.silicon)
    off = {
        mode: [
            predicted_s(one, DTYPE, found, learned.silicon) / predicted_s(one, DTYPE, truth, analytic.silicon) - 1.0
            for one in asked
            if one.mode == mode
        ]
        for mode in MODES
    }
    assert all(len(one) == 12 for one in off.values())
    assert {mode: float(np.median(np.abs(one))) for mode, one in off.items()} == pytest.approx(
        dict.fromkeys(MODES, 0.0), abs=0.05
    )


def test_the_fit_recovers_what_the_device_was_made_of(learned, analytic):
    peak = learned.silicon.peak_flop_per_s[DTYPE] * learned.known["product"].parameters()[f"gemm.{DTYPE}.share"]
    assert peak == pytest.approx(2e11 * analytic.parameters[f"gemm.{DTYPE}.share"], rel=0.15)
    # Shares are of the bandwidth as it was measured, which may be lower than that the device was made with.
    own, made = learned.silicon.memory_bytes_per_s, analytic.silicon.memory_bytes_per_s
    name = f"stream.{DTYPE}.update.memory"
    assert own * learned.known["update"].parameters()[name] == pytest.approx(made * analytic.parameters[name], rel=0.25)
    for mode in MODES:
        assert learned.reach[mode].stretch[0] == pytest.approx(STRETCH, rel=0.06)
        assert learned.reach[mode].layer_s[0] == pytest.approx(LAYER_S, rel=0.6)


def test_intervals_hold_their_value(learned):
    assert all(low <= value <= high for value, low, high in learned.intervals().values())


def test_the_budget_is_kept(analytic):
    found = analytic.campaign(budget_s=9.0).run()
    assert found.spent_s == pytest.approx(9.0, rel=0.3)


def test_a_budget_too_small_says_so(analytic):
    with pytest.raises(InputError, match="budget"):
        analytic.campaign(budget_s=0.2).run()


def test_a_budget_without_a_kernel_short_enough_for_a_slow_memory_says_so(analytic):
    slow = replace(analytic, silicon=replace(analytic.silicon, memory_bytes_per_s=1e9), noise=0.0)
    slow.take = lambda dtype, kernel, most_s: Timing(slow.seconds(kernel), 0.01, 7, trusted=True)
    with pytest.raises(InputError, match="--budget-s: the budget leaves no kernel of kind"):
        slow.campaign(budget_s=1.0).run()


def test_more_budget_leaves_less_uncertainty(analytic, learned):
    assert learned.goal_error < analytic.campaign(budget_s=8.0).run().goal_error


def test_a_killed_campaign_goes_on_where_it_stopped(analytic, tmp_path):
    path = tmp_path / "journal"

    class Killed(Exception):
        pass

    def take(dtype: str, kernel: Kernel, most_s: float):
        if len(analytic.timed) == 25:
            raise Killed
        return analytic.take(dtype, kernel, most_s)

    first = analytic.campaign(Journal(path, {"device": "fake"}))
    first.timer = take
    with pytest.raises(Killed):
        first.run()
    kept = Journal(path, {"device": "fake"}, resume=True)
    assert len(kept) == 25
    before = set(analytic.timed)
    analytic.timed.clear()
    analytic.campaign(kept, budget_s=7.0).run()
    again = [one for one in analytic.timed if one in before]
    # Only what the curves believe least may be timed again, at the end.
    assert len(again) < 10


def test_a_device_without_products_is_refused(analytic):
    campaign = analytic.campaign()
    campaign.timer = lambda dtype, kernel, most_s: NEVER
    with pytest.raises(InputError, match="no product"):
        campaign.run()
