"""A second form of training table: timed steps of GPT models, as the Megatron papers print them.

Its columns have other names, and it leaves unsaid what all its models share: multi-head attention, a feed-forward
network without a gate, tied embeddings, one data-parallel copy of the optimizer unless said otherwise.
Source: Korthikanti et al., arXiv 2205.05198, tables 3 to 5; Narayanan et al., arXiv 2104.04473, table 1.
"""

import re
from collections.abc import Mapping

SAID = {
    "gpus": "chips",
    "accelerator": "chip",
    "attn_heads": "heads",
    "head_size": "head_dim",
    "pipeline_interleave": "interleave",
    "microbatch": "micro_batch",
    "sequence_parallel": "seq_parallel",
    "measured_seconds": "step_time_s",
    "measured_mfu_pct": "mfu_pct",
    "measured_hfu_pct": "hfu_pct",
    "params_1e9": "params_b",
    "source": "source_key",
}
SHARED = {"cp": "1", "ep": "1", "gated_mlp": "0", "tied_embeddings": "1", "flops_convention": "full"}
NEEDED = frozenset({"gpus", "attn_heads", "measured_seconds"})
WHOLE_STEP = "iteration"


def in_our_words(row: Mapping[str, str]) -> dict[str, str]:
    """A row of such a table with the columns of `training.csv`; any other row as it is."""
    if not row.keys() >= NEEDED:
        return dict(row)
    year = re.search(r"\b(20\d\d)\b(?!\.)", row.get("source", "").split("arXiv", 1)[-1].partition("(")[2])
    return {
        **{SAID.get(name, name): text for name, text in row.items()},
        **SHARED,
        "kind": "dense",
        "phase": "" if row.get("kind") == WHOLE_STEP else row.get("kind", ""),
        "kv_heads": row["attn_heads"],
        "zero_stage": row.get("optimizer_sharding") or "0",
        "year": year[1] if year else "",
    }
