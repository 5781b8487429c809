"""Long loops over tables of candidates.

Architecture in one paragraph: a sweep is a list of parts, a function from a part to what it found (named arrays),
and a reduction that does not depend on the order in which parts are done. `run` hands parts to a
`concurrent.futures` executor (the caller's process when none is given), reports progress, and calls off what is
under way when it is stopped; `workers` makes the executor, a pool of spawned processes or a Dask cluster; a
`Ledger` is a folder that holds what each finished part found before it counts, so that a killed sweep resumes. A
part holds 10^5 candidates or more, so the cost of handing it over does not matter. Nothing here knows what a
candidate is.
"""

from polysilicon.sweep.ledger import Found, Ledger, OtherSweep
from polysilicon.sweep.running import Progress, run
from polysilicon.sweep.workers import WorkersGone, workers

__all__ = ["Found", "Ledger", "OtherSweep", "Progress", "WorkersGone", "run", "workers"]
