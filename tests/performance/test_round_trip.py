"""Round trips: symmetric, never shorter by a detour over a third place, free where users and chips share a place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.facts.places import Region
from polysilicon.performance.round_trip import between, great_circle_km, round_trip_ms, told
from polysilicon.records.errors import InputError, UnknownName
from polysilicon.records.recorder import citation

PLACES = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


@given(PLACES, PLACES)
def test_a_round_trip_is_the_same_both_ways_and_within_the_globe(one: tuple[float, float], other: tuple[float, float]):
    there, back = round_trip_ms(*one, *other, 1.0), round_trip_ms(*other, *one, 1.0)
    assert there == pytest.approx(back, abs=1e-6)
    assert 0 <= there < 200


@given(PLACES, PLACES, PLACES)
def test_no_way_over_a_third_place_is_shorter(one, other, third):
    straight = great_circle_km(*one, *other)
    assert straight <= great_circle_km(*one, *third) + great_circle_km(*third, *other) + 1e-3


@given(PLACES, st.floats(1, 3))
def test_no_distance_is_free(place: tuple[float, float], factor: float):
    assert round_trip_ms(*place, *place, factor) == pytest.approx(0.0, abs=1e-9)


def test_a_known_distance():
    # London to New York is 5,570 km along the great circle.
    assert round_trip_ms(51.51, -0.13, 40.71, -74.01, 1.0) == pytest.approx(2 * 5570 / 204218 * 1000, rel=0.005)
    assert "1811.10737" in citation(round_trip_ms)


def test_the_farthest_users_set_the_round_trip():
    near, far = "de-frankfurt", "au-sydney"
    trip = between(load(), [near, far], ["nl-eemshaven"])
    assert trip.farthest == far
    assert trip.ms.low < trip.ms.value < trip.ms.high
    assert trip.ms.value > between(load(), [near], ["nl-eemshaven"]).ms.value


@pytest.mark.parametrize("place", ["de-frankfurt", "sg"])
def test_users_at_the_site_wait_for_nothing(place: str):
    assert between(load(), [place], [place]).ms.high == pytest.approx(0.0, abs=1e-9)
    assert load().get(Region, place).lat


@pytest.mark.parametrize("ms", [-1.0, float("nan"), float("inf"), 1e6])
def test_an_absurd_round_trip_is_refused(ms: float):
    with pytest.raises(InputError, match="round-trip"):
        told(ms)


def test_a_place_nobody_knows_is_named_with_its_nearest():
    with pytest.raises(UnknownName, match="de-frankfurt"):
        between(load(), ["de-frankfrut"], ["sg"])
    with pytest.raises(InputError, match="requests come from"):
        between(load(), [], ["sg"])


@given(st.lists(st.sampled_from(load().ids(Region)), min_size=1, max_size=4, unique=True), st.data())
def test_one_more_site_never_lengthens_the_way(places: list[str], data: st.DataObject):
    sites = data.draw(st.lists(st.sampled_from(load().ids(Region)), min_size=1, max_size=3, unique=True))
    more = data.draw(st.sampled_from(load().ids(Region)))
    assert between(load(), places, [*sites, more]).ms.value <= between(load(), places, sites).ms.value
    assert between(load(), places, places).ms.value == pytest.approx(0.0, abs=1e-9)
