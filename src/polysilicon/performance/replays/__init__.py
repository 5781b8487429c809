"""Trace replay: what becomes of each request of a trace on a cluster of equal replicas.

Architecture in one paragraph: `formats` and `trace` read what arrived, `traffic` speeds it up, repeats it or draws it;
`pass_costs` asks the analytic model of serving what a pass takes and what memory holds, on nodes that `lines` joins;
`state` names the arrays that the event loop works on, `assembly` sizes them. The loop is plain functions of these
arrays: `loop` takes arrivals in order and routes them, `batching` runs the passes of one replica, `reading` composes
those that read prompts, `prefix_cache` shares and evicts blocks, `heaps` knows who ends next. `compiling` turns these
functions into machine code where that pays, `running` runs them in parts and keeps checkpoints. `figures` reads
latencies, counts and courses off the arrays, `summary` adds intervals and energy, `replay` is the verb.
"""
