"""What a long job loses to interruptions: checkpoints, work done twice, restarts, nodes that are missing."""

import numpy as np

from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula
from polysilicon.records.units import GIGA, S_PER_DAY, S_PER_H

TINY = 1e-300  # keeps a logarithm or a quotient of nought finite


@formula
def job_mtbf_s(chip_days: Values, chips: Values) -> Values:
    """Mean time between interruptions of a job that any of its chips can stop.

    Source: Kokolis et al., Revisiting Reliability (arXiv 2410.21680), section III: rates add over independent nodes.
    """
    return chip_days * S_PER_DAY / chips


@formula
def saved_bytes(weights: Values, weight_bytes: Values, optimizer_bytes: Values, trained_share: Values) -> Values:
    """Size of a checkpoint: weights, and the optimizer's states of those that are trained.

    Source: Rajbhandari et al., ZeRO (arXiv 1910.02054), section 3.1; Hu et al., LoRA (arXiv 2106.09685), section 4.2:
    only adapters are saved where the rest is frozen.
    """
    return weights * trained_share * (weight_bytes + optimizer_bytes)


@formula
def written_s(saved_bytes: Values, write_gbs: Values) -> Values:
    """Time until a checkpoint lies in shared storage.

    Source: definition: bytes over bandwidth.
    """
    return saved_bytes / (write_gbs * GIGA)


@formula
def snapshot_s(saved_bytes: Values, holders: Values, snapshot_gbs: Values, fixed_s: Values) -> Values:
    """Time for which training stands still while `holders` chips copy their part of a checkpoint to their hosts.

    Source: Wan et al., ByteCheckpoint (arXiv 2407.20143), section 4: asynchronous saving; Jiang et al., MegaScale
    (arXiv 2402.15627), section 4.4: two-stage checkpoints.
    """
    return fixed_s + saved_bytes / (holders * snapshot_gbs * GIGA)


@formula
def stall_s(snapshot_s: Values, written_s: Values, blocking: Values) -> Values:
    """Time for which training stands still for one checkpoint: until the copy, or until it is written.

    Source: Wan et al., ByteCheckpoint (arXiv 2407.20143), section 4.
    """
    return snapshot_s + np.where(np.asarray(blocking) > 0.0, written_s, 0.0)


@formula
def lag_s(written_s: Values, blocking: Values) -> Values:
    """Work that a failure loses beyond that since the last checkpoint began, as this is not yet in storage.

    Source: Jiang et al., MegaScale (arXiv 2402.15627), section 4.4.
    """
    return np.where(np.asarray(blocking) > 0.0, 0.0, written_s)


@formula
def outage_s(downtime_s: Values, lag_s: Values) -> Values:
    """What an interruption costs beside the steps since the last checkpoint began.

    Source: Daly (FGCS 22(3), 2006), section 2, restart time.
    """
    return downtime_s + lag_s


@formula
def young_s(stall_s: Values, mtbf_s: Values) -> Values:
    """Best time between checkpoints, to first order.

    Source: Young, A First Order Approximation to the Optimum Checkpoint Interval (CACM 17(9), 1974).
    """
    return np.sqrt(2.0 * stall_s * mtbf_s)


@formula
def daly_s(stall_s: Values, mtbf_s: Values) -> Values:
    """Best time between checkpoints, to higher order.

    Source: Daly, A higher order estimate of the optimum checkpoint interval for restart dumps (FGCS 22(3), 2006),
    equation 37.
    """
    part = np.sqrt(stall_s / (2.0 * mtbf_s))
    best = young_s(stall_s, mtbf_s) * (1.0 + part / 3.0 + part**2 / 9.0) - stall_s
    return np.where(stall_s < 2.0 * mtbf_s, best, mtbf_s)


@formula
def interval_s(best_s: Values, least_s: Values, step_s: Values) -> Values:
    """Time between checkpoints in whole steps: no less than one takes to write, as the next would wait for it.

    Source: Jiang et al., MegaScale (arXiv 2402.15627), section 4.4; a step can't be cut.
    """
    return np.maximum(np.ceil(np.maximum(best_s, least_s) / step_s), 1.0) * step_s


@formula
def steps_of(tokens: Values, global_batch: Values, sequence: Values) -> Values:
    """Steps that a token budget takes.

    Source: arithmetic; Narayanan et al. (arXiv 2104.04473), section 5.1.
    """
    return np.ceil(tokens / (global_batch * sequence))


@formula
def useful_s(steps: Values, step_s: Values, slowdown: Values) -> Values:
    """Time that the steps of a run take where nothing interrupts it, slower than measured in short.

    Source: Jiang et al., MegaScale (arXiv 2402.15627), section 5.1, stragglers.
    """
    return steps * step_s * (1.0 + slowdown)


