"""A whole training run: how long a token budget takes, in how many chip-hours, with how much energy, and how sure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.reading import assumed
from polysilicon.facts.record import LOW_CONFIDENCE
from polysilicon.performance import goodput
from polysilicon.performance.course import (
    Conditions,
    Course,
    follow,
    least_interval_s,
    unbroken,
    with_interval,
    with_spares,
)
from polysilicon.performance.failures import Failures, failures_of
from polysilicon.performance.power import ChipPower, busy_s, chip_power
from polysilicon.performance.recipe import Recipe
from polysilicon.performance.states import trained_share
from polysilicon.performance.training import TrainingEstimate
from polysilicon.performance.values import Values
from polysilicon.records.bounded import Bounded, exactly
from polysilicon.records.errors import InputError, NothingFits, Place
from polysilicon.records.units import S_PER_H, S_PER_MIN
from polysilicon.workloads.counts import Shape
from polysilicon.workloads.model import Transformer
from polysilicon.workloads.task import Training

NEVER = 1e-4  # a run that steps for less than this share of its time is called endless


@dataclass(frozen=True)
class Upkeep:
    """How a run is looked after. What is `None` is the catalogue's assumption, or the best choice.

    `checkpoint_min` is the time between checkpoints, `storage_gbs` the rate at which storage takes them, `blocking`
    whether training waits until they are written; `restart_min` is the time from an interruption to the next step;
    `spare_nodes` stand by; `chip_days` is how long one chip works between interruptions.
    """

    checkpoint_min: float | None = None
    storage_gbs: float | None = None
    restart_min: float | None = None
    spare_nodes: float | None = None
    chip_days: float | None = None
    blocking: bool = False

    def __post_init__(self) -> None:
        """Refuse what can't be meant.

        Raises:
            InputError: a figure is below zero, or nought where that divides.
        """
        for one in fields(self):
            value = getattr(self, one.name)
            if value is None or one.name == "blocking":
                continue
            least = 0.0 if one.name in ("restart_min", "spare_nodes") else np.nextafter(0.0, 1.0)
            if not least <= value < 1e12:
                raise InputError(f"{one.name} must be above zero", found=value)


@dataclass(frozen=True)
class Run:
    """A run of a token budget, one entry a candidate; each figure with its 90 % interval.

    The intervals join the step's with those of what happens over a run, in quadrature of logarithms, as they are
    independent; a step's error is the same in every step and does not average out. `interval_s` is the time between
    checkpoints, `spares` the nodes that stand by. `assumed` are the assumptions it rests on, `doubts` what of them is
    of low confidence.
    """

    model: str
    chip: str
    tokens: float
    conditions: Conditions
    course: Course
    wall_s: Bounded
    chip_hours: Bounded
    energy_mwh: Bounded
    effective_share: Bounded
    goodput_share: Bounded
    mtbf_s: Bounded
    failures: Failures
    assumed: tuple[str, ...]
    doubts: tuple[str, ...]
    catalogue_hash: str = ""

    FIGURES = ("wall_s", "chip_hours", "energy_mwh", "effective_share", "goodput_share", "mtbf_s")

    def to_dict(self, at: int = 0) -> dict[str, Any]:
        """What `--json` prints for one candidate."""
        shape = np.shape(self.course.wall_s)

        def one(values: Any) -> float:
            return float(np.ravel(np.broadcast_to(values, shape))[at])

        figures = {
            name: {end: one(getattr(getattr(self, name), end)) for end in ("value", "low", "high")}
            for name in self.FIGURES
        }
        return {
            "model": self.model,
            "chip": self.chip,
            "chips": one(self.conditions.chips),
            "tokens": self.tokens,
            "steps": one(self.conditions.steps),
            **figures,
            "checkpoint_interval_s": one(self.conditions.interval_s),
            "checkpoint_bytes": one(self.conditions.saved_bytes),
            "checkpoint_stall_s": one(self.course.stall_s),
            "interruptions": one(self.course.interruptions),
            "spare_nodes": one(self.conditions.spares),
            "parts": {name: one(getattr(self.course, name)) for name in Course.PARTS},
            "failures": str(self.failures),
            "assumed": list(self.assumed),
            "doubts": list(self.doubts),
            "catalogue": self.catalogue_hash,
        }


# What moves together when a run turns out otherwise than expected: fields of `Conditions`, rising with time.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "step": ("step_s", "busy_s"),
    "failures": ("chip_days",),
    "restarts": ("downtime_s",),
    "storage": ("fixed_s", "snapshot_gbs", "write_gbs"),
    "slowness": ("slowdown",),
    "repairs": ("node_share", "repair_s"),
    "power": ("tdp_w",),
    "busy": ("busy_share",),
    "waiting": ("waiting_share", "idle_share"),
}
# The assumption behind each condition, by the field of `Upkeep` that replaces it where there is one.
ASSUMED: Mapping[str, str] = {
    "restart_min": "interruption-downtime-min",
    "storage_gbs": "checkpoint-write-gbs-per-chip",
    "fixed_s": "checkpoint-stall-s",
    "snapshot_gbs": "checkpoint-snapshot-gbs",
    "slowdown": "run-slowdown-share",
    "node_share": "interruption-node-share",
    "repair_s": "node-repair-h",
}
# Fields of which more is better.
FALLING = ("chip_days", "snapshot_gbs", "write_gbs")


def run_training(
    catalogue: Catalogue,
    model: Transformer,
    task: Training,
    estimate: TrainingEstimate,
    recipe: Recipe | None = None,
    upkeep: Upkeep | None = None,
) -> Run:
    """The run of `task.tokens` tokens with the layouts of an estimate.

    Raises:
        InputError: the task has no token budget, or a checkpoint takes longer to write than the time between two.
        NothingFits: interruptions come faster than the job restarts.
    """
    if task.tokens is None:
        raise InputError("a run needs a token budget", allowed="tokens above zero")
    upkeep = upkeep or Upkeep()
    failures = failures_of(catalogue, estimate.cluster.chip, upkeep.chip_days)
    ground, power = _ground(catalogue, estimate, upkeep), chip_power(catalogue, estimate.cluster.chip)
    ranges = _ranges(estimate, failures, ground, power)
    with np.errstate(over="ignore", invalid="ignore"):
        open_ = _conditions(model, task, estimate, recipe or Recipe(), upkeep, ranges)
        _refuse_hurried(open_, upkeep.checkpoint_min)
        saved = with_interval(open_, upkeep.checkpoint_min)
        # Before the spares: to count them takes the longer the more nodes are broken at a time.
        _refuse_endless(saved, unbroken(saved))
        point = with_spares(saved, upkeep.spare_nodes)
        course = follow(point)
        _refuse_endless(point, course)
        ends = _ends(point, course, ranges, upkeep)
    return Run(
        model=model.name,
        chip=estimate.cluster.chip,
        tokens=task.tokens,
        conditions=point,
        course=course,
        **ends,
        failures=failures,
        assumed=_assumed(catalogue, upkeep),
        doubts=_doubts(estimate, failures, power),
        catalogue_hash=catalogue.hash,
    )


def _refuse_hurried(one: Conditions, checkpoint_min: float | None) -> None:
    """Checkpoints are not begun before the last is written.

    Raises:
        InputError: they would be; says how long one takes.
    """
    least_min = np.min(least_interval_s(one)) / S_PER_MIN
    if checkpoint_min is not None and checkpoint_min < least_min:
        raise InputError(
            "a checkpoint takes longer to write than the time between two",
            place=Place(field="checkpoint_min"),
            found=checkpoint_min,
            allowed=f"at least {np.ceil(1e3 * least_min) / 1e3:g} min",
            remedy="or write them to faster storage, or wait for them",
        )


def _refuse_endless(one: Conditions, course: Course) -> None:
    """A run ends.

    Raises:
        NothingFits: interruptions come faster than the job restarts, or than it saves what it did.
    """
    if np.any(course.effective_share > NEVER):
        return
    often, down, apart = (
        f"{np.min(seconds) / S_PER_MIN:.3g} min" for seconds in (course.mtbf_s, one.downtime_s, one.interval_s)
    )
    raise NothingFits(
        f"interrupted every {often}, stepping again after {down} and saving every {apart}, this run never ends:"
        " use fewer chips, restart sooner, or save more often"
    )


def _ground(catalogue: Catalogue, estimate: TrainingEstimate, upkeep: Upkeep) -> dict[str, Bounded]:
    """What happens over a run, from the user or the catalogue's assumptions."""
    downtime = assumed(catalogue, "interruption-downtime-min") * S_PER_MIN
    write = assumed(catalogue, "checkpoint-write-gbs-per-chip") * exactly(np.asarray(estimate.layouts.chips) * 1.0)
    return {
        "downtime_s": downtime if upkeep.restart_min is None else exactly(upkeep.restart_min * S_PER_MIN),
        "fixed_s": assumed(catalogue, "checkpoint-stall-s"),
        "snapshot_gbs": assumed(catalogue, "checkpoint-snapshot-gbs"),
        "write_gbs": write if upkeep.storage_gbs is None else exactly(upkeep.storage_gbs),
        "slowdown": assumed(catalogue, "run-slowdown-share"),
        "node_share": assumed(catalogue, "interruption-node-share"),
        "repair_s": assumed(catalogue, "node-repair-h") * S_PER_H,
    }


