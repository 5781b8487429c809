"""Measuring: calibrate a user's own chip in minutes, through PyTorch, and prove it on a real transformer.

Architecture in one paragraph: `device` is the seam to PyTorch, whatever the vendor. A `kernels.Kernel` is both what is
timed and what a model is made of; `work` lists those of a training step, a prompt or a decoded token, `forms` says how
long each takes, by the house's own formulas. `reference` is the transformer, `probes` time its pieces with `timing`.
`peaks` are what shares are of, `learning` turns timings into parameters and how sure they are, `design` chooses what
to time next, `reach` learns what whole steps make of their kernels, and `campaign` runs all that within a budget,
keeping each timing in a `journal`, to what was `learned`.
`record` writes and reads the facts file, `rooms` fits the estimators' own parameters to it, `truth` sets real runs
beside predictions; `measure` puts the two verbs together. Only `device` finds PyTorch; `reference` and `probes` are
imported once it did.
"""