@formula
def running_s(useful_s: Values, interval_s: Values, stall_s: Values, outage_s: Values, mtbf_s: Values) -> Values:
    """Time that a job takes with its checkpoints, interruptions and restarts, which can be interrupted too.

    Source: Daly, A higher order estimate (FGCS 22(3), 2006), equation 20: exponential failures.
    """
    cycle = interval_s + stall_s
    return useful_s / interval_s * mtbf_s * np.exp(outage_s / mtbf_s) * np.expm1(cycle / mtbf_s)


@formula
def interruptions(running_s: Values, mtbf_s: Values) -> Values:
    """Interruptions to expect over a run.

    Source: a constant rate over time; Kokolis et al. (arXiv 2410.21680), section III.
    """
    return running_s / mtbf_s


@formula
def checkpoints_s(useful_s: Values, interval_s: Values, stall_s: Values) -> Values:
    """Time for which training stands still for checkpoints that are kept.

    Source: Daly (FGCS 22(3), 2006), section 2: one dump an interval.
    """
    return useful_s / interval_s * stall_s


@formula
def restarts_s(running_s: Values, outage_s: Values, lag_s: Values, mtbf_s: Values) -> Values:
    """Time in which an interrupted job does not step yet.

    Source: Daly (FGCS 22(3), 2006), equation 20: the factor that restarts add.
    """
    return -running_s * np.expm1(-outage_s / mtbf_s) * (outage_s - lag_s) / np.maximum(outage_s, TINY)


@formula
def repeated_s(running_s: Values, useful_s: Values, checkpoints_s: Values, restarts_s: Values) -> Values:
    """Time of steps that are done again.

    Source: Daly (FGCS 22(3), 2006), section 2: what is neither work, dump nor restart.
    """
    return np.maximum(running_s - useful_s - checkpoints_s - restarts_s, 0.0)


@formula
def nodes_out(chips: Values, node_size: Values, mtbf_s: Values, node_share: Values, repair_s: Values) -> Values:
    """Nodes that are broken at a time, on average, if those that broke are replaced.

    Source: Little, A Proof for the Queuing Formula L = λW (Operations Research 9(3), 1961).
    """
    return np.minimum(repair_s * node_share / mtbf_s, chips / node_size)


@formula
def shortage(nodes_out: Values, spares: Values) -> Values:
    """Share of the time in which one node more is broken than there are spares, so that the job waits for a repair.

    While it waits nothing else breaks; every broken node is under repair: Erlang's loss system.

    Source: Erlang, Solution of some Problems in the Theory of Probabilities (1917), the B formula.
    """
    lost = nodes_out / (1.0 + nodes_out) + 0.0 * spares
    for count in range(int(np.max(spares))):
        lost = np.where(count < np.asarray(spares), nodes_out * lost / (count + 2.0 + nodes_out * lost), lost)
    return lost


@formula
def spares_needed(nodes_out: Values, short: Values) -> Values:
    """Least spare nodes with which a job waits for repairs no more than the share `short` of its time.

    Source: as `shortage`.
    """
    lost = nodes_out / (1.0 + nodes_out) + 0.0 * short
    needed, count = 0.0 * lost, 0.0
    while np.any(lost > short):
        count += 1.0
        needed = np.where(lost > short, count, needed)
        lost = nodes_out * lost / (count + 1.0 + nodes_out * lost)
    return needed


@formula
def waiting_s(running_s: Values, shortage: Values) -> Values:
    """Time in which a job waits for nodes to be repaired.

    Source: definition of the share of time.
    """
    return running_s * shortage / (1.0 - shortage)


@formula
def wall_s(running_s: Values, waiting_s: Values) -> Values:
    """Time from the first step of a run to its last.

    Source: Daly (FGCS 22(3), 2006), section 2, with waits for repairs beside it.
    """
    return running_s + waiting_s


@formula
def effective_share(useful_s: Values, wall_s: Values) -> Values:
    """Effective training time ratio: time of steps that count, at the pace they had, over the whole time.

    Source: Jiang et al., MegaScale (arXiv 2402.15627), section 6.3; Kokolis et al. (arXiv 2410.21680), section III.
    """
    return useful_s / wall_s


@formula
def goodput_share(steps: Values, step_s: Values, wall_s: Values) -> Values:
    """What a run reaches of the pace of an undisturbed step: interruptions and slow days both counted.

    Source: Jouppi et al., TPU v4 (ISCA 2023), section 3.6, goodput.
    """
    return steps * step_s / wall_s


@formula
def chip_hours(chips: Values, wall_s: Values) -> Values:
    """Hours of chips that a run occupies.

    Source: definition; as model cards state it.
    """
    return chips * wall_s / S_PER_H
