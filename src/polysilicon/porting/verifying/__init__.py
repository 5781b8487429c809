"""Verifying: does a module give the same numbers on every runtime of this machine, and if not, which operator is it?

Architecture in one paragraph: `subject` finds the user's module (or one of `examples`), `export` makes a `case.Case` of
its forward pass and, through `training`, of one training step: a `graph.Graph` in ONNX beside the module itself. The
reference is `interpreter`, which walks the graph in NumPy in 64 bits by the tables `elementwise`, `movement` and
`reductions`. `runtimes` says what a runtime is and lists those in the modules `run_*`; `isolation` gives each a process
of its own, since runtimes crash. A `trial` runs one graph on all of them and `metrics` measures each distance against
the floor, the spread of this machine's CPUs' own runtimes. `levels` and `curve` ask the questions L0 to L5 with the
inputs of `probes` and `empties`, `bisection` finds the first wrong operator, `evidence` is what a reviewer signs, and
`verify` is the verb. PyTorch and ONNX are an extra (docs/decisions/0014-verify-runtimes.md); the workers of runtimes
need no PyTorch.
"""
