"""What becomes of a training run whose conditions are known: where its time goes, its chip-hours and its energy."""

from dataclasses import dataclass, replace

import numpy as np

from polysilicon.performance import goodput
from polysilicon.performance.power import run_energy_mwh, step_energy_j
from polysilicon.performance.values import Values
from polysilicon.records.units import S_PER_MIN

SHORT = 0.01  # spares are counted so that a job waits for repairs no more than this share of its time


@dataclass(frozen=True)
class Conditions:
    """Everything a run's formulas read, each a number or a column; `interval_s` and `spares` are decided last."""

    steps: Values
    step_s: Values
    busy_s: Values
    chips: Values
    node_size: Values
    saved_bytes: Values
    holders: Values
    chip_days: Values
    downtime_s: Values
    fixed_s: Values
    snapshot_gbs: Values
    write_gbs: Values
    blocking: Values
    slowdown: Values
    node_share: Values
    repair_s: Values
    tdp_w: Values
    busy_share: Values
    waiting_share: Values
    idle_share: Values
    interval_s: Values = np.nan
    spares: Values = np.nan


@dataclass(frozen=True)
class Course:
    """Where the time of a run goes [s], summing to `wall_s`, and what else follows."""

    wall_s: Values
    steps_s: Values
    slow_s: Values
    checkpoints_s: Values
    repeated_s: Values
    restarts_s: Values
    waiting_s: Values
    mtbf_s: Values
    interruptions: Values
    stall_s: Values
    effective_share: Values
    goodput_share: Values
    chip_hours: Values
    energy_mwh: Values

    PARTS = ("steps_s", "slow_s", "checkpoints_s", "repeated_s", "restarts_s", "waiting_s")


def follow(one: Conditions) -> Course:
    """What becomes of a run under these conditions."""
    mtbf, stall = goodput.job_mtbf_s(one.chip_days, one.chips), stall_s(one)
    lag = goodput.lag_s(written_s(one), one.blocking)
    useful = goodput.useful_s(one.steps, one.step_s, one.slowdown)
    outage = goodput.outage_s(one.downtime_s, lag)
    running = goodput.running_s(useful, one.interval_s, stall, outage, mtbf)
    stalled = goodput.checkpoints_s(useful, one.interval_s, stall)
    restarts = goodput.restarts_s(running, outage, lag, mtbf)
    repeated = goodput.repeated_s(running, useful, stalled, restarts)
    waiting = goodput.waiting_s(running, goodput.shortage(nodes_out(one), one.spares))
    wall = goodput.wall_s(running, waiting)
    return Course(
        wall_s=wall,
        steps_s=one.steps * one.step_s,
        slow_s=useful - one.steps * one.step_s,
        checkpoints_s=stalled,
        repeated_s=repeated,
        restarts_s=restarts,
        waiting_s=waiting,
        mtbf_s=mtbf,
        interruptions=goodput.interruptions(running, mtbf),
        stall_s=stall,
        effective_share=goodput.effective_share(useful, wall),
        goodput_share=goodput.goodput_share(one.steps, one.step_s, wall),
        chip_hours=goodput.chip_hours(one.chips, wall),
        energy_mwh=_energy_mwh(one, useful + repeated, stalled, restarts + waiting, wall),
    )


def _energy_mwh(one: Conditions, stepping_s: Values, stalled_s: Values, still_s: Values, wall_s: Values) -> Values:
    return run_energy_mwh(
        step_energy_j(one.step_s, one.busy_s, one.chips, one.tdp_w, one.waiting_share, one.busy_share),
        one.step_s,
        stepping_s,
        stalled_s,
        still_s,
        wall_s,
        one.chips,
        one.spares * one.node_size,
        one.tdp_w,
        one.waiting_share,
        one.idle_share,
    )


def written_s(one: Conditions) -> Values:
    """Time until a checkpoint lies in shared storage."""
    return goodput.written_s(one.saved_bytes, one.write_gbs)


def stall_s(one: Conditions) -> Values:
    """Time for which training stands still for one checkpoint."""
    snapshot = goodput.snapshot_s(one.saved_bytes, one.holders, one.snapshot_gbs, one.fixed_s)
    return goodput.stall_s(snapshot, written_s(one), one.blocking)


def nodes_out(one: Conditions) -> Values:
    """Nodes that are broken at a time, on average."""
    mtbf = goodput.job_mtbf_s(one.chip_days, one.chips)
    return goodput.nodes_out(one.chips, one.node_size, mtbf, one.node_share, one.repair_s)


def least_interval_s(one: Conditions) -> Values:
    """Time between checkpoints below which each would wait for the one before; none where training waits itself."""
    return goodput.lag_s(written_s(one), one.blocking)


def with_interval(one: Conditions, checkpoint_min: float | None) -> Conditions:
    """With so long between checkpoints, in whole steps; with what loses least where it is `None`."""
    mtbf = goodput.job_mtbf_s(one.chip_days, one.chips)
    best = goodput.daly_s(stall_s(one), mtbf) if checkpoint_min is None else checkpoint_min * S_PER_MIN
    return replace(one, interval_s=goodput.interval_s(best, least_interval_s(one), one.step_s))


def unbroken(one: Conditions) -> Course:
    """What becomes of a run whose nodes all come back at once: nothing waits for a repair, no spare stands by."""
    return follow(replace(one, node_share=0.0, spares=0.0))


def with_spares(one: Conditions, spare_nodes: float | None) -> Conditions:
    """With so many spare nodes; with as many as these conditions need where it is `None`."""
    out = nodes_out(one)
    return replace(one, spares=goodput.spares_needed(out, SHORT) if spare_nodes is None else spare_nodes + 0.0 * out)
