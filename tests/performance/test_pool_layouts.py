"""The layouts that a pool may take: on all of its chips, or with no more than half of them idle."""

from dataclasses import replace

import numpy as np

from polysilicon.facts import load
from polysilicon.performance.pool_layouts import of_a_stretch, of_the_model
from polysilicon.performance.pools import Seat, pool
from polysilicon.workloads import Training

CATALOGUE = load()
TASK = Training(2048, 64)


def seat(model, chips, batch=64, **fixed):
    return Seat.of(CATALOGUE, model, replace(TASK, global_batch=batch), pool(CATALOGUE, "amd-mi300x", chips, fixed))


def test_a_pool_of_twice_the_chips_may_do_what_half_of_it_does(small):
    half, whole = (of_the_model(seat(small, chips)) for chips in (8, 16))
    assert {8, 16} <= set(np.asarray(whole.chips))
    assert np.asarray(half.chips).max() == 8


def test_a_stretch_of_as_many_stages_as_layers_may_take_half_of_a_pool(small):
    table = of_a_stretch(seat(small, 2 * small.layers, batch=1, tp=1))
    assert small.layers in np.asarray(table.chips)


def test_replicas_are_as_many_as_there_is_room_for_whatever_the_batch_divides_by(small):
    """Of 29 chips, seven replicas of four: a batch of 31 has no such divisor, but a share of it has."""
    table = of_the_model(seat(small, 29, batch=31, tp=4))
    assert 7 in np.asarray(table.dp)[np.asarray(table.pp) == 1]
