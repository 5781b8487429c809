"""What serving takes of a model: caches that compress tokens, what a chip holds whole, residual streams."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.performance.test_serving_passes import table

from polysilicon.facts import load
from polysilicon.performance.serving import Layout
from polysilicon.performance.serving_candidates import Candidates
from polysilicon.performance.serving_iteration import (
    dense_flop,
    head_ways,
    reach_tokens,
    replicated_bytes,
    stream_traffic_bytes,
)
from polysilicon.performance.serving_model import Served
from polysilicon.performance.serving_passes import decode_s, kept_tokens, memory_bytes, prefill_parts_s
from polysilicon.performance.serving_split import prompt_cache_bytes
from polysilicon.records.units import GIB
from polysilicon.workloads import Transformer, transformer

PRO, FLASH = "deepseek-v4-pro", "deepseek-v4-flash"
FORMAT = "mxfp4-fp8"


def model(name: str = PRO) -> Transformer:
    return transformer(load(), name)


def asked(name: str = PRO, prompt: int = 8192, **layout: int | str) -> Candidates:
    told = {"tp": 8, "precision": FORMAT} | layout
    return table(name, Layout(**told), prompt, chip="nvidia-b200-sxm")  # type: ignore[arg-type]


def reach(sizes: Served, context: float, index_tokens: float | None = None) -> float:
    picked = sizes.index_tokens if index_tokens is None else index_tokens
    shares = sizes.index_share, sizes.index_ratio, sizes.whole_share, sizes.whole_ratio
    return float(reach_tokens(context, sizes.shape.window, sizes.shape.windowed_share, picked, *shares))


def test_a_token_reads_a_window_and_what_its_layers_compressed() -> None:
    read = 61 * 128 + 30 * min(1024, 60_000 / 4) + 31 * 60_000 / 128
    assert reach(Served.of(model()), 60_000.0) == pytest.approx(read / 61)
    # Two layers of the smaller model read their window alone.
    read = 43 * 128 + 21 * 2000 / 4 + 20 * 2000 / 128
    assert reach(Served.of(model(FLASH)), 2000.0) == pytest.approx(read / 43)


@given(context=st.floats(1.0, 2e6))
def test_entries_of_one_token_each_are_what_is_read_without_compression(context: float) -> None:
    own = model()
    assert own.compressed
    plain = replace(own, window=0, windowed_layers=0)
    whole = replace(own.compressed, sparse_layers=0, heavy_layers=own.layers, heavy_ratio=1)
    assert reach(Served.of(replace(plain, compressed=whole)), context) == pytest.approx(context)
    picked = replace(own.compressed, sparse_layers=own.layers, sparse_ratio=1, heavy_layers=0)
    assert reach(Served.of(replace(plain, compressed=picked)), context) == pytest.approx(min(1024.0, context))


@given(tokens=st.integers(171, 1_000_000), more=st.integers(1, 100_000))
def test_a_longer_sequence_keeps_more_entries_and_never_more_than_its_tokens(tokens: int, more: int) -> None:
    few, many = (float(np.ravel(kept_tokens(asked(), np.array([float(one)])))[0]) for one in (tokens, tokens + more))
    assert few < many
    # A full window and the entries of all tokens, at four tokens each, are no more than the tokens.
    assert few <= tokens


@pytest.mark.parametrize(("name", "gib"), [(PRO, 5.40), (FLASH, 3.77)])
def test_a_million_tokens_take_what_the_published_entries_do(name: str, gib: float) -> None:
    # Entries of 584 bytes and index keys of 132, as vLLM and SGLang lay them out; no rank spares any.
    for tp in (4, 8):
        kept = float(np.ravel(prompt_cache_bytes(asked(name, 2**20, tp=tp)))[0])
        assert kept / GIB == pytest.approx(gib, abs=0.01)


def test_a_sequence_is_kept_to_the_byte() -> None:
    entries = 584 * (61 * 128 + 30 * 8292 / 4 + 31 * 8292 / 128)
    # What waits to become an entry: keys and weights of eight tokens, of an entry and an index key; or of 128.
    waiting = 4 * 2 * (30 * 8 * 2 * (512 + 128) + 31 * 128 * 512)
    held = float(np.ravel(memory_bytes(asked())[1])[0])
    assert held == pytest.approx(entries + 132 * 30 * 8292 / 4 + waiting)


@pytest.mark.parametrize(("cache", "entry"), [("auto", 584), ("fp8", 584), ("bf16", 1024)])
@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
def test_entries_are_kept_in_eight_bits_unless_told_otherwise(cache: str, entry: int, engine: str) -> None:
    one = table(PRO, Layout(tp=8, precision=FORMAT, cache=cache), engine=engine, chip="nvidia-b200-sxm")
    assert one.cache_bytes * 512 == pytest.approx(entry)


@pytest.mark.parametrize("name", [PRO, FLASH])
@given(degrees=st.sampled_from([(1, 2), (2, 4), (4, 8)]), pp=st.sampled_from([1, 2]))
def test_tensor_parallelism_never_adds_weights_nor_spares_a_cache(name: str, degrees: tuple[int, int], pp: int) -> None:
    (most, cached), (least, same) = (memory_bytes(asked(name, tp=tp, pp=pp)) for tp in degrees)
    assert least < most
    # Some are whole on each rank.
    assert least > most * degrees[0] / degrees[1]
    assert same == pytest.approx(cached)


@given(dense=st.floats(1e6, 1e12), whole=st.floats(0.0, 1e12), tp=st.sampled_from([1, 2, 8]))
def test_weights_held_whole_are_computed_and_kept_by_each_rank(dense: float, whole: float, tp: int) -> None:
    assert dense_flop(dense, whole, 3.0, tp) == pytest.approx(6.0 * (dense / tp + whole))
    assert replicated_bytes(whole, 0.0, 0.0, 1.0) == whole
    assert replicated_bytes(whole, whole, 0.0, 1.0) == 2.0 * whole
    assert replicated_bytes(whole, 0.0, whole, 1.0) == 4.0 * whole


@pytest.mark.parametrize(("tp", "ways"), [(1, 1), (2, 2), (8, 2)])
def test_attention_over_entries_is_cut_no_further_than_its_kernels_heads(tp: int, ways: int) -> None:
    sizes = Served.of(model())
    assert head_ways(tp, sizes.shape.heads, sizes.least_heads) == ways
    plain = Served.of(model("llama-3.1-70b"))
    assert head_ways(tp, plain.shape.heads, plain.least_heads) == tp


def test_one_residual_stream_costs_nothing_and_several_cost_time_and_weights() -> None:
    sizes = Served.of(model("deepseek-v3"))
    assert (sizes.stream_weights, sizes.stream_layers) == (0.0, 0.0)
    assert stream_traffic_bytes(1000.0, sizes.shape.hidden, sizes.streams, sizes.stream_layers) == 0.0
    widened = asked()
    single = replace(widened, served=replace(widened.served, stream_layers=0.0 * widened.served.stream_layers))
    assert decode_s(widened, np.array([8.0])) > decode_s(single, np.array([8.0])) + 61 * 20e-6
    assert prefill_parts_s(widened)[0] > prefill_parts_s(single)[0]
    assert widened.served.stream_weights == 61 * 2 * (2 + 4) * 4 * 4 * 7168


def test_a_longer_context_of_compressed_attention_slows_decoding_by_little() -> None:
    short, long = (decode_s(asked(prompt=one), np.array([1.0])) for one in (4096, 900_000))
    assert short < long < 1.2 * short


def test_rotary_embeddings_turn_what_layers_with_attention_have() -> None:
    name = "qwen3.5-397b-a17b"
    sizes, own = Served.of(model(name)), model(name)
    softmax = own.layers - own.linear_layers
    assert sizes.turned_width == softmax * own.head_dim * (own.heads + 2 * own.kv_heads)
