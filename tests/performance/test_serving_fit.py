"""The shipped fit of the serving estimator, and how its rows were kept apart."""

import csv
from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from polysilicon.facts import load
from polysilicon.facts.efficiency import Fit
from polysilicon.facts.hardware import Chip
from polysilicon.performance.efficiency import efficiency_of
from polysilicon.performance.serving_table import bound


@pytest.fixture(scope="module")
def calibrate(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("calibrate_serving")


def test_the_split_can_be_drawn_again_and_keeps_groups_whole(calibrate: ModuleType) -> None:
    rows = calibrate.rows_of(load())
    calibrate.split(rows)
    with calibrate.SPLIT.open(newline="") as stream:
        shipped = {row["case_id"]: (row["group"], row["part"]) for row in csv.DictReader(stream)}
    assert shipped == {row.case_id: (row.group, row.part) for row in rows}
    # A row that keeps a promise is never fitted, whatever its group.
    targeted = {row.case_id for row in rows if row.question.promise}
    assert {shipped[case][1] for case in targeted} == {"test"}
    parts: dict[str, set[str]] = {}
    for case, (group, part) in shipped.items():
        if case not in targeted:
            parts.setdefault(group, set()).add(part)
    assert all(len(found) == 1 for found in parts.values())
    assert {part for _, part in shipped.values()} == {"fit", "test"}


def test_shares_of_a_peak_stay_below_it(calibrate: ModuleType) -> None:
    for record in load().every(Fit):
        if record.room == "serving":
            for name, value in record.parameters.items():
                assert value > 0, (record.id, name)
                assert name not in calibrate.SHARES or value <= 1.0, (record.id, name)


@pytest.mark.parametrize("chip", ["nvidia-h100-sxm-80gb", "amd-mi300x", "huawei-ascend-910c", "google-tpu-v6e"])
def test_every_chip_has_parameters_and_an_interval(chip: str) -> None:
    found = efficiency_of(load(), chip, "serving")
    for quantity in ("tpot", "ttft", "tps"):
        low, high = bound(found, quantity, "steady")
        assert 0 < low < high


def test_a_family_nobody_measured_has_a_wider_interval_than_one_somebody_did() -> None:
    measured = bound(efficiency_of(load(), "nvidia-h100-sxm-80gb", "serving"), "tpot", "steady")
    strange = bound(efficiency_of(load(), "huawei-ascend-910c", "serving"), "tpot", "steady")
    assert strange[1] / strange[0] > measured[1] / measured[0]


def test_every_chip_of_the_catalogue_has_a_fit() -> None:
    for name in load().ids(Chip):
        assert efficiency_of(load(), name, "serving").records


def test_a_row_far_off_pulls_less_than_one_that_is_near(calibrate: ModuleType) -> None:
    far = np.array([0.1, 0.3, 1.0, 3.0])
    pull = np.diff(calibrate.softened(np.stack([far, far + 1e-6])) ** 2, axis=0)[0]
    assert np.argmax(pull) == 1
    assert np.all(np.diff(pull[1:]) < 0.0)
    assert calibrate.softened(np.array([1e-4]))[0] == pytest.approx(1e-4 / calibrate.SCATTER, rel=1e-3)


def test_what_a_single_source_is_off_by_widens_an_interval_either_way(calibrate: ModuleType) -> None:
    found = [calibrate.Unseen(row=SimpleNamespace(source="one"), quantity="tpot", way="steady", ratio=0.3)] * 5
    low, high = calibrate.bounds_of(found)
    assert (low, high) == (pytest.approx(np.exp(-0.3)), pytest.approx(np.exp(0.3)))
    other = calibrate.Unseen(row=SimpleNamespace(source="other"), quantity="tpot", way="steady", ratio=0.2)
    assert calibrate.bounds_of([*found, other])[0] == 1.0


def test_every_interval_that_ships_reaches_to_both_sides() -> None:
    # One-sided errors of few sources once made "23.4 ms (90 %: 23.4 to 41.3)" of a chip that one source measured.
    for record in load().every(Fit):
        if record.room == "serving" and "tpot_low_steady" in record.parameters:
            assert record.parameters["tpot_low_steady"] < 1.0 < record.parameters["tpot_high_steady"], record.id
