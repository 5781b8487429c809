"""Time of attention of one new token a sequence over the keys that are kept, on one chip.

Keys and values are read once; a compute unit takes a block of keys of one sequence and one key-value head, and all
query heads of that group. Few sequences are spread over the units by splitting their keys, which must then be joined.
A unit alone can't draw the whole bandwidth, so that few blocks read slowly. Latent attention (MLA) is the same with
one key-value head of latent width; there the arithmetic of many query heads counts, not the reading.

The parameters are fitted to kernels that were timed alone in a loop (`measurements/operators/`): small caches of keys
stay in the last-level cache there. `floor_s` carries the launch and what the framework does around the kernel.
"""

from typing import NamedTuple

import numpy as np

from polysilicon.performance.operators import cached_s, held, overlapped_s, smooth_ratio, waves
from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula

# Keys that one compute unit takes at a time in the usual kernels.
BLOCK = 128.0


class DecodeCurve(NamedTuple):
    """What the time of decode attention on one chip in one format depends on, each a number or a column.

    `units` compute units share `flop_per_s`. `memory_bytes_per_s`, `cache_bytes_per_s`: rates of reading keys from
    memory or from the last-level cache of `cache_bytes`. `reach`: how many times its even share of a rate one unit
    alone can draw. `block_s`: what a round of blocks takes at least. `sharpness`: of the overlap of reading and
    arithmetic. `sequence_s`: what each sequence costs besides, over all units. `floor_s`: launch and all that is fixed.
    """

    units: Values
    flop_per_s: Values
    memory_bytes_per_s: Values
    cache_bytes_per_s: Values
    cache_bytes: Values
    reach: Values
    block_s: Values
    sharpness: Values
    sequence_s: Values
    floor_s: Values
    surface: tuple[Values, ...]


@formula
def read_s(
    batch: Values,
    keys: Values,
    heads: Values,
    kv_heads: Values,
    key_bytes: Values,
    key_flop: Values,
    curve: DecodeCurve,
) -> Values:
    """Time of reading `key_bytes` a key and key-value head and of `key_flop` a key and query head.

    Source: Dao et al., Flash-Decoding for long-context inference (Stanford CRFM, 2023): keys split over the units;
    Williams, Waterman, Patterson, Roofline (CACM 52(4), 2009).
    """
    blocks = batch * kv_heads * np.ceil(keys / BLOCK)
    busy = np.minimum(1.0, curve.reach * blocks / curve.units)
    kept_bytes = batch * keys * kv_heads * key_bytes
    reading_s = cached_s(kept_bytes, curve.cache_bytes, curve.cache_bytes_per_s, curve.memory_bytes_per_s) / busy
    arithmetic_s = batch * keys * heads * key_flop / curve.flop_per_s / np.minimum(1.0, blocks / curve.units)
    rounds_s = curve.block_s * waves(blocks, curve.units, 1.0)
    return overlapped_s(overlapped_s(reading_s, arithmetic_s, curve.sharpness), rounds_s, curve.sharpness)


@formula
def decode_attention_s(
    batch: Values,
    keys: Values,
    heads: Values,
    kv_heads: Values,
    head_dim: Values,
    kv_bytes: Values,
    curve: DecodeCurve,
) -> Values:
    """Time of attention of one new token for each of `batch` sequences over `keys` tokens each.

    `heads` and `kv_heads` are those of one chip, `kv_bytes` bytes an element as keys are kept. Everything broadcasts.

    Source: Dao et al., Flash-Decoding (Stanford CRFM, 2023); Ainslie et al., GQA (arXiv 2305.13245); parameters from
    the fit of measurements/operators/.
    """
    reading_s = read_s(batch, keys, heads, kv_heads, 2.0 * kv_bytes * head_dim, 4.0 * head_dim, curve)
    axes = held(batch, 5.0, 6.0), held(keys, 9.0, 8.0), held(heads, 3.5, 3.5), held(heads / kv_heads, 2.0, 3.0)
    return (curve.floor_s + curve.sequence_s * batch + reading_s) * smooth_ratio(axes, curve.surface)
