"""The least that a step can take on its chips: the operations that are really done, at the fastest peak they use."""

import numpy as np

from polysilicon.performance.cluster import Cluster
from polysilicon.performance.job import Job
from polysilicon.performance.rates import core_codes, of_precision, sparse_gain
from polysilicon.performance.values import PRECISIONS, Values
from polysilicon.records.recorder import formula
from polysilicon.workloads.counts import matrix_flop_per_token, training_flop_per_token

BF16 = float(PRECISIONS.index("bf16"))


@formula
def dropped_flop_per_token(
    experts_per_token: Values, expert_weights: Values, moe_layers: Values, capacity_factor: Values
) -> Values:
    """Forward operations of one token that experts leave out where they take less than the mean.

    Source: Fedus et al., Switch Transformers (arXiv 2101.03961), section 2.2.
    """
    routed = matrix_flop_per_token(experts_per_token * expert_weights * moe_layers)
    return routed * np.where(np.asarray(capacity_factor) > 0.0, np.maximum(1.0 - capacity_factor, 0.0), 0.0)


def least_work(job: Job, cluster: Cluster) -> tuple[Values, Values, Values, Values]:
    """What bounds a step from below: operations a token, tokens, fastest peak and chips of each candidate."""
    shape, recipe = job.shape, job.recipe
    products = matrix_flop_per_token(shape.active_weights)
    dropped = dropped_flop_per_token(
        shape.experts_per_token, shape.expert_weights, shape.moe_layers, recipe.capacity_factor
    )
    flop = training_flop_per_token(products - dropped, shape.core_flop_per_token(job.reach), recipe.frozen)
    return flop, job.global_batch * job.sequence, _fastest_flop_per_s(job, cluster), job.layouts.chips


def _fastest_flop_per_s(job: Job, cluster: Cluster) -> Values:
    """The fastest peak that any operation of each candidate runs at."""
    recipe, own = job.recipe, np.asarray(job.layouts.precision).astype(int)
    backward = np.asarray(recipe.backward_precision)
    used = own, np.where(backward < 0.0, own, backward), core_codes(recipe, own), np.full(own.shape, BF16)
    peaks = [of_precision(cluster.peak_flop_per_s, np.asarray(one).astype(int)) for one in used]
    fastest: Values = np.maximum.reduce(np.broadcast_arrays(*peaks))
    return fastest * sparse_gain(recipe.sparse, cluster.sparse_gain)
