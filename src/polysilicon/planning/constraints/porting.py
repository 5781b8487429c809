"""Code runs on a stack only if it was ported there: a fixed charge."""

from typing import Any

import numpy as np

from polysilicon.planning.constraints.demand import scaled
from polysilicon.planning.labelled import labelled


def add(programme: Any) -> None:
    """`fraction of demand done on a stack <= ported`, by quarter for serving and over a run's quarters.

    Nothing gains by doing more than is asked, so the fraction itself is the tightest big-M there is.
    """
    instance = programme.instance
    if not programme.stacks:
        return
    share = scaled(instance)
    on_stack = np.asarray([[place.stack == stack for place in instance.places] for _, stack in programme.stacks])
    same_code = np.asarray([[task.porting == code for task in instance.tasks] for code, _ in programme.stacks])
    possible = same_code & ((instance.throughput > 0) @ on_stack.T).T
    for kind, runs in (("run", True), ("service", False)):
        tasks = np.flatnonzero([task.is_run == runs for task in instance.tasks])
        code, at = np.nonzero(possible[:, tasks])
        if not code.size:
            continue
        done = (
            programme.use.isel(task=_pointer(tasks[at]))
            * labelled(share[tasks[at]] * on_stack[code][:, :, None], "pair", "place", "quarter")
        ).sum(["place", "quarter"] if runs else "place")
        ported = programme.ported.isel(code=_pointer(code))
        programme.model.add_constraints(done - ported <= 0, name=f"ported_{kind}")


def _pointer(positions: Any) -> Any:
    """Positions along a new axis of (code, task) pairs."""
    import xarray

    return xarray.DataArray(positions, dims="pair", coords={"pair": np.arange(len(positions))})
