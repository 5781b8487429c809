"""Time of attention of one new token a sequence over the keys that are kept, on one chip.

A compute unit takes one sequence and one key-value head with all query heads of that group; few of these are spread
over the units by splitting their keys. Each piece has a start of its own, and walks over its keys one after another.
Around that stands reading all keys and values once, from memory or, where they fit, from the cache.

The usual kernels put the query heads of a group in one tile of the matrix units. Larger groups than a tile holds fall
back on a kernel that takes every query head alone and splits no keys. A group of one head has a kernel of its own.
Latent attention (MLA) is one key-value head of latent width, whose kernels take any number of heads.

The parameters are fitted to kernels that were timed alone in a loop (`measurements/operators/`): small caches of keys
stay in the last-level cache there. `floor_s` carries the launch and what the framework does around the kernel.
"""

from typing import NamedTuple

import numpy as np

from polysilicon.performance.operators import cached_s, held, overlapped_s, smooth_ratio, waves
from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula

# Keys that no kernel splits finer, and query heads of a group that a tile of the matrix units holds.
BLOCK = 128.0
TILE_HEADS = 32.0
# Share of the units that is busy enough for keys not to be split.
BUSY = 0.8
HEAD = 128.0


class DecodeCurve(NamedTuple):
    """What the time of decode attention on one chip in one format depends on, each a number or a column.

    `units` compute units share `flop_per_s`. `memory_bytes_per_s`, `cache_bytes_per_s`: rates of reading keys from
    memory or from the last-level cache of `cache_bytes`. `piece_s`: start of a piece; `key_s`: one key of it, of 128
    wide heads. `splits`: pieces that keys are cut into at most; `join_s`: joining them. `wave`: share of an idle last
    round that is lost. `single`: start of a group of one head over `head_s`. `head_s`, `head_key_s`: start and key of
    a head that is taken alone. `sharpness`: of the overlap of reading and working. `floor_s`: launch and all that is
    fixed.
    """

    units: Values
    flop_per_s: Values
    memory_bytes_per_s: Values
    cache_bytes_per_s: Values
    cache_bytes: Values
    piece_s: Values
    key_s: Values
    splits: Values
    join_s: Values
    wave: Values
    single: Values
    head_s: Values
    head_key_s: Values
    sharpness: Values
    floor_s: Values
    surface: tuple[Values, ...]


@formula
def pieces_s(items: Values, keys: Values, width: Values, start_s: Values, curve: DecodeCurve) -> Values:
    """Time of `items` walks over `keys` keys of `width` elements, split over idle units as far as that goes.

    Source: Dao et al., Flash-Decoding for long-context inference (Stanford CRFM, 2023) and the heuristic for splits of
    FlashAttention 2.2: keys are split where fewer than 0.8 of the units are busy; NVIDIA, Matrix Multiplication
    Background User's Guide, wave quantisation.
    """
    few = items < BUSY * curve.units
    idle = np.where(few, np.minimum(np.maximum(curve.units / items, 1.0), curve.splits), 1.0)
    parts = np.minimum(idle, np.maximum(keys / BLOCK, 1.0))
    one_s = start_s + keys / parts * curve.key_s * width / HEAD
    rounds_s = np.maximum(waves(items * parts, curve.units, curve.wave), 1.0) * one_s
    return rounds_s + np.where(few, curve.join_s, 0.0)


@formula
def read_s(
    batch: Values,
    keys: Values,
    heads: Values,
    kv_heads: Values,
    key_bytes: Values,
    key_flop: Values,
    width: Values,
    curve: DecodeCurve,
) -> Values:
    """Time of reading `key_bytes` a key and key-value head and of `key_flop` a key and query head, in pieces.

    Source: Dao et al., Flash-Decoding (Stanford CRFM, 2023); Williams, Waterman, Patterson, Roofline (CACM 52(4),
    2009).
    """
    kept_bytes = batch * keys * kv_heads * key_bytes
    reading_s = cached_s(kept_bytes, curve.cache_bytes, curve.cache_bytes_per_s, curve.memory_bytes_per_s)
    arithmetic_s = batch * keys * heads * key_flop / curve.flop_per_s
    start_s = np.where(heads > kv_heads, curve.piece_s, curve.single * curve.head_s)
    own_s = pieces_s(batch * kv_heads, keys, width, start_s, curve)
    return overlapped_s(overlapped_s(reading_s, arithmetic_s, curve.sharpness), own_s, curve.sharpness)


@formula
def alone_s(batch: Values, keys: Values, heads: Values, curve: DecodeCurve) -> Values:
    """Time of every query head taken alone, none of its keys split.

    Source: Kwon et al., PagedAttention (arXiv 2309.06180), section 4: one block a sequence and head; parameters from
    the fit of measurements/operators/.
    """
    return np.maximum(batch * heads / curve.units, 1.0) * (curve.head_s + keys * curve.head_key_s)


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
    bound_s = read_s(batch, keys, heads, kv_heads, 2.0 * kv_bytes * head_dim, 4.0 * head_dim, head_dim, curve)
    group = heads / kv_heads
    axes = held(batch, 5.0, 6.0), held(keys, 9.0, 8.0), held(heads, 3.5, 3.5), held(group, 2.0, 3.0)
    tiled_s = (curve.floor_s + bound_s) * smooth_ratio(axes, curve.surface)
    return np.where(group > TILE_HEADS, curve.floor_s + alone_s(batch, keys, heads, curve), tiled_s)
