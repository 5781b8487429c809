import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.performance.attention import AttentionCurve, attention_s, query_tiles_s, windowed_keys
from polysilicon.performance.curves import Silicon, attention_curve
from polysilicon.performance.efficiency import efficiency_of

CATALOGUE = load()
CHIPS = ("nvidia-h100-sxm-80gb", "nvidia-a100-sxm-80gb", "huawei-ascend-910b2", "intel-arc-pro-b60")
CURVES = {
    chip: attention_curve(
        efficiency_of(CATALOGUE, chip, "operators").parameters, Silicon.of(CATALOGUE, chip), "bf16.bf16.wide"
    )
    for chip in CHIPS
}
CURVE = st.sampled_from(CHIPS).map(CURVES.__getitem__)
BATCH, TOKENS, HEADS = (
    st.integers(1, 64).map(float),
    st.integers(1, 32_768).map(float),
    st.sampled_from([1.0, 8.0, 96.0]),
)
RATES = ("matrix_flop_per_s", "move_bytes_per_s", "cache_move_bytes_per_s")


def taken_s(curve, batch, queries, keys, heads, kv_heads=1.0, causal=1.0):
    return attention_s(batch, queries, keys, heads, kv_heads, 128.0, 2.0, causal, curve)


@settings(max_examples=60, deadline=None)
@given(curve=CURVE, batch=BATCH, tokens=TOKENS, heads=HEADS, rate=st.sampled_from(RATES), more=st.floats(1.0, 8.0))
def test_a_higher_rate_never_slows_attention(curve, batch, tokens, heads, rate, more):
    faster = curve._replace(**{rate: getattr(curve, rate) * more})
    job = batch, tokens, tokens, heads
    assert taken_s(faster, *job) <= taken_s(curve, *job) * (1.0 + 1e-12)


@settings(max_examples=60, deadline=None)
@given(curve=CURVE, batch=BATCH, tokens=TOKENS, heads=HEADS, causal=st.sampled_from([0.0, 1.0]))
def test_attention_never_runs_beyond_the_rate_of_its_tiles(curve, batch, tokens, heads, causal):
    seen = (tokens + 1.0) / 2.0 if causal else tokens
    least_s = 4.0 * batch * heads * tokens * seen * 128.0 / curve.matrix_flop_per_s
    assert taken_s(curve, batch, tokens, tokens, heads, causal=causal) >= least_s * (1.0 - 1e-12)


@settings(max_examples=60, deadline=None)
@given(curve=CURVE, batch=BATCH, queries=TOKENS, before=TOKENS, heads=HEADS)
def test_a_longer_past_and_more_key_heads_never_make_it_faster(curve, batch, queries, before, heads):
    short, long = (taken_s(curve, batch, queries, queries + past, heads) for past in (0.0, before))
    assert short <= long
    assert taken_s(curve, batch, queries, queries, heads, 1.0) <= taken_s(curve, batch, queries, queries, heads, heads)


@pytest.mark.parametrize("chip", CHIPS)
def test_a_causal_mask_saves_nearly_half_of_a_long_sequence(chip):
    masked, whole = (taken_s(CURVES[chip], 8.0, 32_768.0, 32_768.0, 32.0, causal=one) for one in (1.0, 0.0))
    assert 0.5 < masked / whole < 0.6


def test_one_head_takes_no_less_than_its_longest_tile():
    curve = CURVES[CHIPS[0]]._replace(fill_s=0.0, small=0.0)
    one, few = (query_tiles_s(1.0, 4096.0, 4096.0, heads, 128.0, 1.0, 128.0, curve) for heads in (1.0, 2.0))
    longest_s = 4.0 * 128.0 * 4096.0 * 128.0 / (curve.matrix_flop_per_s / curve.units)
    assert one >= longest_s
    assert few < 1.5 * one  # units were idle: a second head takes little more time


def test_a_column_of_chips_gives_what_each_gives_alone():
    both, job = AttentionCurve.stack([CURVES[chip] for chip in CHIPS]), (2.0, 2048.0, 2048.0, 32.0, 8.0)
    assert list(taken_s(both, *job)) == pytest.approx([taken_s(CURVES[chip], *job) for chip in CHIPS])


def test_a_window_that_holds_all_keys_changes_nothing_and_a_narrow_one_is_seen_whole():
    assert windowed_keys(512.0, 512.0, 512.0) == (512.0 + 1.0) / 2.0
    assert windowed_keys(1.0, 4096.0, 128.0) == 128.0
    assert windowed_keys(4096.0, 4096.0, 128.0) == pytest.approx(sum(min(at, 128) for at in range(1, 4097)) / 4096)
