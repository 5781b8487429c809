"""Serving: what one deployment does, the best of all, and how a figure comes about.

`serving_iteration` and `serving_experts` hold the formulas of one pass over the model, `serving_engine` those of
continuous batching, `serving_table` evaluates tables of candidates with them; `serving_estimate` and `serving_search`
ask them.
`serving_tails` replays a deployment under random arrivals for its slowest requests, `serving_tail_search` finds the
best by those.
`serving_split` is prompts read and answers decoded on workers of their own, `serving_split_search` finds the best two.
"""

from polysilicon.performance.serving_candidates import ENGINES, Layout
from polysilicon.performance.serving_estimate import ServingEstimate, estimate_serving, explain_serving
from polysilicon.performance.serving_search import ServingSearch, search_serving
from polysilicon.performance.serving_split_search import SplitEstimate, SplitSearch, search_split
from polysilicon.performance.serving_tail_search import TailSearch, search_tails
from polysilicon.performance.values import Range

__all__ = [
    "ENGINES",
    "Layout",
    "Range",
    "ServingEstimate",
    "ServingSearch",
    "SplitEstimate",
    "SplitSearch",
    "TailSearch",
    "estimate_serving",
    "explain_serving",
    "search_serving",
    "search_split",
    "search_tails",
]
