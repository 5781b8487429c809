"""Time of flash attention over a prompt or a training sequence on one chip.

Queries are cut into tiles; a compute unit takes one tile of one head and walks over the keys that it may see, so a
causal mask makes later tiles longer and the last of them sets a limit of its own. Around that stand filling each
tile's pipeline, moving queries, keys, values and results, the power limit, and the launch.

The parameters are fitted to the context attention of serving frameworks (`measurements/operators/`), which includes
writing the keys and values to the cache and what the framework does to queries before: `floor_s` and `move` carry it.
For the bare kernel of a training step, set them to a launch and to the share of memory bandwidth that streams reach.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from polysilicon.performance.operators import cached_s, throttled_s, waves
from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula

# Rows of queries that one compute unit takes at a time in the usual kernels.
QUERY_TILES = (64.0, 128.0, 256.0)
ELEMENT_BYTES = 2.0


class AttentionCurve(NamedTuple):
    """What the time of attention on one chip in one format depends on, each a number or a column.

    `units` compute units share `matrix_flop_per_s`, the rate that large tiles reach. `small`: what a tile of 64
    queries loses more, falling with the tile. `wave`: share of an idle last round that is lost. `fill_s`: filling a
    tile's pipeline. `cache_move_bytes_per_s`, `move_bytes_per_s`: rates of moving what lies in the last-level cache of
    `cache_bytes` or in memory. `keys`: passes over keys and values for each over queries and results. `fade`:
    slowdown at the power limit, for kernels much longer than `sustained_s`. `floor_s`: launch and all that is fixed.
    """

    units: Values
    matrix_flop_per_s: Values
    small: Values
    wave: Values
    fill_s: Values
    move_bytes_per_s: Values
    cache_move_bytes_per_s: Values
    cache_bytes: Values
    keys: Values
    fade: Values
    sustained_s: Values
    floor_s: Values

    @classmethod
    def stack(cls, curves: Sequence["AttentionCurve"]) -> "AttentionCurve":
        """One column a parameter, one entry a curve."""
        return cls(*(np.array(column, float) for column in zip(*curves, strict=True)))


@formula
def query_tiles_s(
    batch: Values,
    queries: Values,
    keys: Values,
    heads: Values,
    head_dim: Values,
    causal: Values,
    tile: Values,
    curve: AttentionCurve,
) -> Values:
    """Time of all tiles of `tile` queries: in rounds over the compute units, and no less than the longest tile.

    `causal` is 1 where a query sees the keys up to its own, 0 where it sees all.

    Source: Dao, FlashAttention-2 (arXiv 2307.08691), section 3.2, parallelism over tiles of queries; NVIDIA, Matrix
    Multiplication Background User's Guide, wave quantisation.
    """
    tiles = np.ceil(queries / tile)
    before = np.maximum(keys - queries, 0.0)
    mean_seen = causal * (before + tile * (tiles + 1.0) / 2.0) + (1.0 - causal) * keys
    most_seen = causal * (before + tile * tiles) + (1.0 - causal) * keys
    key_s = 4.0 * tile * head_dim / (curve.matrix_flop_per_s / curve.units) * (1.0 + curve.small * 64.0 / tile)
    rounds = waves(batch * heads * tiles, curve.units, curve.wave)
    spread_s, longest_s = rounds * mean_seen * key_s, most_seen * key_s
    return (spread_s**3 + longest_s**3) ** (1.0 / 3.0) + rounds * curve.fill_s


@formula
def attention_s(
    batch: Values,
    queries: Values,
    keys: Values,
    heads: Values,
    kv_heads: Values,
    head_dim: Values,
    kv_bytes: Values,
    causal: Values,
    curve: AttentionCurve,
) -> Values:
    """Time of attention of `batch` sequences: `queries` new tokens each, over `keys` tokens in all.

    `kv_bytes`: bytes an element of keys and values as they are kept. Everything broadcasts.

    Source: Dao et al., FlashAttention (arXiv 2205.14135) and FlashAttention-2 (arXiv 2307.08691); parameters from the
    fit of measurements/operators/.
    """
    tiles_s: Values = np.inf
    for tile in QUERY_TILES:
        own_s = query_tiles_s(batch, queries, keys, heads, head_dim, causal, tile, curve)
        tiles_s = np.minimum(tiles_s, own_s)
    own_bytes = 2.0 * ELEMENT_BYTES * batch * queries * heads * head_dim
    kept_bytes = 2.0 * (ELEMENT_BYTES + kv_bytes) * batch * keys * kv_heads * head_dim
    moved_bytes = own_bytes + curve.keys * kept_bytes
    moved_s = cached_s(moved_bytes, curve.cache_bytes, curve.cache_move_bytes_per_s, curve.move_bytes_per_s)
    return curve.floor_s + throttled_s(tiles_s, curve.fade, curve.sustained_s) + moved_s


@formula
def windowed_keys(queries: Values, keys: Values, window: Values) -> Values:
    """Keys that a query sees on the mean when it sees the last `window` up to its own; then `causal` is 0.

    Source: Beltagy et al., Longformer (arXiv 2004.05150), section 3.1, sliding window; Jiang et al., Mistral 7B
    (arXiv 2310.06825). No timed kernel has a window, so that this rests on the count of keys alone.
    """
    before = keys - queries
    # The first queries see fewer than a window: those whose position is below it.
    fewer = np.minimum(np.maximum(window - before, 0.0), queries)
    seen = fewer * (before + (fewer + 1.0) / 2.0) + (queries - fewer) * window
    return seen / queries