def _ranges(
    estimate: TrainingEstimate, failures: Failures, ground: Mapping[str, Bounded], power: ChipPower
) -> dict[str, Bounded]:
    """Every condition that is not sure, with its 90 % ends."""
    parts = estimate.parts
    busy = busy_s(parts.layers_s, parts.head_s, parts.optimizer_s)
    low, high = np.asarray(estimate.low_s) / estimate.step_s, np.asarray(estimate.high_s) / estimate.step_s
    return {
        "step_s": Bounded(estimate.step_s, estimate.low_s, estimate.high_s),
        "busy_s": Bounded(busy, busy * low, busy * high),
        "chip_days": failures.chip_days,
        **ground,
        "tdp_w": power.tdp_w,
        "busy_share": power.busy_share,
        "waiting_share": power.waiting_share,
        "idle_share": power.idle_share,
    }


def _conditions(
    model: Transformer,
    task: Training,
    estimate: TrainingEstimate,
    recipe: Recipe,
    upkeep: Upkeep,
    ranges: Mapping[str, Bounded],
) -> Conditions:
    cut = estimate.layouts
    chips = np.asarray(cut.chips) * 1.0
    held = trained_share(recipe.frozen, recipe.adapter_share)
    sharded = np.where(np.asarray(cut.zero_stage) > 0.0, chips, np.asarray(cut.tp) * cut.pp)
    return Conditions(
        steps=goodput.steps_of(task.tokens or 0.0, float(task.global_batch), float(task.sequence_length)),
        chips=chips,
        node_size=estimate.cluster.node_size,
        saved_bytes=goodput.saved_bytes(Shape.of(model).weights, recipe.weight_bytes, recipe.optimizer_bytes, held),
        holders=sharded,
        blocking=float(upkeep.blocking),
        **{name: one.value for name, one in ranges.items()},
    )


