"""What a layout must keep to be run at all: each constraint, where a table breaks it, and how that is said."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polysilicon.performance.cluster import Cluster
from polysilicon.performance.layouts import CONTEXTS, SCHEDULES, Layouts
from polysilicon.performance.pipeline import stage_layers
from polysilicon.performance.space import divisors
from polysilicon.workloads.model import Transformer
from polysilicon.workloads.task import Training

ALL_TO_ALL, ZERO_BUBBLE = float(CONTEXTS.index("all_to_all")), float(SCHEDULES.index("zero_bubble"))


@dataclass(frozen=True)
class Limits:
    """What a model, a task and a cluster leave to choose from."""

    layers: int
    heads: int
    experts: int
    sequence: int
    batch: int
    chips: int

    @classmethod
    def of(cls, model: Transformer, task: Training, cluster: Cluster) -> "Limits":
        """The limits of one job."""
        chips = int(np.max(cluster.chips))
        return cls(model.layers, model.heads, model.experts, task.sequence_length, task.global_batch, chips)


@dataclass(frozen=True)
class Constraint:
    """One condition: where a table breaks it, and for one candidate what it found and what it allows."""

    name: str
    problem: str
    broken: Callable[[Limits, Layouts], Any]
    found: Callable[[Layouts], str]
    allowed: Callable[[Limits, Layouts], str]


def _uneven(whole: Any, part: Any) -> Any:
    return np.remainder(whole, np.maximum(part, 1.0)) > 0.0


def _expert_degree(cut: Layouts) -> Any:
    return np.where(np.asarray(cut.expert_tp) > 0.0, cut.expert_tp, cut.tp)


def _expert_ranks(cut: Layouts) -> Any:
    """Ranks that may hold different experts."""
    return np.asarray(cut.dp) * cut.cp * cut.tp / np.maximum(_expert_degree(cut), 1.0)


def single(value: Any) -> int:
    """The whole number that a table of one candidate holds in a column."""
    return int(np.ravel(value)[0])


def _said(cut: Layouts, *names: str) -> str:
    return ", ".join(f"{name} {single(getattr(cut, name))}" for name in names)


def _of(number: int, most: int) -> str:
    """The divisors of a number, those up to `most`."""
    return ", ".join(str(one) for one in divisors(number) if one <= most)


def _share(limits: Limits, cut: Layouts) -> int:
    """Sequences of one replica of a table of one."""
    return limits.batch // single(cut.dp)


def _virtual(limits: Limits, cut: Layouts) -> str:
    """How many virtual stages each stage of a table of one may have."""
    deep = single(cut.pp)
    if deep == 1:
        return "pp above 1"
    longest = int(stage_layers(limits.layers, deep))
    return f"divisors of the {longest} layers of the longest stage: {_of(longest, longest)}"


def _rounds(limits: Limits, cut: Layouts) -> Any:
    """Micro-batches of one replica."""
    return limits.batch / (np.asarray(cut.dp) * cut.micro_batch)


CONSTRAINTS = (
    Constraint(
        "chips",
        "the layout asks for more chips than the cluster has",
        lambda limits, cut: np.asarray(cut.chips) > limits.chips,
        lambda cut: f"{_said(cut, 'tp', 'pp', 'dp', 'cp')}: {single(cut.chips)} chips",
        lambda limits, cut: f"at most {limits.chips} chips",
    ),
    Constraint(
        "heads",
        "the attention heads do not divide by the tensor-parallel degree",
        lambda limits, cut: _uneven(limits.heads, cut.tp),
        lambda cut: _said(cut, "tp"),
        lambda limits, cut: f"divisors of {limits.heads} heads: {_of(limits.heads, limits.chips)}",
    ),
    Constraint(
        "context heads",
        "all-to-all context parallelism shares out heads, and they do not divide by tp * cp",
        lambda limits, cut: (
            (np.asarray(cut.context) == ALL_TO_ALL) & _uneven(limits.heads, np.asarray(cut.tp) * cut.cp)
        ),
        lambda cut: _said(cut, "tp", "cp"),
        lambda limits, cut: f"tp * cp that divides {limits.heads} heads, or a ring",
    ),
    Constraint(
        "sequence",
        "the sequence does not divide by the context-parallel degree",
        lambda limits, cut: _uneven(limits.sequence, cut.cp),
        lambda cut: _said(cut, "cp"),
        lambda limits, cut: f"divisors of {limits.sequence} tokens: {_of(limits.sequence, limits.chips)}",
    ),
    Constraint(
        "sequence parallelism",
        "sequence parallelism cuts the tokens of a rank by tp, and they do not divide",
        lambda limits, cut: (
            (np.asarray(cut.sequence_parallel) > 0.0) & _uneven(limits.sequence, np.asarray(cut.tp) * cut.cp)
        ),
        lambda cut: _said(cut, "tp", "cp"),
        lambda limits, cut: f"tp * cp that divides {limits.sequence} tokens, or no sequence parallelism",
    ),
    Constraint(
        "layers",
        "the pipeline is deeper than the model has layers",
        lambda limits, cut: np.asarray(cut.pp) > limits.layers,
        lambda cut: _said(cut, "pp"),
        lambda limits, cut: f"at most {limits.layers} stages",
    ),
    Constraint(
        "virtual stages",
        "virtual stages need a pipeline whose longest stage they cut into whole layers",
        lambda limits, cut: (
            (np.asarray(cut.interleave) > 1.0)
            & ((np.asarray(cut.pp) == 1.0) | _uneven(stage_layers(limits.layers, cut.pp), cut.interleave))
        ),
        lambda cut: _said(cut, "pp", "interleave"),
        lambda limits, cut: f"interleave 1, or {_virtual(limits, cut)}",
    ),
    Constraint(
        "zero-bubble",
        "the zero-bubble schedule (ZB-H1) has no virtual stages",
        lambda limits, cut: (np.asarray(cut.schedule) == ZERO_BUBBLE) & (np.asarray(cut.interleave) > 1.0),
        lambda cut: _said(cut, "interleave"),
        lambda limits, cut: "interleave 1, or schedule 1f1b",
    ),
    Constraint(
        "batch",
        "the global batch does not divide by the replicas",
        lambda limits, cut: _uneven(limits.batch, cut.dp),
        lambda cut: _said(cut, "dp"),
        lambda limits, cut: f"divisors of {limits.batch} sequences: {_of(limits.batch, limits.chips)}",
    ),
    Constraint(
        "micro-batch",
        "a replica's share of the global batch does not divide by the micro-batch",
        lambda limits, cut: _uneven(limits.batch / np.asarray(cut.dp), cut.micro_batch),
        lambda cut: _said(cut, "dp", "micro_batch"),
        lambda limits, cut: f"divisors of {_share(limits, cut)} sequences: {_of(_share(limits, cut), limits.batch)}",
    ),
    Constraint(
        "rounds",
        "the interleaved schedule needs micro-batches in whole rounds of pp",
        lambda limits, cut: (np.asarray(cut.interleave) > 1.0) & _uneven(_rounds(limits, cut), cut.pp),
        lambda cut: _said(cut, "dp", "micro_batch", "pp"),
        lambda limits, cut: "batch / dp / micro_batch a multiple of pp, or interleave 1",
    ),
    Constraint(
        "experts' tensor degree",
        "the tensor degree of the experts does not divide that of the model",
        lambda limits, cut: _uneven(cut.tp, cut.expert_tp) | (np.asarray(cut.expert_tp) > cut.tp),
        lambda cut: _said(cut, "tp", "expert_tp"),
        lambda limits, cut: f"0 (as tp), {_of(single(cut.tp), single(cut.tp))}",
    ),
    Constraint(
        "experts' tokens",
        "experts of another tensor degree than the model's need their tokens shared out by sequence parallelism",
        lambda limits, cut: (
            (limits.experts > 0) & (_expert_degree(cut) != cut.tp) & (np.asarray(cut.sequence_parallel) == 0.0)
        ),
        lambda cut: _said(cut, "tp", "expert_tp", "sequence_parallel"),
        lambda limits, cut: "sequence_parallel 1, or expert_tp 0",
    ),
    Constraint(
        "experts",
        "the experts do not divide by the expert-parallel degree",
        lambda limits, cut: (np.asarray(cut.ep) > 1.0) & (_uneven(limits.experts, cut.ep) | (limits.experts == 0)),
        lambda cut: _said(cut, "ep"),
        lambda limits, cut: (
            f"divisors of {limits.experts} experts: {_of(limits.experts, limits.chips)}"
            if limits.experts
            else "1: the model has no experts"
        ),
    ),
    Constraint(
        "expert ranks",
        "the ranks that share out experts do not divide by the expert-parallel degree",
        lambda limits, cut: _uneven(_expert_ranks(cut), cut.ep),
        lambda cut: _said(cut, "ep", "dp", "cp", "tp", "expert_tp"),
        lambda limits, cut: f"divisors of dp * cp * tp / expert_tp: {_of(single(_expert_ranks(cut)), limits.chips)}",
    ),
    Constraint(
        "shard group",
        "the group that states are split over does not divide the replicas, or no ZeRO stage splits any",
        lambda limits, cut: (
            (np.asarray(cut.shard) > 0.0)
            & (_uneven(np.asarray(cut.dp) * cut.cp, cut.shard) | (np.asarray(cut.zero_stage) == 0.0))
        ),
        lambda cut: _said(cut, "shard", "dp", "cp", "zero_stage"),
        lambda limits, cut: (
            f"0 (all), or with ZeRO divisors of dp * cp: {_of(single(cut.dp) * single(cut.cp), limits.chips)}"
        ),
    ),
)


def first_broken(limits: Limits, layouts: Layouts) -> NDArray[np.int_]:
    """For each candidate the place in `CONSTRAINTS` of the first one it breaks, or -1 where it can be run."""
    shape = np.broadcast_shapes(*(np.shape(getattr(layouts, one.name)) for one in fields(layouts)))
    found = np.full(shape, -1)
    for place, one in reversed(list(enumerate(CONSTRAINTS))):
        found = np.where(one.broken(limits, layouts), place, found)
    return found
