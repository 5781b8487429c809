import numpy as np
import pytest

from polysilicon.records.recorder import Recorder, citation, formula


@formula
def compute_s(work_flop: float, rate_tflops: float) -> float:
    """Time of the arithmetic.

    Source: definition of a rate.
    """
    return work_flop / (rate_tflops * 1e12)


@formula
def step_s(compute_time_s: float, network_s: float) -> float:
    """Time of a step whose network is not hidden.

    Source: Amdahl, 1967,
    as every textbook has it.
    """
    return compute_time_s + network_s


@formula
def run_s(work_flop: float, rate_tflops: float, network_s: float) -> float:
    """Time of a run.

    Source: this test.
    """
    return step_s(compute_s(work_flop, rate_tflops), network_s)


def test_the_root_is_the_figure_and_its_inputs_are_the_formulas_that_made_them() -> None:
    with Recorder() as recorder:
        total = step_s(compute_s(2e15, 1000.0), 0.5)
    tree = recorder.tree(total)
    assert (tree.name, tree.value, tree.unit) == ("step_s", total, "s")
    assert [step.name for step in tree.inputs] == ["compute_s", "network_s"]
    assert [step.name for step in tree.inputs[0].inputs] == ["work_flop", "rate_tflops"]


def test_a_value_that_was_announced_names_its_record() -> None:
    with Recorder() as recorder:
        rate = recorder.known(float("989"), "nvidia-h100-sxm-80gb.bf16_tflops", "datasheet")
        total = compute_s(1e15, rate)
    leaf = recorder.tree(total).inputs[1]
    assert (leaf.source, leaf.confidence) == ("nvidia-h100-sxm-80gb.bf16_tflops", "datasheet")


def test_a_formula_within_a_formula_is_kept_under_it() -> None:
    with Recorder() as recorder:
        total = run_s(1e15, 1000.0, 0.5)
    assert [step.name for step in recorder.tree(total).within] == ["compute_s", "step_s"]


def test_arrays_are_linked_too() -> None:
    with Recorder() as recorder:
        total = step_s(compute_s(np.array([1e15, 2e15]), 1000.0), 0.0)
    assert recorder.tree(total).inputs[0].name == "compute_s"


def test_what_no_formula_returned_has_no_tree() -> None:
    with Recorder() as recorder:
        compute_s(1e15, 1000.0)
    with pytest.raises(LookupError):
        recorder.tree(object())


def test_nothing_is_heard_once_the_recorder_is_off() -> None:
    with Recorder() as recorder:
        pass
    total = compute_s(1e15, 1000.0)
    with pytest.raises(LookupError):
        recorder.tree(total)


def test_a_citation_may_run_over_lines() -> None:
    assert citation(step_s) == "Amdahl, 1967, as every textbook has it."


def test_a_formula_without_a_citation_is_refused() -> None:
    def bare_s() -> float:
        """Time."""
        return 0.0

    with pytest.raises(ValueError, match="cites no source"):
        formula(bare_s)