def _ends(point: Conditions, course: Course, ranges: Mapping[str, Bounded], upkeep: Upkeep) -> dict[str, Bounded]:
    """Each figure with the ends that its independent causes give together, in quadrature of logarithms.

    The interval between checkpoints was decided before; spare nodes are found as they are needed.

    Source: JCGM 100:2008 (GUM), section 5.1.2, for relative uncertainties.
    """
    below: dict[str, Any] = dict.fromkeys(Run.FIGURES, 0.0)
    above: dict[str, Any] = dict.fromkeys(Run.FIGURES, 0.0)
    for group in GROUPS.values():
        one = replace(point, **_moved(ranges, group, lambda r, f: r.high if f in FALLING else r.low))
        other = replace(point, **_moved(ranges, group, lambda r, f: r.low if f in FALLING else r.high))
        ends = [follow(with_spares(end, upkeep.spare_nodes)) for end in (one, other)]
        for name in Run.FIGURES:
            first, second = (np.log(getattr(end, name) / getattr(course, name)) for end in ends)
            below[name] = below[name] + np.minimum(np.minimum(first, second), 0.0) ** 2
            above[name] = above[name] + np.maximum(np.maximum(first, second), 0.0) ** 2
    return {name: _around(getattr(course, name), below[name], above[name], "share" in name) for name in Run.FIGURES}


def _around(value: Any, below: Any, above: Any, is_share: bool) -> Bounded:
    high = value * np.exp(np.sqrt(above))
    return Bounded(value, value * np.exp(-np.sqrt(below)), np.minimum(high, 1.0) if is_share else high)


def _moved(
    ranges: Mapping[str, Bounded], group: tuple[str, ...], end: Callable[[Bounded, str], Any]
) -> dict[str, Values]:
    return {field: end(ranges[field], field) for field in group}


def _assumed(catalogue: Catalogue, upkeep: Upkeep) -> tuple[str, ...]:
    """The assumptions that the user's own figures leave, each with its source."""
    names = [name for field, name in ASSUMED.items() if getattr(upkeep, field, None) is None]
    return tuple(leaf.origin for name in names if (leaf := assumed(catalogue, name).leaf) is not None)


def _doubts(estimate: TrainingEstimate, failures: Failures, power: ChipPower) -> tuple[str, ...]:
    told = [str(one) for one in estimate.doubts]
    if failures.doubtful:
        told.append(str(failures))
    if power.tdp_w.leaf is not None and power.tdp_w.leaf.confidence in LOW_CONFIDENCE:
        told.append(f"{power.tdp_w.leaf.origin} ({power.tdp_w.leaf.confidence})")
    return tuple(told)
