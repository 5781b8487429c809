"""Recommenders and diffusion transformers: unvalidated, with wide intervals, but with the right algebra."""

from dataclasses import replace

import pytest

from polysilicon.facts import load
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.diffusion import diffusion_serving
from polysilicon.performance.recommender import recommender_serving
from polysilicon.records.errors import InputError
from polysilicon.workloads import Diffusion, Recommender, UNet, describe


def recommender() -> Recommender:
    model = describe(load(), "dlrm-dcnv2")
    assert isinstance(model, Recommender)
    return model


def painter() -> Diffusion:
    model = describe(load(), "flux.1-dev")
    assert isinstance(model, Diffusion)
    return model


def cluster(chips: int = 8) -> Cluster:
    return Cluster.from_catalogue(load(), "nvidia-h100-sxm-80gb", chips)


def test_every_figure_says_that_it_is_unvalidated_and_is_wide() -> None:
    for found in (
        recommender_serving(load(), recommender(), cluster()),
        diffusion_serving(load(), painter(), cluster()),
    ):
        rate = found.samples_per_s_per_chip
        assert found.unvalidated
        assert 0 < rate.low < rate.value < rate.high
        assert rate.high / rate.low >= 4
        assert found.to_dict()["unvalidated"]


def test_tables_spread_over_more_chips_take_less_of_each() -> None:
    few, many = (recommender_serving(load(), recommender(), cluster(chips)) for chips in (2, 8))
    assert many.memory_gib < few.memory_gib


def test_a_unet_is_served_too() -> None:
    model = describe(load(), "stable-diffusion-2")
    assert isinstance(model, UNet)
    assert diffusion_serving(load(), model, cluster()).samples_per_s_per_chip.value > 0


def test_more_bandwidth_never_slows_a_sample() -> None:
    chips = cluster()
    fast = replace(chips, memory_bytes_per_s=2 * chips.memory_bytes_per_s)
    assert (
        recommender_serving(load(), recommender(), fast).bound_s
        < recommender_serving(load(), recommender(), chips).bound_s
    )


def test_twice_the_steps_take_twice_as_long() -> None:
    model = painter()
    once = diffusion_serving(load(), model, cluster())
    twice = diffusion_serving(load(), replace(model, steps=2 * model.steps), cluster())
    assert twice.bound_s == pytest.approx(2 * once.bound_s)


@pytest.mark.parametrize("batch", [0, -1])
def test_an_empty_batch_is_refused(batch: int) -> None:
    with pytest.raises(InputError, match="at least one sample"):
        recommender_serving(load(), recommender(), cluster(), batch)
