"""What survives a shock: the plan solved again with everything ordered before it kept, and what that costs."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from polysilicon.planning.accounts import met
from polysilicon.planning.instance import Instance, Past
from polysilicon.planning.money import OWN
from polysilicon.planning.programme import build
from polysilicon.planning.solving import Answer, solve
from polysilicon.records.interval import Bools, Floats


@dataclass(frozen=True)
class Blow:
    """What a shock changes from quarter `at` on.

    `delivers` (P, T) says which places still get deliveries and new rents, `price_factor` (P, T) multiplies prices
    by quarter of delivery, `power_kw` are the site caps.
    """

    name: str
    kind: str
    description: str
    at: int
    delivers: Bools
    price_factor: Floats
    power_kw: Floats


@dataclass(frozen=True)
class Survived:
    """The world after a blow: `at_once` without buying again, `after` with; `kept` are the units still in force."""

    blow: Blow
    instance: Instance
    kept: Floats
    lost: Floats
    at_once: Answer
    after: Answer


def strike(instance: Instance, answer: Answer, blow: Blow, *, gap: float, most_s: float, seed: int) -> Survived:
    """Solve again from the blow on, unmet demand allowed at a price above any way of meeting it.

    Share limits are not held after a shock: a vendor that is cut off leaves the others with more than theirs.
    """
    kept, lost = _kept(instance, answer.units, blow)
    struck = _struck(instance, answer, blow, kept)
    programme = build(struck)
    at_once = solve(programme, most_units=kept, gap=gap, most_s=most_s, seed=seed)
    after = solve(programme, gap=gap, most_s=most_s, seed=seed)
    return Survived(blow, struck, kept, lost, at_once, after)


def _ordered(instance: Instance, at: int) -> Bools:
    """Which contracts were signed before the blow, (contract, P, start)."""
    start = np.arange(len(instance.quarters))
    signed = np.broadcast_to(start < at, (3, len(instance.places), len(start))).copy()
    signed[OWN] = start[None, :] - instance.lead[:, None] < at
    return signed


def _kept(instance: Instance, units: Floats, blow: Blow) -> tuple[Floats, Floats]:
    """Units signed before the blow that still come, and those that don't."""
    signed = np.where(_ordered(instance, blow.at), units, 0.0)
    start = np.arange(len(instance.quarters))
    comes = (start < blow.at)[None, None, :] | blow.delivers[None, :, :]
    return np.where(comes, signed, 0.0), np.where(comes, 0.0, signed)


def _struck(instance: Instance, answer: Answer, blow: Blow, kept: Floats) -> Instance:
    later = ~_ordered(instance, blow.at) & blow.delivers[None, :, :]
    start = np.arange(len(instance.quarters))
    dearer = np.where((start >= blow.at)[None, :] & ~_ordered(instance, blow.at)[OWN], blow.price_factor, 1.0)
    caps = dataclasses.replace(instance.caps, power_kw=blow.power_kw, vendor_share=1.0, country_share=1.0)
    return dataclasses.replace(
        instance,
        low=kept,
        most=np.where(later, instance.most, 0.0),
        masks=dict(instance.masks),
        price_factor=instance.price_factor * dearer,
        caps=caps,
        unmet_musd=_unmet_price(instance, answer),
        may_switch_off=True,
        past=Past(quarters=blow.at, use=answer.use[..., : blow.at], ported=answer.ported),
    )


def _unmet_price(instance: Instance, answer: Answer) -> float:
    """A tenth of a task's quarter without service costs as much as the whole plan: dearer than any way to meet it."""
    return 10.0 * max(1.0, abs(answer.objective_musd))


def survival(survived: Survived, answer: Answer) -> dict[str, float]:
    """The fraction of each workload's demand from the blow on that `answer` meets; runs count what was left to do."""
    instance, at = survived.instance, survived.blow.at
    done = met(instance, answer.use)
    by_workload: dict[str, list[tuple[float, float]]] = {}
    for row, task in enumerate(instance.tasks):
        if task.is_run:
            left = 1.0 - float(done[row, :at].sum())
            after = float(done[row, at:].sum())
        else:
            left = float(np.sum(task.demand[at:] > 0))
            after = float(np.minimum(done[row, at:], 1.0).sum())
        if left > 1e-6:
            by_workload.setdefault(task.workload, []).append((min(after, left), left))
    return {name: sum(one for one, _ in rows) / sum(of for _, of in rows) for name, rows in by_workload.items()}
