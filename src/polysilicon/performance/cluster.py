"""A number of equal chips and the levels of network between them, as the formulas need them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.catalogue import require, stated
from polysilicon.facts.hardware import Chip, System
from polysilicon.facts.money import Assumption
from polysilicon.facts.record import LOW_CONFIDENCE, Record
from polysilicon.performance.fabric import Fabric, shape_of
from polysilicon.performance.values import PEAK_FIELD, PRECISIONS, Values
from polysilicon.records.errors import InputError, Place
from polysilicon.records.units import BITS_PER_BYTE, GIB, GIGA, TERA

# Classes of chips whose operands software stages in memory on the chip.
STAGED = ("tpu", "npu")
# The matrix rate in 16 bits for each unit that takes exponentials, where no record tells it.
USUAL_UNIT = "unit-tflops"
# So many sources of a value are named; `facts show` lists them all.
SOURCES_NAMED = 2


@dataclass(frozen=True)
class Reading:
    """One value that was read from a record: enough to show where it came from."""

    field: str
    record: str
    value: float
    confidence: str
    sources: tuple[str, ...]

    @property
    def doubtful(self) -> bool:
        """Whether the value rests on a low-confidence source."""
        return self.confidence in LOW_CONFIDENCE

    def __str__(self) -> str:
        named = ", ".join(self.sources[:SOURCES_NAMED])
        more = len(self.sources) - SOURCES_NAMED
        others = f" and {more} more" if more > 0 else ""
        return f"{self.record}: {self.field} = {self.value:g} ({self.confidence}; {named}{others})"


@dataclass(frozen=True)
class Cluster:
    """`chips` equal chips. Every figure is of one chip; rates are SI a second, bandwidths one direction.

    The scale-up domain (NVLink, HCCS, ICI, ...) holds `scaleup_domain` chips; beyond it each chip has its share
    of the node's network cards. `on_bus` is 1 where no fabric joins the chips of a host but its bus does, `scratchpad`
    where software stages operands in memory on the chip instead of a cache (TPUs and NPUs). `unit_flop_per_s` is the
    matrix rate in 16 bits for each compute unit that takes the usual exponentials.
    `peak_flop_per_s` is dense matrix throughput by precision; a precision the chip has no units for is absent.
    `sparse_gain` is how much faster products with a weight pruned two of four run: 1 where the chip's record states no
    such peak. `fabric` is the shape of the networks, neutral where no record states it. Figures may be arrays: then the
    cluster is a column of clusters, one a candidate.
    """

    chip: str
    chips: Values
    peak_flop_per_s: Mapping[str, Values]
    memory_bytes: Values
    memory_bytes_per_s: Values
    scaleup_bytes_per_s: Values
    scaleup_domain: Values
    scaleout_bytes_per_s: Values
    node_size: Values
    on_bus: Values = 0.0
    scratchpad: Values = 0.0
    unit_flop_per_s: Values = 0.0
    family: str = ""
    device_class: str = ""
    system: str = ""
    sparse_gain: Values = 1.0
    fabric: Fabric = field(default_factory=Fabric)
    readings: tuple[Reading, ...] = field(default=(), compare=False)

    @classmethod
    def from_catalogue(
        cls, catalogue: Catalogue, name: str, chips: float, overrides: Mapping[str, float] | None = None
    ) -> "Cluster":
        """A cluster of `chips` chips of the chip or system called `name`.

        A system's own link and network figures come before its chip's. `overrides` replaces fields of the
        chip record by the user's figures, in that record's units, and fields of `Fabric`.

        Raises:
            UnknownName: neither a chip nor a system is called so.
            InputError: a figure the formulas need is unknown, the number of chips is not positive, or they have no
                network between them.
        """
        if not chips > 0:
            raise InputError("a cluster needs at least one chip", found=chips, allowed="a number above 0")
        system = catalogue.get(System, name) if _is_system(catalogue, name) else None
        chip = catalogue.get(Chip, name if system is None else stated(system, "chip_id"))
        reader = _Reader(chip, system, dict(overrides or {}))
        domain = reader.read("scaleup_domain", 1.0)
        usual = catalogue.get(Assumption, "chips-per-node")
        node = reader.read("chips", domain if usual.value <= domain <= (usual.high or domain) else usual.value)
        # A chip alone sends nothing, so a link that no source states is no reason to refuse it.
        scaleup = reader.read("scaleup_bw_gbs") / 2 * GIGA if min(domain, chips) > 1 else np.inf
        if not scaleup > 0:
            raise InputError(
                f"{chip.id} has no bandwidth inside its scale-up domain of {domain:g} chips",
                place=Place(field="scaleup_bw_gbs"),
                found=scaleup,
                allowed="above 0, or a scaleup_domain of 1",
            )
        on_bus = domain < node and chips > 1
        if on_bus:
            # Chips of one host that no fabric joins talk through its bus, and the slowest hop sets the pace.
            bus = catalogue.get(Assumption, "host-bus-gbs")
            scaleup, domain = bus.value * GIGA, node
            reader.readings.append(Reading("value", bus.id, bus.value, bus.confidence, bus.sources))
        scaleout = reader.scaleout_gbps() / BITS_PER_BYTE * GIGA if chips > domain else scaleup
        if not scaleout > 0:
            beyond = f"{chip.id} has no network beyond its {domain:g} chips"
            raise InputError(beyond, found=chips, allowed=f"at most {domain:g} chips")
        return cls(
            chip=chip.id,
            chips=float(chips),
            peak_flop_per_s=reader.peaks(),
            memory_bytes=reader.read("memory_gb") * (GIB if chip.memory_convention == "binary" else GIGA),
            memory_bytes_per_s=reader.read("memory_bw_gbs") * GIGA,
            scaleup_bytes_per_s=scaleup,
            scaleup_domain=domain,
            scaleout_bytes_per_s=scaleout,
            node_size=node,
            on_bus=float(on_bus),
            family=chip.family,
            device_class=chip.device_class,
            scratchpad=float(chip.device_class in STAGED),
            unit_flop_per_s=_unit_flop_per_s(catalogue, chip),
            system=system.id if system else "",
            sparse_gain=reader.read("sparse_gain", 1.0),
            fabric=reader.fabric(),
            readings=tuple(reader.readings),
        )

    @classmethod
    def within_reach(cls, catalogue: Catalogue, name: str, chips: float) -> "Cluster":
        """As `from_catalogue`, with no more chips than a domain or host has where no network beyond it is known.

        Raises:
            UnknownName, InputError: as `from_catalogue` of one chip.
        """
        try:
            return cls.from_catalogue(catalogue, name, chips)
        except InputError:
            pair = cls.from_catalogue(catalogue, name, min(chips, 2))
            return cls.from_catalogue(catalogue, name, min(chips, float(pair.scaleup_domain)))

    @classmethod
    def stack(cls, clusters: Sequence["Cluster"]) -> "Cluster":
        """Clusters as one column of clusters; a precision that one of them lacks is NaN there."""

        def column(name: str) -> Values:
            return np.array([getattr(cluster, name) for cluster in clusters], float)

        peaks = {one: np.array([each.peak_flop_per_s.get(one, np.nan) for each in clusters]) for one in PRECISIONS}
        return cls(
            chip="",
            chips=column("chips"),
            peak_flop_per_s=peaks,
            memory_bytes=column("memory_bytes"),
            memory_bytes_per_s=column("memory_bytes_per_s"),
            scaleup_bytes_per_s=column("scaleup_bytes_per_s"),
            scaleup_domain=column("scaleup_domain"),
            scaleout_bytes_per_s=column("scaleout_bytes_per_s"),
            node_size=column("node_size"),
            on_bus=column("on_bus"),
            scratchpad=column("scratchpad"),
            unit_flop_per_s=column("unit_flop_per_s"),
            sparse_gain=column("sparse_gain"),
            fabric=Fabric.stack([cluster.fabric for cluster in clusters]),
        )

    def peak(self, precision: str) -> Values:
        """Dense matrix FLOP/s of one precision.

        Raises:
            InputError: the chip has no peak for it; the message says which it has.
        """
        peak = self.peak_flop_per_s.get(precision, np.nan)
        if np.any(np.isnan(peak)):
            known = [one for one, value in self.peak_flop_per_s.items() if not np.any(np.isnan(value))]
            raise InputError(
                f"{self.chip or 'a chip'} states no dense matrix peak for {precision}", found=precision, allowed=known
            )
        return peak

    @property
    def doubts(self) -> tuple[Reading, ...]:
        """The figures that rest on low-confidence sources, each once: one peak may stand for several precisions."""
        return tuple(dict.fromkeys(one for one in self.readings if one.doubtful))


@dataclass
class _Reader:
    """Reads figures from the user's overrides, then the system, then the chip, and notes each."""

    chip: Chip
    system: System | None
    overrides: dict[str, float]
    readings: list[Reading] = field(default_factory=list)

    def read(self, name: str, otherwise: float | None = None) -> float:
        own = {"scaleup_bw_gbs": "scaleup_bw_per_chip_gbs"}.get(name, name)
        if name in self.overrides:
            self.readings.append(Reading(name, self.chip.id, self.overrides[name], "user", ("user",)))
            return self.overrides[name]
        if self.system is not None and getattr(self.system, own, None) is not None:
            return self._noted(self.system, own)
        if otherwise is not None and getattr(self.chip, name, None) is None:
            return otherwise
        require(self.chip, name)
        return self._noted(self.chip, name)

    def scaleout_gbps(self) -> float:
        """Network bandwidth of one chip [Gbit/s, one direction]."""
        if "scaleout_nic_gbps" not in self.overrides and self.system is not None:
            total, chips = self.system.scaleout_total_gbps, self.system.chips
            if total and chips:
                return self._noted(self.system, "scaleout_total_gbps") / chips
        return self.read("scaleout_nic_gbps")

    def fabric(self) -> Fabric:
        """The shape of the networks: the system's own words, then what the user says."""
        shape: dict[str, float] = {}
        if self.system is not None and self.system.scaleup_topology is not None:
            shape = shape_of(self.system.scaleup_topology)
            origin = self.system.origin("scaleup_topology")
            self.readings += [
                Reading(name, self.system.id, value, str(origin.confidence), origin.sources)
                for name, value in shape.items()
            ]
        said = {one.name: self.overrides[one.name] for one in fields(Fabric) if one.name in self.overrides}
        self.readings += [Reading(name, self.chip.id, value, "user", ("user",)) for name, value in said.items()]
        return Fabric(**(shape | said))

    def peaks(self) -> dict[str, float]:
        peaks: dict[str, float] = {}
        for precision, name in PEAK_FIELD.items():
            if name in self.overrides or getattr(self.chip, name) is not None:
                peaks[precision] = self.read(name) * TERA
        # A chip whose table states one 16-bit matrix rate runs both 16-bit formats at it.
        for one, other in (("bf16", "fp16"), ("fp16", "bf16")):
            if one not in peaks and other in peaks:
                peaks[one] = peaks[other]
        return peaks

    def _noted(self, record: Record, name: str) -> float:
        origin = record.origin(name)
        value = float(getattr(record, name))
        self.readings.append(Reading(name, record.id, value, str(origin.confidence), origin.sources))
        return value


def every_cluster(catalogue: Catalogue, chips: float) -> tuple[list[Cluster], list[str]]:
    """A cluster of `chips`, or as many as are joined, of every chip that ships; those whose records lack a figure."""
    found: list[Cluster] = []
    left: list[str] = []
    for chip in catalogue.every(Chip):
        if chip.status != "shipping":
            continue
        try:
            found.append(Cluster.within_reach(catalogue, chip.id, chips))
        except InputError:
            left.append(chip.id)
    return found, left


def _unit_flop_per_s(catalogue: Catalogue, chip: Chip) -> float:
    """The matrix rate in 16 bits beside the usual exponentials of a compute unit: a GPU's own, else as is usual."""
    rate = chip.bf16_tflops or chip.fp16_tflops
    if chip.device_class != "gpu" or not rate or not chip.compute_units:
        return float(catalogue.get(Assumption, USUAL_UNIT).value) * TERA
    return rate * TERA / chip.compute_units / (chip.exponential_gain or 1.0)


def _is_system(catalogue: Catalogue, name: str) -> bool:
    return name in catalogue.ids(System)
