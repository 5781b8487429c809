"""Long loops over tables of candidates.

Architecture in one paragraph: a sweep is a function from a chunk of candidate indices to what the chunk found, and
a reduction over chunks as they come. `chunks` cuts the range; `run` hands chunks to a `concurrent.futures`
executor (the caller's process when none is given), reduces in order, and reports progress. A chunk holds 10^5
candidates or more, so the cost of handing it over does not matter. Nothing here knows what a candidate is.
"""

from polysilicon.sweep.chunks import MOST, chunks, run

__all__ = ["MOST", "chunks", "run"]
