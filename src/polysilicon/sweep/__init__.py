"""Long evaluations in chunks.

Architecture in one paragraph: a sweep is a function over index ranges; `chunked` cuts the range, hands the
chunks to a `concurrent.futures.Executor` (a spawned process pool, or whatever the caller passes in), reduces
results as they come and reports progress. Nothing here knows what is being evaluated.
"""
