"""How long a question and its answer are under way between users and the site that serves them.

Light in fibre along a route somewhat longer than the great circle. Access networks (radio, the last mile), queues in
routers and the handshakes of a new connection are not in it: what users see is longer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.money import Assumption
from polysilicon.facts.places import Region
from polysilicon.performance.values import Range, Values
from polysilicon.records.errors import InputError, Place
from polysilicon.records.recorder import formula
from polysilicon.records.units import MS_PER_S

EARTH_RADIUS_KM = 6371.0
FIBRE_KM_PER_S = 299_792.458 / 1.468  # light in silica fibre, ITU-T G.652 (group index at 1550 nm)
ROUTE = "network-route-factor"
# Far beyond the longest way round the globe; more is a typing error.
MOST_MS = 60_000.0


@dataclass(frozen=True)
class RoundTrip:
    """`ms` with the ends that the range of the route factor gives: the longest, from `farthest` to its nearest site.

    Of a time that the user gave, the places are empty and both ends are the figure itself.
    """

    ms: Range
    users: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    farthest: str = ""
    site: str = ""


@formula
def great_circle_km(lat_a: Values, lon_a: Values, lat_b: Values, lon_b: Values) -> Values:
    """Distance between two places over the surface of the Earth taken as a sphere; degrees in.

    Source: Sinnott, Virtues of the Haversine, Sky and Telescope 68(2), 1984.
    """
    south, north = np.radians(lat_a), np.radians(lat_b)
    turned = np.radians(lon_b) - np.radians(lon_a)
    half = np.sin((north - south) / 2) ** 2 + np.cos(south) * np.cos(north) * np.sin(turned / 2) ** 2
    distance: Values = 2.0 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0)))
    return distance


@formula
def round_trip_ms(lat_a: Values, lon_a: Values, lat_b: Values, lon_b: Values, route_factor: Values) -> Values:
    """Time of light through fibre from one place to another and back.

    Source: haversine formula; group index of ITU-T G.652 fibre; Bozkurt et al. (arXiv 1811.10737), section 1, for a
    factor on the line of sight.
    """
    return 2.0 * route_factor * great_circle_km(lat_a, lon_a, lat_b, lon_b) / FIBRE_KM_PER_S * MS_PER_S


def between(catalogue: Catalogue, users: Sequence[str], sites: Sequence[str]) -> RoundTrip:
    """The longest round trip of users in these regions, each served by the nearest of the sites.

    Raises:
        UnknownName: no region is called so; says the nearest.
        InputError: no region of users or no site is named, or the route factor states no range.
    """
    if not users or not sites:
        raise InputError("a round trip needs a region that requests come from, and a site")
    factor = catalogue.get(Assumption, ROUTE)
    if factor.low is None or factor.high is None:
        raise InputError(f"the assumption {factor.id} states no range")
    homes, ends = ({one.id: one for one in map(partial(catalogue.get, Region), names)} for names in (users, sites))
    nearest = {name: min((_km(home, end), end.id) for end in ends.values()) for name, home in homes.items()}
    farthest = max(nearest, key=lambda name: nearest[name][0])
    home, end = homes[farthest], ends[nearest[farthest][1]]
    trips = [
        float(round_trip_ms(home.lat, home.lon, end.lat, end.lon, one))
        for one in (factor.value, factor.low, factor.high)
    ]
    return RoundTrip(Range(*trips), tuple(homes), tuple(ends), farthest, end.id)


def _km(one: Region, other: Region) -> float:
    return float(great_circle_km(one.lat, one.lon, other.lat, other.lon))


def told(ms: float) -> RoundTrip:
    """A round trip that the user states.

    Raises:
        InputError: it is below zero or absurd.
    """
    if not 0 <= ms <= MOST_MS:
        place = Place(field="--round-trip-ms")
        raise InputError("is no round trip", place=place, found=ms, allowed=f"0 to {MOST_MS:,.0f} ms")
    return RoundTrip(Range(ms, ms, ms))
