import numpy as np
import pytest

from polysilicon.performance.curves import Silicon
from polysilicon.performance.measuring import design
from polysilicon.performance.measuring.campaign import LEARNED
from polysilicon.performance.measuring.kernels import MODES
from polysilicon.performance.measuring.learning import Knowledge, Measured
from polysilicon.performance.measuring.truth import MOST_DOUBLINGS, widened
from polysilicon.performance.measuring.work import kernels_of

SILICON = Silicon(2.0, 20e9, 32e6, {"fp32": 2e11, "bf16": 4e11})
ACCELERATOR = Silicon(100.0, 3e12, 50e6, {"fp32": 5e13, "bf16": 8e14})


@pytest.mark.parametrize("silicon", [SILICON, ACCELERATOR])
def test_there_is_something_to_time_of_every_kind(silicon):
    for kind in LEARNED:
        kernels = design.candidates(kind, "bf16", silicon)
        assert len(kernels) >= 8, kind
        assert len(kernels) <= design.MOST_CANDIDATES
        assert {one.kind for one in kernels} == {kind}


@pytest.mark.parametrize("silicon", [SILICON, ACCELERATOR])
def test_there_are_goals_of_every_mode(silicon):
    assert {one.mode for one in design.goals("bf16", silicon, 64e9)} == {*MODES}


def test_nothing_that_is_checked_is_ever_timed_to_learn():
    timed = {one for kind in LEARNED for one in design._sizes(kind, 32e6)}
    for doublings in range(MOST_DOUBLINGS + 1):
        for job in widened(2.0**doublings):
            assert not timed & set(kernels_of(job, 4.0))


def test_a_timing_takes_off_the_variance_that_was_foreseen():
    jobs = design.goals("fp32", SILICON, 16e9)
    goals = design.Goals.of(jobs, "fp32")
    known = {kind: Knowledge.none(kind, "fp32", SILICON) for kind in LEARNED}
    grid = {kind: design.candidates(kind, "fp32", SILICON) for kind in LEARNED}
    slopes = goals.slopes(known)
    chosen = design.next_kernels(known, grid, slopes, lambda one: False, 6)
    assert len(chosen) == 6
    assert [one.gain / one.cost_s for one in chosen] == sorted((one.gain / one.cost_s for one in chosen), reverse=True)
    first = chosen[0]
    kind = first.kernel.kind
    before = design.errors_of_goals(known, slopes)
    told = Measured(first.kernel, float(known[kind].predicted_s([first.kernel])[0]), 0.0)
    after = known | {kind: known[kind].with_timings([told])}
    taken = np.mean(before**2 - design.errors_of_goals(after, goals.slopes(after)) ** 2)
    assert taken == pytest.approx(first.gain, rel=0.2)


def test_what_was_timed_is_not_chosen_again():
    known = {"norm": Knowledge.none("norm", "fp32", SILICON)}
    grid = {"norm": design.candidates("norm", "fp32", SILICON)}
    slopes = {"norm": np.ones((1, len(known["norm"].names)))}
    done = set(grid["norm"][:-2])
    chosen = design.next_kernels(known, grid, slopes, done.__contains__, 5)
    assert {one.kernel for one in chosen} == set(grid["norm"][-2:])
