"""What was learned as a facts file: a chip, its efficiency at the level of that chip, and where it all comes from."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import yaml

from polysilicon.facts import Catalogue
from polysilicon.facts.catalogue import load
from polysilicon.facts.efficiency import Fit
from polysilicon.facts.hardware import Chip
from polysilicon.performance.curves import Silicon
from polysilicon.performance.efficiency import efficiency_of
from polysilicon.performance.measuring.forms import curve_name, priors
from polysilicon.performance.measuring.kernels import ATTENTIONS, MODES, PRODUCTS, STREAMS
from polysilicon.performance.measuring.learned import Learned
from polysilicon.performance.values import PEAK_FIELD, Values
from polysilicon.records.errors import InputError, Place
from polysilicon.records.units import GIB, GIGA, MEGA, TERA

NAME = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")
# Beyond this share of distrusted timings the machine was too busy to call the result measured.
MOST_DISTRUSTED = 1.0 / 3.0
# No measured peak is known better than this.
PEAK_ERROR = 0.02


@dataclass(frozen=True)
class Rooms:
    """Parameters of the estimators' own rooms, with the interval that their distance from the timed curves leaves."""

    parameters: Mapping[str, float]
    low_ratio: float
    high_ratio: float
    cases: int


@dataclass(frozen=True)
class Subject:
    """Whose timings these are: the id of the chip, the device as it calls itself, the day, the software."""

    id: str
    described: str
    device_class: str
    day: str
    torch: str
    clock: str
    memory_bytes: float
    ours: bool = False
    rooms: Mapping[str, Rooms] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """The key of the source that every value cites."""
        return f"measured-{self.id}"


def checked_id(name: str) -> str:
    """The id, where it is one.

    Raises:
        InputError: it holds something else than small letters, digits, dashes and dots.
    """
    if not NAME.fullmatch(name):
        raise InputError(
            "is no id", place=Place(field="--id"), found=name, allowed="small letters and digits, joined by - or ."
        )
    return name


def confidence(learned: Learned) -> str:
    """How far the figures can be trusted: less where most samples of many timings disagreed."""
    timed = sum(len(one.timings) for one in learned.known.values()) + learned.distrusted
    return "measured" if learned.distrusted <= MOST_DISTRUSTED * max(timed, 1) else "estimate"


def written(subject: Subject, learned: Learned) -> str:
    """The facts file as text; `load` reads it back."""
    lines = [
        "# Written by `polysilicon measure`; run it again instead of editing. Lay it over the catalogue with --facts.",
        "# Behind each parameter: its 90 % interval.",
        "sources:",
        f"  {subject.source}:",
        f"    title: {_text(f'Kernels timed on {subject.described} with PyTorch {subject.torch}')}",
        "    publisher: you",
        "    url: null",
        f"    read: {subject.day}",
    ]
    # A chip that the catalogue knows keeps its own figures: shares were learned of those.
    if not subject.ours:
        lines += ["chips:", f"  {subject.id}:", *_indented(4, _chip(subject, learned))]
    lines.append("efficiency:")
    lines += [f"  {subject.id}-operators:", *_indented(4, _operators(subject, learned))]
    for room, found in subject.rooms.items():
        lines += [f"  {subject.id}-{room}:", *_indented(4, _room(subject, learned, room, found))]
    return "\n".join(lines) + "\n"


def _head(subject: Subject, learned: Learned) -> list[str]:
    return [f"from: [{subject.source}]", f"confidence: {confidence(learned)}", f"date: {subject.day}"]


def _chip(subject: Subject, learned: Learned) -> list[str]:
    silicon = learned.silicon
    error = max(PEAK_ERROR, learned.spread)
    peaks = {PEAK_FIELD[one]: float(value) / TERA for one, value in silicon.peak_flop_per_s.items()}
    measured = peaks | {"memory_bw_gbs": float(silicon.memory_bytes_per_s) / GIGA}
    return [
        *_head(subject, learned),
        f"name: {_text(subject.described)}",
        "vendor: unknown  # fill in, to have it judged and priced",
        "vendor_country: unknown  # fill in",
        "status: shipping",
        "segment: workstation",
        f"device_class: {subject.device_class}",
        f"compute_units: {float(silicon.units):g}",
        *(
            f"{name}: {{value: {one:.6g}, low: {one:.6g}, high: {one * (1.0 + error):.6g}}}"
            for name, one in measured.items()
        ),
        f"sram_mb: {float(silicon.cache_bytes) / MEGA:.6g}",
        *(
            [f"memory_gb: {subject.memory_bytes / GIB:.4g}", "memory_convention: binary"]
            if subject.memory_bytes
            else []
        ),
        "scaleup_domain: 1",
        "notes: >-",
        "  Peaks are the best rate that any product reached, in PyTorch; the bandwidth is that of a long addition.",
    ]


