"""Performance: time, memory and utilisation of a workload on a cluster.

Architecture in one paragraph: `cluster` turns a chip or system record into the figures formulas need and notes each as
a reading with its confidence; `efficiency` merges fitted parameters from all chips down to one; `rates` multiplies the
two; `measuring` learns the former on a user's own chip, through PyTorch.
`operators` and `collectives` hold the shared formulas of arithmetic, memory traffic and communication; `matrix`
and `attention` hold those of one kernel alone, whose `curves` the fit of training starts from; `layer`, `routing`,
`communication`, `sharding`, `pipeline` and `offload` those of training; `states` and `activations` those of its bytes,
which `kept`, `stages` and `memory` put together from a micro-batch to the fullest chip; `fabric` what the shape of a
network leaves of its links. A `job` is everything they read; `transfers` and `step` put them together, the same lines
for one layout and for a table (`layouts`), and `feasible` says which
layouts keep all `constraints`. `training` is the
public estimate, `domain` says where it lies outside what was validated, `run` makes a whole run of it (with its
`course`, `goodput` and `failures`), `search` tries every layout in `space` (`tally` evaluates a `grid` of them at a
time, `leaders` keep the best), `explain` evaluates one again and returns its tree. Recommenders, image models and
encoders work on samples: `sample_step` and `recommender_step` hold their formulas, `sample_jobs` what a layout means,
`sample_training` the estimate. Of inference, `decode`, `latent`, `experts` and `messages` hold the formulas of one
kernel, collective or exchange between experts, `kernel_curves` their curves, and `kernels` all curves of one chip.
Serving stands on the same operators and collectives. `mixing` runs one job over
unequal `pools`, each in one of its `pool_layouts`: by `pool_data`, or by `pool_layers`, of which `pool_pipelines`
finds the best; `pool_splits` puts the step together. `replays` holds the replay of traces, an event simulation on
serving's times. Queries of models that work on samples: `sample_service` holds the time of a batch (tables where
`table_places` says), `batch_queue` the wait for it, `sample_serving` finds the most within a bound, `sample_answer`
tells it, `explain_sample_serving` walks it back; `round_trip` is the network's part of any latency. Every formula takes
numbers or arrays, ends in its unit and cites its source; no figure of the world stands in code.
"""

from polysilicon.performance.cluster import Cluster, Reading
from polysilicon.performance.layouts import CONTEXTS, RECOMPUTE, SCHEDULES, Layouts
from polysilicon.performance.recipe import Recipe, recipe_of
from polysilicon.performance.space import Space
from polysilicon.performance.training import TrainingEstimate, estimate_training
from polysilicon.performance.values import PRECISIONS

__all__ = [
    "CONTEXTS",
    "PRECISIONS",
    "RECOMPUTE",
    "SCHEDULES",
    "Cluster",
    "Layouts",
    "Reading",
    "Recipe",
    "Space",
    "TrainingEstimate",
    "estimate_pools",
    "estimate_training",
    "explain_training",
    "recipe_of",
    "replay",
    "search_training",
]


def __getattr__(name: str) -> object:
    """Search, mixing, replay and explanation are imported when asked for: few commands need them."""
    if name == "explain_training":
        from polysilicon.performance.explain import explain_training

        return explain_training
    if name in ("estimate_pools", "Mixing"):
        from polysilicon.performance import mixing

        return getattr(mixing, name)
    if name in ("search_training", "Found"):
        from polysilicon.performance import search

        return getattr(search, name)
    if name == "replay":
        from polysilicon.performance.replays.replay import replay

        return replay
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
