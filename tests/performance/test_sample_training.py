import json
from dataclasses import replace

import pytest

from polysilicon.facts.efficiency import Fit
from polysilicon.performance import Cluster
from polysilicon.performance.sample_jobs import SampleLayout, TableLayout, efficiency_for, halves, nearest_that_fits
from polysilicon.performance.sample_training import estimate_samples, unvalidated
from polysilicon.records.errors import InputError
from polysilicon.workloads import describe

EVERY = {"dlrm-dcnv2": 65536, "flux.1-schnell-256": 1024, "stable-diffusion-2": 1024, "bert-large-mlperf": 768}


def cluster(catalogue, chips=8):
    return Cluster.from_catalogue(catalogue, "nvidia-h100-sxm-80gb", chips)


@pytest.mark.parametrize("name", EVERY)
def test_an_estimate_says_how_sure_it_is(catalogue, name):
    made = estimate_samples(catalogue, describe(catalogue, name), EVERY[name], cluster(catalogue))
    assert 0 < made.step_s.low < made.step_s.value < made.step_s.high
    assert made.samples_per_s.value == pytest.approx(EVERY[name] / made.step_s.value)
    assert made.samples_per_s.low == pytest.approx(EVERY[name] / made.step_s.high)
    assert made.samples_per_s_per_chip.value == pytest.approx(made.samples_per_s.value / 8)
    assert json.loads(json.dumps(made.to_dict()))["step_s"]["value"] == made.step_s.value


@pytest.mark.parametrize("name", EVERY)
def test_figures_are_unvalidated_where_the_record_of_their_fit_says_so(catalogue, name):
    made = estimate_samples(catalogue, describe(catalogue, name), EVERY[name], cluster(catalogue))
    assert made.unvalidated == catalogue.get(Fit, f"{made.kind}-all").unvalidated


def test_a_doubt_about_the_fit_of_any_level_counts(catalogue):
    model = describe(catalogue, "flux.1-schnell-256")
    made = estimate_samples(catalogue, model, 1024, cluster(catalogue))
    efficiency = efficiency_for(catalogue, model, cluster(catalogue))
    assert not made.unvalidated
    assert unvalidated(catalogue, replace(efficiency, records=(*efficiency.records, "recommender-all")))


def test_a_published_rate_of_a_recommender_lies_in_the_interval(catalogue):
    # MLPerf's best DLRM-DCNv2 runs train some 2.3 million samples a second on one H100 of eight.
    made = estimate_samples(catalogue, describe(catalogue, "dlrm-dcnv2"), 65536, cluster(catalogue))
    assert made.samples_per_s_per_chip.low < 2.3e6 < made.samples_per_s_per_chip.high


@pytest.mark.parametrize(
    ("name", "cut", "batch", "said"),
    [
        ("stable-diffusion-2", SampleLayout(tp=2), 64, "not cut by tensors or context"),
        ("flux.1-schnell-256", SampleLayout(tp=3), 64, "does not divide"),
        ("flux.1-schnell-256", SampleLayout(dp=4), 64, "leaves chips idle"),
        ("flux.1-schnell-256", SampleLayout(), 4, "a micro-batch for every replica"),
        ("flux.1-schnell-256", SampleLayout(precision="nvfp4"), 64, "nvfp4"),
    ],
)
def test_a_layout_that_can_not_be_run_is_refused(catalogue, name, cut, batch, said):
    with pytest.raises(InputError, match=said):
        estimate_samples(catalogue, describe(catalogue, name), batch, cluster(catalogue), cut)


def test_a_share_is_halved_down_to_one():
    assert halves(24.0) == (24, 12, 6, 3, 2, 1)
    assert halves(0.5) == (1,)


@pytest.mark.parametrize(
    ("name", "batch", "chips", "cut"),
    [
        ("dlrm-dcnv2", 4096, 1, TableLayout(sharding="table")),
        ("flux.1-schnell-256", 256, 64, SampleLayout(zero_stage=0)),
        ("wan-2.1-14b", 64, 64, SampleLayout()),
    ],
)
def test_a_job_that_does_not_fit_says_in_which_layout_it_would(catalogue, name, batch, chips, cut):
    model = describe(catalogue, name)
    made = estimate_samples(catalogue, model, batch, cluster(catalogue, chips), cut)
    assert not made.fits
    other = nearest_that_fits(catalogue, model, batch, cluster(catalogue, chips), cut)
    assert made.instead == other.said()
    assert estimate_samples(catalogue, model, batch, cluster(catalogue, chips), other).fits


def test_a_job_that_fits_in_no_layout_says_so(catalogue):
    made = estimate_samples(catalogue, describe(catalogue, "wan-2.1-14b"), 1, cluster(catalogue, 1))
    assert not made.fits
    assert made.instead is None
