"""Experts of one layer: routing, and laws that hold whatever the parameters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.performance.curves import Silicon
from polysilicon.performance.efficiency import efficiency_of
from polysilicon.performance.experts import (
    FEW_MOST,
    RANDOM,
    ExpertCurve,
    busiest_ratio,
    law_above,
    law_moment,
    moe_s,
    routed_most,
    touched,
)
from polysilicon.performance.kernel_curves import expert_curve

CATALOGUE = load()
CHIPS = ("nvidia-h100-sxm-80gb", "nvidia-l40s", "huawei-ascend-910b2")


def curve_of(chip: str, kind: str = "bf16") -> ExpertCurve:
    curve = expert_curve(efficiency_of(CATALOGUE, chip, "operators").parameters, Silicon.of(CATALOGUE, chip), kind)
    return curve._replace(surface=tuple(0.0 for _ in curve.surface))


CURVES = {chip: curve_of(chip) for chip in CHIPS}
TOKENS = st.integers(1, 16_384).map(float)
LAYER = 7168.0, 2048.0, 8.0, 256.0


@settings(max_examples=60, deadline=None)
@given(chip=st.sampled_from(CHIPS), tokens=TOKENS, ep=st.sampled_from([1.0, 8.0, 64.0]), more=st.floats(1.0, 8.0))
def test_more_bandwidth_or_arithmetic_never_slows_a_layer(chip, tokens, ep, more):
    curve = CURVES[chip]
    for rate in ("memory_bytes_per_s", "matrix_flop_per_s", "cache_bytes_per_s"):
        product = curve.product._replace(**{rate: getattr(curve.product, rate) * more})
        faster = moe_s(tokens, *LAYER, 1.0, ep, 0.0, curve._replace(product=product))
        assert faster <= moe_s(tokens, *LAYER, 1.0, ep, 0.0, curve) * (1.0 + 1e-12)


@settings(max_examples=60, deadline=None)
@given(chip=st.sampled_from(CHIPS), tokens=TOKENS, alpha=st.sampled_from([RANDOM, 0.0, 1.01, 1.2]))
def test_twice_as_many_tokens_are_never_faster_beyond_what_tiles_round_off(chip, tokens, alpha):
    few, many = (moe_s(of, *LAYER, 1.0, 8.0, alpha, CURVES[chip]) for of in (tokens, 2.0 * tokens))
    assert many >= few * 0.95


@given(tokens=TOKENS, local=st.sampled_from([1.0, 4.0, 32.0, 256.0]), alpha=st.sampled_from([RANDOM, 0.0, 1.01, 1.2]))
def test_no_more_experts_are_touched_than_there_are_or_than_copies(tokens, local, alpha):
    found = touched(tokens, tokens, local, routed_most(tokens, tokens, local), alpha)
    assert 1.0 <= found <= min(local, max(tokens, 1.0))


@given(tokens=TOKENS, ep=st.sampled_from([1.0, 2.0, 64.0]), alpha=st.sampled_from([RANDOM, 0.0, 1.01, 1.2]))
def test_the_busiest_rank_has_at_least_the_mean_and_at_most_all(tokens, ep, alpha):
    most = routed_most(tokens, 8.0 * tokens, 256.0)
    assert 1.0 <= busiest_ratio(most, 4.0, ep, alpha, 0.5) <= max(ep, 1.0)
    assert busiest_ratio(most, 4.0, ep, 0.0, 0.5) == 1.0
    assert busiest_ratio(most, 4.0, 1.0, alpha, 0.5) == 1.0


def test_tokens_that_draw_their_experts_leave_some_untouched():
    # Eight of 256 experts for each of 32 tokens: as many copies as experts, of which a share 1 - 31/32 ** 32 is met.
    assert touched(256.0, 32.0, 256.0, FEW_MOST, 0.0) == 256.0
    assert touched(256.0, 32.0, 256.0, FEW_MOST, RANDOM) == pytest.approx(256.0 * (1.0 - (31.0 / 32.0) ** 32))
    assert touched(8.0, 1.0, 256.0, FEW_MOST, RANDOM) == pytest.approx(8.0)


@pytest.mark.parametrize(("tokens", "alpha"), [(1.0, 1.01), (8.0, 1.01), (32.0, 1.2), (64.0, 1.01), (512.0, 1.2)])
def test_experts_touched_by_skewed_routing_are_those_of_drawn_and_rounded_shares(tokens, alpha):
    experts, copies = 256, int(8 * tokens)
    rng = np.random.default_rng(0)
    low, high = (1.0, 0.8 * tokens) if copies > experts else (0.01, 2.0)
    counts = []
    for _ in range(200):
        power = 1.0 - alpha
        weights = ((high**power - low**power) * rng.random(experts) + low**power) ** (1.0 / power)
        given = np.sort(np.round(weights / weights.sum() * copies))[::-1]
        given[: max(copies - int(given.sum()), 0)] += 1.0
        counts.append(np.count_nonzero(given))
    most = routed_most(tokens, copies, experts)
    assert touched(float(copies), tokens, float(experts), most, alpha) == pytest.approx(np.mean(counts), rel=0.1)


def test_the_share_above_the_least_weight_is_all_and_above_the_largest_none():
    assert law_above(1.0, 100.0, 1.2) == 1.0
    assert law_above(100.0, 100.0, 1.2) == pytest.approx(0.0)


def test_the_moments_of_the_law_are_those_of_its_density():
    x = np.exp(np.linspace(0.0, np.log(100.0), 200_001))
    for alpha in (1.0, 1.2, 2.0):
        density = x**-alpha
        for power in (1.0, 2.0):
            mean = np.trapezoid(x**power * density, x) / np.trapezoid(density, x)
            assert law_moment(100.0, alpha, power) == pytest.approx(mean, rel=1e-4)


def test_narrow_weights_are_read_faster_where_few_tokens_touch_many_experts():
    chip = CHIPS[0]
    wide, narrow = (moe_s(64.0, *LAYER, 1.0, 1.0, 0.0, curve_of(chip, kind)) for kind in ("bf16", "fp8"))
    assert narrow < 0.75 * wide
