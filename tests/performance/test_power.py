import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip
from polysilicon.performance.power import chip_power, chips_power_kw, load_power_kw, step_energy_j
from polysilicon.records.bounded import Bounded

shares = st.floats(0.0, 1.0)


@given(shares, shares)
def test_more_work_draws_more_power(one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert load_power_kw(10.0, less, 0.15, 0.85) <= load_power_kw(10.0, more, 0.15, 0.85)


def test_power_takes_numbers_arrays_and_ranges_alike() -> None:
    work = np.array([0.0, 0.5, 1.0])
    assert load_power_kw(10.0, work, 0.2, 0.8) == pytest.approx([2.0, 5.0, 8.0])
    ranged = load_power_kw(10.0, work, Bounded(0.2, 0.1, 0.3), 0.8)
    assert ranged.low == pytest.approx([1.0, 4.5, 8.0])


def test_the_energy_of_a_step_is_that_of_its_two_phases() -> None:
    joules = step_energy_j(10.0, 7.0, 8.0, 700.0, 0.4, 0.9)
    assert joules == pytest.approx(8 * 700 * (7.0 * 0.9 + 3.0 * 0.4))
    assert chips_power_kw(8.0, 700.0) * 1000.0 * 10.0 >= joules


def test_the_energy_of_a_step_broadcasts_over_cuts_and_choices() -> None:
    step_s, busy_s = np.array([[4.0], [5.0], [6.0]]), np.array([[1.0, 2.0]])
    joules = step_energy_j(step_s, busy_s, 16.0, np.array([[[300.0]], [[700.0]]]), 0.4, 0.9)
    assert joules.shape == (2, 3, 2)
    assert joules[1, 2, 0] == pytest.approx(step_energy_j(6.0, 1.0, 16.0, 700.0, 0.4, 0.9))


@given(st.floats(1e-3, 1e3), shares, st.floats(1.0, 1.5))
def test_waiting_longer_costs_energy_though_less_than_computing(busy_s: float, idle: float, longer: float) -> None:
    step_s = busy_s * longer
    joules = step_energy_j(step_s, busy_s, 8.0, 700.0, idle * 0.9, 0.9)
    assert step_energy_j(busy_s, busy_s, 8.0, 700.0, idle * 0.9, 0.9) <= joules * (1 + 1e-12)
    assert joules <= step_energy_j(step_s, step_s, 8.0, 700.0, idle * 0.9, 0.9) * (1 + 1e-12)


def test_a_chip_whose_power_nobody_gives_is_as_wide_as_accelerators_are(catalogue: Catalogue) -> None:
    known = chip_power(catalogue, "nvidia-h100-sxm-80gb")
    assert known.tdp_w.value == 700.0
    nameless = next(one.id for one in catalogue.every(Chip) if one.tdp_w is None)
    assert chip_power(catalogue, nameless).tdp_w.high / chip_power(catalogue, nameless).tdp_w.low > 4.0
    assert chip_power(catalogue, nameless, {"tdp_w": 350.0}).tdp_w.value == 350.0


def test_a_waiting_chip_draws_between_an_idle_and_a_busy_one(catalogue: Catalogue) -> None:
    one = chip_power(catalogue, "nvidia-h100-sxm-80gb")
    assert one.idle_share.value < one.waiting_share.value < one.busy_share.value
    assert one.idle_share.value <= one.waiting_share.low
