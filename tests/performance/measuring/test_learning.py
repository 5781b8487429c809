import numpy as np
import pytest

from polysilicon.performance.curves import Silicon
from polysilicon.performance.measuring.kernels import Kernel
from polysilicon.performance.measuring.learning import Knowledge, Measured

SILICON = Silicon(1.0, 20e9, 32e6, {"fp32": 1e11, "bf16": 1e11})
KERNELS = [Kernel("norm", 2.0**rows, 2.0**columns) for rows in range(0, 13, 2) for columns in (7, 9, 11)]


@pytest.fixture
def truth():
    known = Knowledge.none("norm", "fp32", SILICON)
    return known.parameters(known.point + 0.4 * np.array([1, -1, 1, -1] + [0.1] * 5))


def timings(truth, off=None):
    from polysilicon.performance.measuring.forms import Table, kernel_s

    seconds = np.array(kernel_s(Table.of(KERNELS), "fp32", truth, SILICON))
    if off:
        seconds[off[0]] *= off[1]
    return [Measured(kernel, float(one), 0.0) for kernel, one in zip(KERNELS, seconds, strict=True)]


def test_times_without_noise_are_learned(truth):
    known = Knowledge.none("norm", "fp32", SILICON).with_timings(timings(truth))
    assert known.predicted_s(KERNELS) == pytest.approx([one.time_s for one in timings(truth)], rel=0.03)
    assert np.median(np.abs(known.left_out_errors())) < 0.03


def test_timings_narrow_every_interval(truth):
    before = Knowledge.none("norm", "fp32", SILICON)
    after = before.with_timings(timings(truth))
    assert np.all(np.diag(after.covariance) <= np.diag(before.covariance) + 1e-12)
    assert np.linalg.det(after.covariance) < 1e-3 * np.linalg.det(before.covariance)


def test_one_timing_of_a_busy_moment_moves_little(truth):
    known = Knowledge.none("norm", "fp32", SILICON)
    right, wrong = (known.with_timings(timings(truth, off)) for off in (None, (10, 3.0)))
    others = [one for at, one in enumerate(KERNELS) if at != 10]
    assert wrong.predicted_s(others) == pytest.approx(right.predicted_s(others), rel=0.08)
    assert int(np.argmax(np.abs(wrong.left_out_errors()))) == 10


def test_without_timings_nothing_is_known_beyond_the_priors():
    known = Knowledge.none("norm", "fp32", SILICON)
    assert known.with_timings([]) is known
    assert known.left_out_errors().size == 0
