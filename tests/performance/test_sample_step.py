"""What every estimate of a step over images or texts obeys."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.performance import Cluster
from polysilicon.performance.efficiency import Efficiency
from polysilicon.performance.sample_jobs import SampleLayout, job_for
from polysilicon.performance.sample_rates import sample_rates
from polysilicon.performance.sample_step import SampleJob, sample_memory, sample_parts
from polysilicon.performance.sample_training import estimate_samples
from polysilicon.workloads import describe
from polysilicon.workloads.samples import sample_work

CATALOGUE = load()
MODELS = ("stable-diffusion-2", "flux.1-schnell-256", "wan-2.1-14b", "bert-large-mlperf")
CHIPS = ("nvidia-h100-sxm-80gb", "google-tpu-v5p", "intel-gaudi2", "nvidia-gb200")
POWER = st.sampled_from([1, 2, 4, 8])


@st.composite
def jobs(draw):
    """A job of any of the models on any of the chips."""
    name = draw(st.sampled_from(MODELS))
    tp = 1 if name.startswith("stable") else draw(POWER)
    cp = 1 if name.startswith("stable") else draw(st.sampled_from([1, 2]))
    dp, micro = draw(POWER), draw(st.sampled_from([1, 2]))
    cluster = Cluster.from_catalogue(CATALOGUE, draw(st.sampled_from(CHIPS)), tp * cp * dp)
    cut = SampleLayout(
        tp=tp, cp=cp, micro_batch=micro, zero_stage=draw(st.sampled_from([0, 1, 2, 3])), recompute=draw(st.booleans())
    )
    job, _ = job_for(CATALOGUE, describe(CATALOGUE, name), 64, cluster, cut)
    return job, cluster


def step(job):
    return float(sample_parts(job)["step_s"])


@given(jobs())
def test_the_parts_sum_to_the_step_and_the_kinds_to_the_memory(asked):
    job, _ = asked
    for whole, figures in (("step_s", sample_parts(job)), ("memory_bytes", sample_memory(job))):
        rest = [float(value) for name, value in figures.items() if name != whole]
        assert min(rest) >= 0
        assert sum(rest) == pytest.approx(float(figures[whole]), rel=1e-12)


@given(jobs(), st.sampled_from(["memory_bytes_per_s", "scaleup_bytes_per_s", "scaleout_bytes_per_s"]))
def test_more_bandwidth_never_slows(asked, name):
    job, cluster = asked
    faster = replace(cluster, **{name: 2.0 * getattr(cluster, name)})
    rates = sample_rates(faster, job.efficiency, 2.0, (job.rates.scaleup_latency_s, job.rates.scaleout_latency_s))
    assert step(replace(job, rates=rates)) <= step(job) * (1 + 1e-12)


@given(jobs())
def test_twice_the_batch_takes_longer_but_at_most_twice_as_long(asked):
    job, _ = asked
    assert step(job) < step(replace(job, global_batch=2 * job.global_batch)) <= 2 * step(job) * (1 + 1e-9)


@given(jobs(), st.sampled_from([0.0, 1.0, 2.0]))
def test_a_higher_zero_stage_never_takes_more_memory(asked, stage):
    job, _ = asked
    lower, higher = (sample_memory(replace(job, zero_stage=one))["memory_bytes"] for one in (stage, stage + 1.0))
    assert higher <= lower


@given(jobs())
def test_computing_again_takes_time_and_gives_memory(asked):
    job, _ = asked
    plain, again = replace(job, recomputed=0.0), replace(job, recomputed=1.0)
    assert step(again) > step(plain)
    assert sample_memory(again)["memory_bytes"] <= sample_memory(plain)["memory_bytes"]


@given(jobs(), jobs())
def test_a_table_of_jobs_is_its_jobs(one, other):
    both = [one[0], other[0]]
    names = "global_batch", "tp", "cp", "dp", "micro_batch", "zero_stage", "recomputed", "node_size", "reserve_bytes"
    columns = {name: np.array([float(getattr(job, name)) for job in both]) for name in names}
    rates = type(both[0].rates)(
        **{name: np.array([float(getattr(job.rates, name)) for job in both]) for name in vars(both[0].rates)}
    )
    work = type(both[0].work).stack([job.work for job in both])
    efficiency = Efficiency.stack([job.efficiency for job in both])
    table = SampleJob(work=work, rates=rates, efficiency=efficiency, **columns)
    assert sample_parts(table)["step_s"] == pytest.approx([step(job) for job in both], rel=1e-12)


def test_one_chip_alone_is_its_roofline():
    model = describe(CATALOGUE, "stable-diffusion-2")
    cluster = Cluster.from_catalogue(CATALOGUE, "nvidia-h100-sxm-80gb", 1)
    job, _ = job_for(CATALOGUE, model, 8, cluster, SampleLayout())
    parts = sample_parts(job)
    assert parts["tensor_s"] == parts["context_s"] == parts["data_s"] == 0
    flop = 8 * sample_work(model).product_flop * 3
    assert parts["products_s"] == pytest.approx(flop / job.rates.product_flop_per_s)


def test_a_model_that_does_not_fit_is_sharded_until_it_does():
    cluster = Cluster.from_catalogue(CATALOGUE, "nvidia-h100-sxm-80gb", 64)
    video, again = describe(CATALOGUE, "wan-2.1-14b"), SampleLayout(recompute=True)
    made = estimate_samples(CATALOGUE, video, 128, cluster, again)
    whole = estimate_samples(CATALOGUE, video, 128, cluster, replace(again, zero_stage=0))
    assert made.fits
    assert made.layout["zero_stage"] > 1
    assert not whole.fits
