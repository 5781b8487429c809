"""Workloads: what must be computed.

Architecture in one paragraph: `model` holds frozen descriptions of what is computed (`Transformer`,
`Recommender`, `Diffusion`) with their parameter counts, FLOP counts and cache sizes as formulas;
`huggingface` turns a `config.json` (from the catalogue or from the user) into one of them; `task` says what is
asked of it: a `Training` run or a `Serving` demand with latency targets. Nothing here knows a chip.
"""
