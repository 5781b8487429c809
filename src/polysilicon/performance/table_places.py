"""Where a recommender's embedding tables lie while it serves: in the chips' memory, their hosts', or CXL memory."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.performance.hosts import Side, link_gbs, ranged
from polysilicon.records.errors import InputError, Place
from polysilicon.records.units import GIGA

End = Literal["value", "worst", "best"]
PLACES = ("hbm", "host", "cxl")
# Which end of a bandwidth's range, and of a size's, serves as usual, least and most.
ENDS: dict[End, tuple[Side, Side]] = {"value": ("value", "value"), "worst": ("low", "high"), "best": ("high", "low")}
# The option that states each bandwidth.
BANDWIDTHS = {"host_gbs": "--host-gbs", "link_gbs": "--host-link-gbs", "cxl_gbs": "--cxl-gbs"}
# Beyond any bandwidth that a host's memory will have for one chip.
MOST_GBS = 100_000.0


@dataclass(frozen=True)
class Tables:
    """`hbm_hits` is the share of look-ups that hit rows kept in HBM as well; bandwidths are of one chip's share.

    A bandwidth that is `None` is what the catalogue states or assumes of hosts; for CXL memory no record states one.
    """

    place: Literal["hbm", "host", "cxl"] = "hbm"
    hbm_hits: float | None = None
    host_gbs: float | None = None
    link_gbs: float | None = None
    cxl_gbs: float | None = None

    def __post_init__(self) -> None:
        if self.place not in PLACES:
            raise InputError("tables can't lie there", found=self.place, allowed=list(PLACES))
        if self.hbm_hits is not None and not 0 <= self.hbm_hits <= 1:
            place = Place(field="--hbm-hits")
            raise InputError("is no share of look-ups", place=place, found=self.hbm_hits, allowed="0 to 1")
        for name, option in BANDWIDTHS.items():
            value = getattr(self, name)
            if value is not None and not 0 < value <= MOST_GBS:
                place = Place(field=option)
                raise InputError("is no bandwidth", place=place, found=value, allowed=f"above 0, to {MOST_GBS:,.0f}")

    @property
    def far(self) -> bool:
        """Whether the tables lie beyond the chips."""
        return self.place != "hbm"

    @property
    def near_hits(self) -> float:
        """Share of the look-ups that the chip's own memory answers: all of them, or those of the rows it keeps too."""
        return (self.hbm_hits or 0.0) if self.far else 1.0


@dataclass(frozen=True)
class Settled:
    """Where tables lie, in figures: `far` is 1 beyond the chip; hits, bandwidths there, bytes of an embedding value."""

    far: float
    near_hits: float
    far_hits: float
    far_bytes_per_s: float
    link_bytes_per_s: float
    element_bytes: float


def settled(catalogue: Catalogue, tables: Tables, chip: str, end: End = "value") -> Settled:
    """What the formulas read of `chip`, from what the user says, its record and the assumptions.

    The assumptions have their values, or one end of their ranges.

    Raises:
        InputError: the tables lie in CXL memory, whose bandwidth nobody states.
    """
    slow, large = ENDS[end]
    size = ranged(catalogue, "embedding-bytes-serving", large)
    if not tables.far:
        return Settled(0.0, 1.0, 0.0, np.inf, np.inf, size)
    link = tables.link_gbs or link_gbs(catalogue, chip, slow)
    if tables.place == "host":
        read = tables.host_gbs or ranged(catalogue, "host-memory-gbs", slow)
    elif tables.cxl_gbs is not None:
        read = tables.cxl_gbs
    else:
        raise InputError(
            "no record states what CXL memory a host has, nor its bandwidth",
            place=Place(field="--tables"),
            found="cxl",
            remedy="give --cxl-gbs, the GB/s of it for one chip",
        )
    return Settled(1.0, tables.near_hits, 1.0 - tables.near_hits, read * GIGA, link * GIGA, size)


def unknowns(tables: Tables) -> tuple[str, ...]:
    """What an answer for tables beyond the chips leaves open, because no record states it."""
    if not tables.far:
        return ()
    kind = "host" if tables.place == "host" else "CXL"
    told = [f"{kind} memory of a system: its capacity is unknown, so whether the tables fit there is yours to know"]
    if tables.hbm_hits is None:
        told.append("the share of look-ups that rows kept in HBM would answer: taken as none; --hbm-hits says it")
    elif tables.hbm_hits:
        told.append("the HBM that the rows kept there take: it depends on how unequal look-ups are")
    return tuple(told)
