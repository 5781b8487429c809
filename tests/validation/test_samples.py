"""Rows of recommenders, diffusion models and encoders: every one answered, and the bars of their rooms kept."""

import numpy as np
import pytest

from polysilicon.facts import load
from polysilicon.facts.efficiency import Fit
from polysilicon.validation.fit_record import SAMPLES_LEFT_OUT, read_left_out
from polysilicon.validation.sample_cases import KINDS, convergence
from polysilicon.validation.training import validate

CATALOGUE = load()
ROOM = {"diffusion": "diffusion", "encoder": "encoder", "dlrm": "recommender"}


@pytest.fixture(scope="module")
def scores():
    return [one for one in validate(CATALOGUE) if one.kind in KINDS]


def test_nearly_every_figure_is_predicted_and_the_others_say_why(scores):
    without = [one for one in scores if one.predicted is None]
    assert all(one.why for one in scores if one.status != "ok")
    assert len(without) < 0.12 * len(scores)
    assert not [one for one in scores if "not modelled yet" in one.why]


def test_the_predicted_lies_inside_its_interval(scores):
    assert all(one.low <= one.predicted <= one.high for one in scores if one.predicted is not None)


@pytest.mark.parametrize("kind", ROOM)
def test_a_kind_keeps_the_bar_on_rows_never_fitted_or_says_that_it_is_unvalidated(scores, kind):
    rows = [one for one in scores if one.kind == kind and one.error_pct is not None and one.status != "implausible"]
    unseen = [one for one in rows if not one.fitted]
    error = np.median([abs(one.error_pct) for one in unseen])
    inside = np.mean([one.low <= one.measured <= one.high for one in unseen])
    assert unseen
    assert (error <= 30 and inside >= 0.8) or CATALOGUE.get(Fit, f"{ROOM[kind]}-all").unvalidated
    assert np.median([abs(one.error_pct) for one in rows]) <= 15


def test_a_room_that_counts_as_validated_keeps_the_bar_on_sources_left_out(scores):
    kinds = {one.case_id: one.kind for one in scores}
    left = read_left_out(SAMPLES_LEFT_OUT)
    assert {kinds[one.case_id] for one in left} <= set(ROOM)
    for kind, room in ROOM.items():
        mine = [one for one in left if kinds[one.case_id] == kind]
        if CATALOGUE.get(Fit, f"{room}-all").unvalidated:
            continue
        assert len({one.source for one in mine}) >= 2
        assert np.median([abs(one.error_pct) for one in mine]) <= 30
        assert np.mean([one.low <= one.measured <= one.high for one in mine]) >= 0.8
    assert not CATALOGUE.get(Fit, "diffusion-all").unvalidated


def test_a_time_to_train_follows_from_the_reference_runs(scores):
    times = [one for one in scores if one.quantity == "time_to_train_min" and one.error_pct is not None]
    assert len(times) > 60
    assert np.median([abs(one.error_pct) for one in times]) <= 15


def test_reference_runs_answer_up_to_their_largest_batch_and_by_the_year():
    one = convergence("stable-diffusion-2", 2024, 512)
    assert one.least <= one.samples <= one.most
    assert convergence("stable-diffusion-2", 2025, 512).samples < one.samples
    middle = convergence("stable-diffusion-2", 2024, 1536).samples
    assert (
        convergence("stable-diffusion-2", 2024, 1024).samples
        < middle
        < convergence("stable-diffusion-2", 2024, 2048).samples
    )
    assert convergence("stable-diffusion-2", 2024, 64) == convergence("stable-diffusion-2", 2024, 256)
    assert convergence("stable-diffusion-2", 2024, 4096) is None
    assert convergence("no-such-benchmark", 2024, 512) is None


def table(tmp_path, *rows):
    path = tmp_path / "own.csv"
    head = "case_id,model,kind,chip_id,chips,global_batch,seq_len,precision,tp,metric,value,step_time_s"
    path.write_text("\n".join([head, *rows, ""]))
    return {one.case_id: one for one in validate(CATALOGUE, path)}


def test_a_users_own_rows_need_no_kind(tmp_path):
    found = table(
        tmp_path,
        "rank,dlrm-dcnv2,,nvidia-h100-sxm-80gb,8,65536,,bf16,,,,0.004",
        "paint,stable-diffusion-2,,nvidia-h100-sxm-80gb,8,256,,bf16,,samples_per_s,1100,",
        "read,bert-large,,nvidia-h100-sxm-80gb,8,768,,fp8,,,,0.1",
    )
    assert {one.status for one in found.values()} == {"ok"}
    assert found["paint"].quantity == "samples_per_s"
    assert found["paint"].low < 1100 < found["paint"].high


def test_a_row_that_can_not_be_meant_says_so(tmp_path):
    found = table(
        tmp_path,
        "short,bert-large-phase-2,encoder,nvidia-h100-sxm-80gb,8,768,128,bf16,,,,0.1",
        "cut,stable-diffusion-2,diffusion,nvidia-h100-sxm-80gb,8,256,,bf16,2,,,0.1",
        "silent,stable-diffusion-2,diffusion,nvidia-h100-sxm-80gb,8,,,bf16,,,,0.1",
        "strange,llama-3.1-8b,diffusion,nvidia-h100-sxm-80gb,8,256,,bf16,,,,0.1",
        "unknown,no-such-model,dlrm,nvidia-h100-sxm-80gb,8,256,,bf16,,,,0.1",
        "mute,stable-diffusion-2,diffusion,nvidia-h100-sxm-80gb,8,256,,bf16,,,,",
        "thin,dlrm-dcnv2,dlrm,nvidia-h100-sxm-80gb,8,4,,bf16,,,,0.1",
    )
    assert {name: one.status for name, one in found.items()} == {
        "short": "implausible",
        "cut": "unsupported",
        "silent": "underspecified",
        "strange": "unsupported",
        "unknown": "unsupported",
        "mute": "unsupported",
        "thin": "unsupported",
    }
    assert "512 tokens" in found["short"].why
    assert all(one.why for one in found.values())
