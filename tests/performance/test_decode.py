"""Decode attention: laws that hold whatever the parameters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.performance.curves import Silicon
from polysilicon.performance.decode import TILE_HEADS, DecodeCurve, decode_attention_s, pieces_s
from polysilicon.performance.efficiency import efficiency_of
from polysilicon.performance.kernel_curves import decode_curve

CATALOGUE = load()
CHIPS = ("nvidia-h100-sxm-80gb", "nvidia-l40s", "huawei-ascend-910b2", "amd-mi300x")


def curve_of(chip: str, kind: str = "bf16.bf16.wide") -> DecodeCurve:
    return decode_curve(efficiency_of(CATALOGUE, chip, "operators").parameters, Silicon.of(CATALOGUE, chip), kind)


CURVES = {chip: curve_of(chip) for chip in CHIPS}
LEVEL = {chip: curve._replace(surface=tuple(0.0 for _ in curve.surface)) for chip, curve in CURVES.items()}
BATCH = st.sampled_from([1.0, 3.0, 16.0, 100.0, 1024.0])
KEYS = st.integers(1, 131_072).map(float)
RATES = ("memory_bytes_per_s", "cache_bytes_per_s", "flop_per_s")


@settings(max_examples=60, deadline=None)
@given(chip=st.sampled_from(CHIPS), batch=BATCH, keys=KEYS, rate=st.sampled_from(RATES), more=st.floats(1.0, 8.0))
def test_a_higher_rate_never_slows_it(chip, batch, keys, rate, more):
    curve = CURVES[chip]
    faster = curve._replace(**{rate: getattr(curve, rate) * more})
    sizes = batch, keys, 32.0, 8.0, 128.0, 2.0
    assert decode_attention_s(*sizes, faster) <= decode_attention_s(*sizes, curve) * (1.0 + 1e-12)


@settings(max_examples=60, deadline=None)
@given(chip=st.sampled_from(CHIPS), batch=BATCH, keys=KEYS, more=st.integers(1, 65_536))
def test_more_keys_are_never_faster_but_for_the_surface(chip, batch, keys, more):
    few, many = (decode_attention_s(batch, of, 32.0, 8.0, 128.0, 2.0, LEVEL[chip]) for of in (keys, keys + more))
    assert many >= few * 0.95  # a cut into more pieces may gain a little


@settings(max_examples=60, deadline=None)
@given(chip=st.sampled_from(CHIPS), batch=BATCH, keys=st.integers(4096, 131_072).map(float))
def test_no_more_is_read_than_memory_and_cache_together_give(chip, batch, keys):
    curve = LEVEL[chip]
    read_bytes = batch * keys * 8.0 * 128.0 * 4.0
    fastest = max(curve.memory_bytes_per_s, curve.cache_bytes_per_s)
    assert decode_attention_s(batch, keys, 32.0, 8.0, 128.0, 2.0, curve) >= read_bytes / fastest


def test_keys_in_eight_bits_are_read_faster_than_in_sixteen():
    chip = CHIPS[0]
    wide, narrow = (
        decode_attention_s(64.0, 65_536.0, 32.0, 8.0, 128.0, size, curve_of(chip, kind))
        for size, kind in ((2.0, "bf16.bf16.wide"), (1.0, "bf16.fp8.wide"))
    )
    assert narrow < 0.75 * wide


def test_more_heads_than_a_tile_holds_are_taken_one_by_one():
    curve = CURVES[CHIPS[0]]
    fits, beyond = (
        decode_attention_s(256.0, 64.0, heads, 1.0, 128.0, 2.0, curve) for heads in (TILE_HEADS, TILE_HEADS + 32.0)
    )
    assert beyond > 5.0 * fits


def test_few_sequences_share_out_their_keys():
    curve = CURVES[CHIPS[0]]._replace(splits=64.0, join_s=0.0, piece_s=0.0)
    one, whole = (pieces_s(items, 65_536.0, 128.0, 0.0, curve) for items in (2.0, curve.units))
    assert one < whole / 10.0


def test_a_column_of_rows_gives_what_each_gives_alone():
    curve = CURVES[CHIPS[0]]
    batch, keys = np.array([1.0, 8.0, 512.0]), np.array([100.0, 8192.0, 4096.0])
    sizes = 32.0, 8.0, 128.0, 2.0, curve
    alone = [float(decode_attention_s(one, of, *sizes)) for one, of in zip(batch, keys, strict=True)]
    assert list(decode_attention_s(batch, keys, 32.0, 8.0, 128.0, 2.0, curve)) == pytest.approx(alone)
