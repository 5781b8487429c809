"""Latent attention: kernel and block."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.performance.curves import Silicon
from polysilicon.performance.efficiency import efficiency_of
from polysilicon.performance.kernel_curves import decode_curve, prefill_curve, projection_curve
from polysilicon.performance.latent import Latent, latent_decode_s, latent_prefill_s, projections_s
from polysilicon.records.errors import InputError
from polysilicon.workloads import transformer

CATALOGUE = load()
CHIP = "nvidia-h100-sxm-80gb"
FITTED, SILICON = efficiency_of(CATALOGUE, CHIP, "operators").parameters, Silicon.of(CATALOGUE, CHIP)
LATENT = Latent.of(transformer(CATALOGUE, "deepseek-v3"))


def test_the_widths_are_those_of_the_model():
    assert LATENT == (7168, 1536, 512, 64, 128, 128)
    assert LATENT.head_dim == 160.0
    with pytest.raises(InputError, match="no latent attention"):
        Latent.of(transformer(CATALOGUE, "llama-3.1-70b"))


@settings(max_examples=40, deadline=None)
@given(batch=st.sampled_from([1.0, 8.0, 64.0]), keys=st.integers(64, 65_536).map(float), more=st.floats(1.1, 8.0))
def test_a_faster_memory_never_slows_one_token(batch, keys, more):
    curve = decode_curve(FITTED, SILICON, "bf16", "mla_decode")
    faster = curve._replace(memory_bytes_per_s=curve.memory_bytes_per_s * more)
    sizes = batch, keys, 16.0, 2.0, LATENT
    assert latent_decode_s(*sizes, faster) <= latent_decode_s(*sizes, curve) * (1.0 + 1e-12)


def test_a_prompt_four_times_as_long_takes_more_than_four_times():
    curve = prefill_curve(FITTED, SILICON, "bf16")
    short, long = (latent_prefill_s(1.0, size, size, 16.0, 2.0, LATENT, *curve) for size in (8192.0, 32_768.0))
    assert long > 4.0 * short


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(1, 4096).map(float), heads=st.sampled_from([1.0, 16.0, 128.0]))
def test_projections_take_no_less_than_their_arithmetic_and_more_for_more_rows(rows, heads):
    curve = projection_curve(FITTED, SILICON, "bf16.bf16", "mla_decode_block")
    one, more = (projections_s(of, heads, LATENT, curve) for of in (rows, rows + 64.0))
    weights = LATENT.hidden * (LATENT.query + LATENT.kept + LATENT.rotary + heads * LATENT.value)
    assert one >= 2.0 * rows * weights / curve.flop_per_s
    assert more >= one * (1.0 - 1e-9)
