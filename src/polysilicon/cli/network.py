"""Where users are and where they are served: options of every command whose latency targets count the network."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cyclopts import Parameter

from polysilicon.cli.options import PLACE

if TYPE_CHECKING:
    from polysilicon.facts import Catalogue
    from polysilicon.performance.round_trip import RoundTrip


@Parameter(name="*", group=PLACE)
@dataclass(frozen=True)
class Network:
    """The way between users and the chips, which latency targets count.

    Attributes
    ----------
    users
        A region that requests come from (`polysilicon facts list region`); give the option again for more.
    site
        A region where chips stand; give the option again for more, and users go to the nearest.
    round_trip_ms
        The round trip itself, where it is known.
    """

    users: list[str] | None = None
    site: list[str] | None = None
    round_trip_ms: float | None = None

    def trip(self, known: "Catalogue") -> "RoundTrip | None":
        """The longest round trip; `None` where nothing is said of the network.

        Raises:
            InputError: a place is not said, unknown, or said beside a round trip.
        """
        from polysilicon.cli.options import needs
        from polysilicon.performance.round_trip import between, told
        from polysilicon.records.errors import InputError, Place

        if self.round_trip_ms is not None:
            if self.users or self.site:
                option = "--users" if self.users else "--site"
                raise InputError(
                    "and --round-trip-ms both say how far users are", place=Place(field=option), remedy="give one"
                )
            return told(self.round_trip_ms)
        needs(
            (bool(self.users) and not self.site, "--users", "--site, a region where the chips stand"),
            (bool(self.site) and not self.users, "--site", "--users, a region that requests come from"),
        )
        return between(known, self.users, self.site) if self.users and self.site else None
