"""Whether a result lies inside what was ever validated: how far measured cases reach, and where it goes beyond them.

An optimum is where a model is most tempted to be wrong: the search goes to the corner that no measurement ever saw.
The same quantities and choices are read of the measured cases (`validation.training_domain` writes them down as
records) and of a result. Each is looked at by itself: a result inside may still combine what no case combined.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polysilicon.facts import Catalogue
from polysilicon.facts.domains import Domain
from polysilicon.facts.hardware import Chip
from polysilicon.performance.collectives import ALGORITHMS
from polysilicon.performance.layouts import CONTEXTS, RECOMPUTE, SCHEDULES, Layouts
from polysilicon.performance.recipe import OVERLAPS, Recipe
from polysilicon.performance.values import PRECISIONS, Values
from polysilicon.records.errors import Unsupported
from polysilicon.records.units import GIGA
from polysilicon.workloads.counts import Shape
from polysilicon.workloads.model import LinearAttention, Transformer

Mask = NDArray[np.bool_]
BF16 = float(PRECISIONS.index("bf16"))


@dataclass(frozen=True)
class Asked:
    """What was run, or is asked about: each a number or a column with one entry a candidate.

    `simplified` says what of the model is computed otherwise than by what it is taken for.
    """

    shape: Shape
    sequence: Values
    layouts: Layouts
    recipe: Recipe
    simplified: tuple[str, ...] = ()


@dataclass(frozen=True)
class Quantity:
    """Something that measured cases have more or less of, and how an amount of it is said."""

    of: Callable[[Asked], Values]
    said: Callable[[float], str]


Rule = Callable[[Asked], Any]


def refuse_unmodelled(model: Transformer) -> None:
    """Refuse a model whose training no formula here counts.

    Raises:
        Unsupported: its attention reads compressed entries, whose forward and backward work is unlike any counted.
    """
    if model.compressed is not None:
        what = "compressed attention" + (" and hyper-connections" if model.streams > 1 else "")
        raise Unsupported(f"{model.name}: training with {what} is not modelled yet; serving is")


def simplified(model: Transformer, sequence: int) -> tuple[str, ...]:
    """What a step of training takes for something else: attention that reads less than all, or keeps a state."""
    told = []
    if model.index is not None and sequence > model.index.tokens:
        read = f"{model.index.tokens:,} of {sequence:,} tokens"
        told.append(f"sparse attention, which reads {read}: counted as if it read all, and no measured case")
    if isinstance(model.linear, LinearAttention) and model.linear_layers:
        share = f"{model.linear_layers} of {model.layers} layers"
        told.append(f"linear attention in {share}: counted as state spaces were measured, and no measured case")
    return tuple(told)


def _degree(name: str) -> Quantity:
    return Quantity(lambda asked: getattr(asked.layouts, name), lambda value: f"{name.replace('_', ' ')} {value:,.0f}")


QUANTITIES: Mapping[str, Quantity] = {
    "chips": Quantity(lambda asked: asked.layouts.chips, lambda value: f"{value:,.0f} chips"),
    "sequence": Quantity(lambda asked: asked.sequence, lambda value: f"a sequence of {value:,.0f} tokens"),
    "billion_weights": Quantity(
        lambda asked: np.asarray(asked.shape.weights) / GIGA, lambda value: f"{value:,.3g} billion weights"
    ),
    **{name: _degree(name) for name in ("tp", "pp", "cp", "ep", "interleave", "micro_batch")},
}


def _coded(values: Values, code: int) -> Any:
    return np.asarray(values) == float(code)


def _positive(values: Values) -> Any:
    return np.asarray(values) > 0.0


def _replicas(cut: Layouts) -> Any:
    return np.asarray(cut.dp) * cut.cp


def _is(column: str, code: int) -> Rule:
    """Whether a column of the layout holds this choice."""
    return lambda asked: _coded(getattr(asked.layouts, column), code)


def _splits(stage: int) -> Rule:
    """Whether ZeRO works at this stage, where there are replicas to split over."""
    return lambda asked: _coded(asked.layouts.zero_stage, stage) & (_replicas(asked.layouts) > 1.0)


def _some(name: str) -> Rule:
    """Whether a share of the layout, or a switch of the recipe, is above nought."""
    return lambda asked: _positive(getattr(asked.layouts if hasattr(Layouts, name) else asked.recipe, name))


def _gathers(code: int) -> Rule:
    """Whether collectives run by this algorithm."""
    return lambda asked: _coded(asked.recipe.algorithm, code)


def _other(name: str, usual: Callable[[Asked], Values]) -> Rule:
    """Whether a precision is said that is not the usual one."""
    return lambda asked: (
        (np.asarray(getattr(asked.recipe, name)) >= 0.0) & (np.asarray(getattr(asked.recipe, name)) != usual(asked))
    )


# What a recipe or layout chooses, in words, and which candidates choose it.
CHOICES: Mapping[str, Rule] = {
    **{one: _is("precision", code) for code, one in enumerate(PRECISIONS)},
    **{f"ZeRO-{stage}": _splits(stage) for stage in range(4)},
    "a ZeRO group smaller than the replicas": lambda asked: (
        _positive(asked.layouts.shard) & (np.asarray(asked.layouts.shard) < _replicas(asked.layouts))
    ),
    "sequence parallelism": lambda asked: (
        _positive(asked.layouts.sequence_parallel) & (np.asarray(asked.layouts.tp) > 1.0)
    ),
    **{f"{one} recomputation": _is("recompute", code) for code, one in enumerate(RECOMPUTE) if code},
    "recomputation of some layers": lambda asked: (
        _positive(asked.layouts.recompute) & (np.asarray(asked.layouts.recomputed_share) < 1.0)
    ),
    "zero-bubble schedule": _is("schedule", SCHEDULES.index("zero_bubble")),
    "all-to-all context parallelism": lambda asked: (
        _coded(asked.layouts.context, CONTEXTS.index("all_to_all")) & (np.asarray(asked.layouts.cp) > 1.0)
    ),
    "a tensor degree of the experts' own": lambda asked: (
        _positive(asked.layouts.expert_tp) & (np.asarray(asked.layouts.expert_tp) != asked.layouts.tp)
    ),
    "optimizer offload": _some("offload_optimizer"),
    "activation offload": _some("offload_activations"),
    "weight offload": _some("offload_weights"),
    "experts": lambda asked: _positive(asked.shape.experts),
    "uneven experts": lambda asked: np.asarray(asked.recipe.imbalance) != 1.0,
    "a capacity factor": _some("capacity_factor"),
    "frozen weights": _some("frozen"),
    "weights in fewer than eight bits": lambda asked: (
        _positive(asked.recipe.weight_bytes) & (np.asarray(asked.recipe.weight_bytes) < 1.0)
    ),
    "2:4 sparsity": _some("sparse"),
    "layers kept in 16 bits": _some("wide_share"),
    "a backward pass in another precision": _other("backward_precision", lambda asked: asked.layouts.precision),
    "attention in another precision than bf16": _other("attention_precision", lambda asked: BF16),
    "adapters beside attention alone": _some("attention_adapters"),
    "inputs of activations kept in 8 bits": _some("narrow_activations"),
    "dropout": _some("dropout"),
    "kept hand-overs of pipeline stages": _some("kept_boundaries"),
    "states of whole tensors": lambda asked: (
        _positive(asked.recipe.whole_tensors)
        & (np.asarray(asked.layouts.zero_stage) == 1.0)
        & (np.asarray(asked.layouts.dp) * asked.layouts.cp > 1.0)
    ),
    "recomputation of every second product": _some("by_operator"),
    "narrow weights alone": _some("narrow_weights"),
    "tuning by the vendor": _some("vendor_tuned"),
    "unfused attention": lambda asked: ~_positive(asked.recipe.fused_attention),
    "captured graphs": _some("graphs"),
    "launches that wait": _some("blocking"),
    "two micro-batches at once": _some("dual_batch"),
    "tokens sent once to each chip": _some("sent_once"),
    "feed-forward blocks computed again": _some("feed_forward_again"),
    "recomputation that stops at what gradients need": lambda asked: (
        _positive(asked.recipe.lean_recompute)
        & (np.asarray(asked.layouts.recompute) == RECOMPUTE.index("full"))
        & ~_positive(asked.shape.experts)
    ),
    "the whole step in one graph": _some("whole_graphs"),
    "further tokens predicted": _some("predicted_ahead"),
    "samples packed into a sequence": lambda asked: np.isfinite(asked.recipe.sample_tokens),
    "layers with a state": lambda asked: _positive(asked.shape.scan_values),
    "overlap other than fitted": lambda asked: np.any([_said(asked, name) for name in OVERLAPS], axis=0),
    "a sequence dealt out in order": lambda asked: (
        ~_positive(asked.recipe.balanced_context) & (np.asarray(asked.layouts.cp) > 1.0)
    ),
    **{f"{one.replace('_', '-')} collectives": _gathers(code) for code, one in enumerate(ALGORITHMS) if code},
}


def _said(asked: Asked, name: str) -> Any:
    return np.asarray(getattr(asked.recipe, name)) >= 0.0 * np.ones(len(asked.layouts))


def columns(asked: Asked) -> tuple[dict[str, NDArray[np.float64]], dict[str, Mask]]:
    """Every quantity, and every choice as a mask, with one entry a candidate."""
    width = len(asked.layouts)
    amounts = {name: np.broadcast_to(one.of(asked), width) for name, one in QUANTITIES.items()}
    return amounts, {name: np.broadcast_to(one(asked), width) for name, one in CHOICES.items()}


def ran_as(asked: Asked) -> list[str]:
    """What utilisation is compared within: the precision of the products, and whether weights are frozen.

    A frozen weight needs no gradient, so that a count of whole training overstates what was done.
    """
    width = len(asked.layouts)
    codes = np.broadcast_to(asked.layouts.precision, width).astype(int)
    frozen = np.broadcast_to(_positive(asked.recipe.frozen), width)
    return [PRECISIONS[code] + ", frozen weights" * bool(fixed) for code, fixed in zip(codes, frozen, strict=True)]


def outside(catalogue: Catalogue, chip_id: str, asked: Asked, mfu_pct: Values) -> tuple[tuple[str, ...], ...]:
    """For each candidate the reasons why it lies outside what was validated; none where it lies inside.

    Quantities and choices are held against the measured cases of every chip, and where these reach so far against
    those of the chip's family; utilisation against the best that the chip, else its family, else any chip was
    measured at.

    Raises:
        UnknownName: no chip is called so.
    """
    chip = catalogue.get(Chip, chip_id)
    known = recorded(catalogue, "training")
    levels = [(known.get(("all", "all")), ""), (known.get(("family", chip.family)), f" on {chip.family}")]
    found: list[list[str]] = [list(asked.simplified) for _ in range(len(asked.layouts))]
    told = [(why, np.ones(len(found), bool)) for why in unseen(chip, known)]
    amounts, choices = columns(asked)
    told += [one for name, values in amounts.items() for one in _beyond(name, values, levels)]
    told += [one for name, mask in choices.items() for one in _never(name, mask, levels)]
    for why, mask in told:
        for at in np.flatnonzero(mask):
            found[at].append(why)
    best = [one for key in (("chip", chip.id), ("family", chip.family), ("all", "all")) if (one := known.get(key))]
    reached = np.broadcast_to(mfu_pct, len(found))
    for reasons, what, mfu in zip(found, ran_as(asked), reached, strict=True):
        reasons += _too_good(what, float(mfu), best)
    return tuple(tuple(reasons) for reasons in found)


def recorded(catalogue: Catalogue, room: str) -> dict[tuple[str, str], Domain]:
    """How far the measured cases of a room reach, by level and what it applies to."""
    return {(one.level, one.applies_to): one for one in catalogue.every(Domain) if one.room == room}


def unseen(chip: Chip, known: Mapping[tuple[str, str], Domain]) -> Iterator[str]:
    """What is said of a chip that no case was measured on."""
    if ("chip", chip.id) not in known:
        family = known.get(("family", chip.family))
        kin = f", {family.cases:,.0f} on others of {chip.family}" if family else " nor on any of its family"
        yield f"{chip.id}: no measured case{kin}"


def _beyond(
    name: str, values: NDArray[np.float64], levels: list[tuple[Domain | None, str]]
) -> Iterator[tuple[str, Mask]]:
    """Amounts that no case reaches, at the widest level that none does."""
    left = np.ones(len(values), bool)
    for domain, where in levels:
        if domain is None or name not in domain.reach:
            continue
        low, high = domain.reach[name]
        for value in np.unique(values[left & ((values < low) | (values > high))]):
            word, end = ("largest", high) if value > high else ("smallest", low)
            yield f"{QUANTITIES[name].said(value)}: {word} measured{where} {end:,.6g}", left & (values == value)
        left = left & (values >= low) & (values <= high)


def _never(name: str, mask: Mask, levels: list[tuple[Domain | None, str]]) -> Iterator[tuple[str, Mask]]:
    """A choice that no case makes, at the widest level that none does."""
    for domain, where in levels:
        if domain is not None and not domain.choices.get(name) and np.any(mask):
            yield f"{name}: no measured case{where}", mask
            return


def _too_good(what: str, mfu_pct: float, domains: list[Domain]) -> Iterator[str]:
    """A utilisation above the best that was measured."""
    for one in domains:
        if what in one.best_mfu_pct:
            best = one.best_mfu_pct[what]
            where = "" if one.level == "all" else f" on {one.applies_to}"
            if mfu_pct > best:
                yield f"MFU {mfu_pct:.1f} %: best measured{where} in {what} {best:.1f} %"
            return