def _operators(subject: Subject, learned: Learned) -> list[str]:
    lines = [
        *_head(subject, learned),
        "room: operators",
        "level: chip",
        f"applies_to: {subject.id}",
        f"cases: {sum(len(one.timings) for one in learned.known.values())}",
        "notes: >-",
        f"  Eager PyTorch {subject.torch} in {learned.dtype}, read by the {subject.clock} clock.",
        f"  {learned.timings} timings in {learned.spent_s:.0f} s, {learned.distrusted} of them not trusted.",
        "  Only `polysilicon measure --check` reads these parameters.",
        "parameters:",
    ]
    sure = learned.intervals()
    for name, value in learned.parameters().items():
        ends = f"  # {sure[name][1]:.3g} to {sure[name][2]:.3g}" if name in sure else ""
        lines.append(f"  {name}: {float(value):.7g}{ends}")
    for name, rate in learned.transfers.items():
        lines.append(f"  link.{name}_gbs: {rate / GIGA:.4g}")
    return lines


def _room(subject: Subject, learned: Learned, room: str, found: Rooms) -> list[str]:
    return [
        *_head(subject, learned),
        f"room: {room}",
        "level: chip",
        f"applies_to: {subject.id}",
        f"cases: {found.cases}",
        f"low_ratio: {found.low_ratio:.4g}",
        f"high_ratio: {found.high_ratio:.4g}",
        "notes: Fitted to whole jobs as the timed kernels predict them; one chip alone, eager PyTorch.",
        "parameters:",
        *(f"  {name}: {value:.5g}" for name, value in found.parameters.items()),
    ]


def _text(words: str) -> str:
    """Words of the device's maker as one YAML scalar."""
    return yaml.safe_dump(words, width=10_000, allow_unicode=True, default_style='"').strip()


def _indented(by: int, lines: Iterable[str]) -> list[str]:
    return [" " * by + one for one in lines]


@dataclass(frozen=True)
class Read:
    """What a facts file says of the kernels of one chip."""

    chip: Chip
    dtype: str
    parameters: Mapping[str, Values]
    silicon: Silicon


def read(catalogue: Catalogue, chip_id: str | None = None) -> Read:
    """The kernels of the chip that the user's file measured, or of the one called `chip_id`.

    Raises:
        InputError: the file measured none, several and none is named, or lacks parameters of it.
    """
    theirs = [one for one in catalogue.every(Fit) if one.theirs and one.room == "operators" and one.level == "chip"]
    if chip_id is not None:
        theirs = [one for one in theirs if one.applies_to == catalogue.get(Chip, chip_id).id]
    if len(theirs) != 1:
        raise InputError(
            "the file holds no measured chip" if not theirs else "the file holds several measured chips",
            found=[one.applies_to for one in theirs] or None,
            remedy="`polysilicon measure` writes one" if not theirs else "say which with --id",
        )
    fit = theirs[0]
    dtypes = {name.split(".")[1] for name in fit.parameters if name.startswith("stream.")}
    if len(dtypes) != 1:
        raise InputError(f"{fit.id}: no format that streams were timed in", found=sorted(dtypes))
    dtype, chip = dtypes.pop(), catalogue.get(Chip, fit.applies_to)
    silicon = Silicon.of(catalogue, chip.id)
    lacking = [name for name in _needed(dtype, silicon) if name not in fit.parameters]
    if lacking:
        place = Place(fit.theirs, field=f"efficiency.{fit.id}.parameters.{lacking[0]}")
        raise InputError("is missing", place=place, remedy="measure again: every kind of kernel is predicted")
    return Read(chip, dtype, efficiency_of(catalogue, chip.id, "operators").parameters, silicon)


def _needed(dtype: str, silicon: Silicon) -> list[str]:
    """Every parameter that a prediction of whole steps reads."""
    kernels = [
        f"{curve_name(dtype, kind)}.{name}"
        for kind in (*PRODUCTS, *ATTENTIONS, *STREAMS)
        for name in priors(kind, silicon)
    ]
    return kernels + [f"step.{dtype}.{mode}.{name}" for mode in MODES for name in ("stretch", "layer_s")]


def known_silicon(name: str, device_class: str) -> Silicon | None:
    """The figures of a chip that the catalogue knows already; `None` for a new id.

    Raises:
        InputError: it is no chip of the class of the device that is to be timed.
    """
    catalogue = load()
    if name not in catalogue.ids(Chip):
        return None
    of_class(catalogue.get(Chip, name), device_class, Place(field="--id"))
    return Silicon.of(catalogue, name)


def of_class(chip: Chip, device_class: str, place: Place) -> None:
    """Times of a CPU say nothing of an accelerator, nor the other way round; accelerators go by several classes.

    Raises:
        InputError: only one of the two is a CPU.
    """
    if (chip.device_class == "cpu") != (device_class == "cpu"):
        raise InputError(
            f"{chip.id} is of another class than the device that is timed",
            place=place,
            found=chip.device_class,
            allowed=device_class,
            remedy="say with --device which device it is",
        )


def rounded(values: Mapping[str, Values]) -> dict[str, float]:
    """Parameters as plain numbers."""
    return {name: float(np.asarray(value)) for name, value in values.items()}
