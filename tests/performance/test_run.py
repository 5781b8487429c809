"""Whole runs: their laws, and what published runs took."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts import Catalogue, load
from polysilicon.performance import goodput
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.course import Course
from polysilicon.performance.layouts import Layouts
from polysilicon.performance.recipe import Recipe
from polysilicon.performance.run import Run, Upkeep, run_training
from polysilicon.performance.training import estimate_training
from polysilicon.records.errors import InputError, NothingFits
from polysilicon.workloads import Training, describe
from polysilicon.workloads.model import Transformer

H100, A100 = "nvidia-h100-sxm-80gb", "nvidia-a100-sxm-80gb"


def _run(
    catalogue: Catalogue,
    name: str,
    chip: str,
    tokens: float | None,
    shape: tuple[int, int, int],
    upkeep: Upkeep | None = None,
    **cut: float,
) -> Run:
    """`shape` is chips, global batch, sequence."""
    chips, batch, sequence = shape
    model = describe(catalogue, name)
    assert isinstance(model, Transformer)
    task = Training(sequence_length=sequence, global_batch=batch, tokens=tokens)
    made = estimate_training(catalogue, model, task, Cluster.from_catalogue(catalogue, chip, chips), Layouts.one(**cut))
    return run_training(catalogue, model, task, made, upkeep=upkeep)


@pytest.fixture(scope="module")
def herd(catalogue: Catalogue) -> Run:
    """The largest of the Llama 3 herd on 16,384 chips, as its paper trains it on short sequences."""
    cut = {"tp": 8, "pp": 16, "dp": 128, "zero_stage": 2, "sequence_parallel": 1}
    return _run(catalogue, "llama-3.1-405b", H100, 15.6e12, (16_384, 2048, 8192), **cut)


def test_the_parts_of_a_run_sum_to_its_time(herd: Run) -> None:
    parts = sum(getattr(herd.course, name) for name in Course.PARTS)
    assert parts == pytest.approx(herd.course.wall_s, rel=1e-12)


def test_every_figure_lies_inside_its_interval(herd: Run) -> None:
    for name in Run.FIGURES:
        one = getattr(herd, name)
        assert one.low < one.value < one.high, name
    json.dumps(herd.to_dict(), allow_nan=False)


def test_llama_3_was_interrupted_as_often_and_lost_as_little(herd: Run) -> None:
    """419 unexpected interruptions in 54 days on 16,384 chips; more than 90 % effective training time.

    Source: Grattafiori et al. (arXiv 2407.21783), section 3.3.4.
    """
    between_s = 54 * 86_400 / 419
    assert herd.mtbf_s.value == pytest.approx(between_s, rel=0.15)
    assert herd.mtbf_s.low < between_s < herd.mtbf_s.high
    assert herd.effective_share.value > 0.9


def test_megascale_lost_less_than_a_tenth(catalogue: Catalogue) -> None:
    """More than 90 % effective time on more than 10,000 chips. Source: Jiang et al. (arXiv 2402.15627), section 6.3."""
    cut = {"tp": 8, "pp": 8, "dp": 192, "interleave": 6, "sequence_parallel": 1}
    run = _run(catalogue, "gpt-3-175b", A100, 3e11, (12_288, 6144, 2048), **cut)
    assert run.effective_share.low < 0.9 < run.effective_share.high
    assert run.effective_share.value > 0.85


def test_byterobust_kept_97_of_100(catalogue: Catalogue) -> None:
    """97 % effective time over three months on 9,600 chips. Source: Wan et al. (arXiv 2509.16293)."""
    cut = {"tp": 8, "pp": 8, "dp": 150, "interleave": 2, "sequence_parallel": 1}
    run = _run(catalogue, "llama-3.1-70b", H100, 15e12, (9600, 2400, 8192), **cut)
    assert run.effective_share.value == pytest.approx(0.97, abs=0.03)
    assert run.effective_share.low < 0.97 < run.effective_share.high


def test_a_checkpoint_of_405b_is_written_as_fast_as_bytecheckpoint_did(catalogue: Catalogue) -> None:
    """0.59 s of standstill, 51 s until written, on 8,960 chips. Source: Wan et al. (arXiv 2407.20143), table 8."""
    run = _run(catalogue, "llama-3.1-405b", H100, 1e12, (8960, 1120, 8192), tp=8, pp=16, dp=70, sequence_parallel=1)
    assert run.course.stall_s == pytest.approx(0.59, rel=0.25)
    assert run.conditions.saved_bytes / (run.conditions.write_gbs * 1e9) == pytest.approx(51.06, rel=0.1)


def test_more_chips_are_interrupted_more_often_and_lose_more(catalogue: Catalogue) -> None:
    few, many = (_run(catalogue, "llama-3.1-8b", H100, 1e12, (8 * dp, 8 * dp, 8192), tp=8, dp=dp) for dp in (16, 1024))
    assert many.mtbf_s.value == pytest.approx(few.mtbf_s.value / 64)
    assert many.effective_share.value < few.effective_share.value


def test_what_the_user_says_of_the_upkeep_holds(catalogue: Catalogue) -> None:
    ask = ("llama-3.1-8b", H100, 1e12, (1024, 1024, 8192))
    usual = _run(catalogue, *ask, tp=8, dp=128)
    seldom = _run(catalogue, *ask, Upkeep(checkpoint_min=600.0), tp=8, dp=128)
    assert seldom.conditions.interval_s == pytest.approx(36_000, rel=0.01)
    assert seldom.wall_s.value > usual.wall_s.value
    slow = _run(catalogue, *ask, Upkeep(restart_min=240.0, storage_gbs=1.0, blocking=True), tp=8, dp=128)
    assert slow.course.stall_s > usual.course.stall_s
    assert slow.course.restarts_s > usual.course.restarts_s
    bare = _run(catalogue, *ask, Upkeep(spare_nodes=0.0), tp=8, dp=128)
    assert bare.course.waiting_s > usual.course.waiting_s
    assert _run(catalogue, *ask, Upkeep(chip_days=1e9), tp=8, dp=128).course.interruptions < 0.01


def test_a_chip_nobody_observed_has_wider_figures_and_says_so(catalogue: Catalogue) -> None:
    own, other = (
        _run(catalogue, "llama-3.1-8b", chip, 1e12, (64, 256, 8192), tp=8, dp=8) for chip in (H100, "nvidia-h20-96gb")
    )
    assert other.mtbf_s.high / other.mtbf_s.low > own.mtbf_s.high / own.mtbf_s.low
    assert any("of its family" in one for one in other.doubts)


def test_a_run_without_tokens_or_without_an_end_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(InputError, match="token budget"):
        _run(catalogue, "llama-3.1-8b", H100, None, (8, 64, 8192), tp=8, dp=1)
    endless = Upkeep(restart_min=600.0, chip_days=10.0)
    with pytest.raises(NothingFits, match="never ends"):
        _run(catalogue, "llama-3.1-8b", H100, 1e12, (8192, 8192, 8192), endless, tp=8, dp=1024)
    for name in ("checkpoint_min", "storage_gbs", "chip_days"):
        with pytest.raises(InputError, match=name):
            Upkeep(**{name: 0.0})


def test_a_run_that_never_ends_is_told_before_its_spare_nodes_are_counted(catalogue: Catalogue, monkeypatch) -> None:
    """A million broken nodes are a million steps of the count."""
    monkeypatch.setattr(goodput, "spares_needed", None)
    with pytest.raises(NothingFits, match="never ends"):
        _run(catalogue, "mpt-125m", H100, 1e12, (10**7, 10**7, 2048), Upkeep(chip_days=1e-4), dp=10**7)


def test_a_table_of_layouts_gives_the_runs_of_each(catalogue: Catalogue) -> None:
    model = describe(catalogue, "llama-3.1-8b")
    task = Training(sequence_length=8192, global_batch=1024, tokens=1e12)
    cluster = Cluster.from_catalogue(catalogue, H100, 64)
    table = Layouts(tp=np.array([8.0, 4.0, 2.0]), dp=np.array([8.0, 16.0, 32.0]))
    run = run_training(catalogue, model, task, estimate_training(catalogue, model, task, cluster, table))
    for at in range(3):
        alone = table.take(np.array([at]))
        one = run_training(catalogue, model, task, estimate_training(catalogue, model, task, cluster, alone))
        told, alone_told = run.to_dict(at), one.to_dict()
        for name in ("parts", *Run.FIGURES):
            assert told[name] == pytest.approx(alone_told[name])


@settings(max_examples=20, deadline=None)
@given(st.floats(1e10, 1e14), st.integers(1, 10))
def test_twice_the_tokens_take_twice_as_long(tokens: float, times: int) -> None:
    catalogue = load()
    ask = ("llama-3.1-8b", H100)
    one, more = (_run(catalogue, *ask, each, (64, 64, 8192), tp=8, dp=8) for each in (tokens, tokens * times))
    steps = more.conditions.steps / one.conditions.steps
    assert more.wall_s.value == pytest.approx(one.wall_s.value * steps)
    assert more.energy_mwh.value == pytest.approx(one.energy_mwh.value * steps)


def test_frozen_weights_are_not_saved(catalogue: Catalogue) -> None:
    model = describe(catalogue, "llama-3.1-8b")
    task = Training(sequence_length=8192, global_batch=64, tokens=1e9)
    made = estimate_training(catalogue, model, task, Cluster.from_catalogue(catalogue, H100, 8), Layouts.one(tp=8))
    full = run_training(catalogue, model, task, made, Recipe())
    tuned = run_training(catalogue, model, task, made, Recipe(frozen=1.0, adapter_share=0.01))
    assert tuned.conditions.saved_bytes == pytest.approx(0.01 * full.conditions.saved_bytes)
