"""What an engine leaves of a chip's memory, against what engines print when they start."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from polysilicon.facts import load
from polysilicon.facts.engines import KeptFree, ServingEngine
from polysilicon.facts.index import DATA
from polysilicon.performance import serving_passes as passes
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.serving_candidates import Asked, Candidates, Layout
from polysilicon.performance.serving_estimate import ask
from polysilicon.performance.serving_room import kept_bytes, profiled_bytes, usable_bytes
from polysilicon.performance.serving_table import fits_whole, sequences_that_fit
from polysilicon.performance.serving_table import usable_bytes as usable_of
from polysilicon.records.document import read_csv
from polysilicon.records.units import GIB
from polysilicon.workloads import transformer
from polysilicon.workloads.task import Serving

ROOMS = [row for _, row in read_csv(DATA / "measurements" / "cache_rooms.csv")]


def asked(row: dict[str, str]) -> Asked:
    catalogue = load()
    tp, pp = int(row["tp"]), int(row["pp"])
    layout = Layout(tp=tp, pp=pp, precision=row["precision"], cache=row["kv_precision"])
    question = ask(
        catalogue,
        transformer(catalogue, row["model"]),
        Serving(int(row["sequence_tokens"]) - 1, 1),
        Cluster.from_catalogue(catalogue, row["chip_id"], tp * pp),
        layout,
        1.0,
        row["engine"],
    )
    engine = question.engine.released(row["version"]).filling(float(row["memory_share"]))
    return replace(question, engine=engine)


def test_weights_are_as_large_as_engines_say() -> None:
    off = []
    for row in ROOMS:
        weights, _ = passes.memory_bytes(Candidates.of([asked(row)]))
        off.append(abs(float(weights[0]) / GIB / float(row["weights_gib"]) - 1.0))
    assert np.median(off) < 0.005
    assert max(off) < 0.15  # kernels of MXFP4 pad what they hold, which is not counted


def test_the_room_for_the_cache_is_what_engines_say() -> None:
    off = []
    for row in ROOMS:
        table = Candidates.of([asked(row)])
        weights, _ = passes.memory_bytes(table)
        off.append((float(usable_of(table)[0]) - float(weights[0])) / GIB - float(row["cache_gib"]))
    # Cards have 0.8 GiB less than their name, and several of them share a little more.
    assert -1.0 < np.median(off) < 1.5
    assert max(map(abs, off)) < 5.0  # MXFP4, whose kernels pad


def test_as_many_tokens_fit_as_engines_say() -> None:
    off = [
        float(sequences_that_fit(Candidates.of([asked(row)]))[0]) * int(row["sequence_tokens"]) / int(row["tokens"])
        - 1.0
        for row in ROOMS
        # Of windows an engine counts tokens in ways of its own.
        if row["tokens"] and not transformer(load(), row["model"]).window
    ]
    assert len(off) > 15
    assert np.median(np.abs(off)) < 0.04


def test_a_profile_run_finds_activations_or_the_scores_of_all_words() -> None:
    long_chunk = profiled_bytes(3.0, 16384.0, 9.7, 256.0, 32_000.0)
    many_words = profiled_bytes(3.0, 8192.0, 9.7, 1024.0, 201_088.0)
    assert long_chunk == 6.0 * GIB
    assert many_words == 9.7 * 4.0 * 1024.0 * 201_088.0


@given(
    st.floats(1e9, 3e11), st.floats(0.1, 1.0), st.floats(0.0, 1e10), st.floats(0.0, 1e11), st.sampled_from([0.0, 1.0])
)
def test_an_engine_never_uses_more_than_there_is(
    memory: float, share: float, profiled: float, weights: float, of_rest: float
) -> None:
    weights = min(weights, memory)
    assert usable_bytes(memory, share, profiled, 0.0, of_rest, weights) <= memory * (1 + 1e-12)


def kept(chunk: float = 8192.0, graphs: float = 256.0, chips: float = 1.0, copies: float = 1.0) -> float:
    rule = KeptFree(512.0, 1.5, chunk, 2.0, graphs, 128.0, 3.0 if copies > 1 else 0.0, 0.0)
    return float(kept_bytes(rule, chips, copies))


def test_what_is_kept_by_rule_grows_with_chunk_graphs_chips_and_copies() -> None:
    assert min(kept(chunk=16384.0), kept(graphs=512.0), kept(chips=8.0), kept(copies=8.0)) > kept()


def test_sglang_keeps_a_known_amount_of_two_chips() -> None:
    """Worked by hand from the rule: 13,440 MiB of one H100, 33,280 of an H200 with eight copies of attention."""
    engine = load().get(ServingEngine, "sglang")
    one = kept_bytes(engine.kept_free("nvidia-h100-sxm-80gb", 80.0, 1, 1), 1.0, 1.0)
    eight = kept_bytes(engine.kept_free("nvidia-h200-sxm-141gb", 141.0, 8, 8), 8.0, 8.0)
    assert one / 2**20 == 13_440
    assert eight / 2**20 == 33_280


@pytest.mark.parametrize(
    ("version", "copies"), [("0.11.0", 9.7), ("v0.16.1", 9.7), ("0.17.0", 3.8), ("1.0", 3.8), ("", 3.8)]
)
def test_a_version_holds_as_many_copies_as_it_did(version: str, copies: float) -> None:
    assert load().get(ServingEngine, "vllm").released(version).sampler_copies == copies


def test_only_an_engine_whose_versions_differ_is_told_by_them() -> None:
    engine = load().get(ServingEngine, "sglang")
    assert engine.released("0.4.0") is engine


def growing(*, sets_aside: bool, output_tokens: int = 8000) -> Candidates:
    catalogue = load()
    cluster = Cluster.from_catalogue(catalogue, "nvidia-h100-sxm-80gb", 4)
    task, layout = Serving(1000, output_tokens), Layout(tp=4, precision="fp8")
    question = ask(catalogue, transformer(catalogue, "llama-3.1-70b"), task, cluster, layout, 64.0, "vllm")
    return Candidates.of([replace(question, engine=structs.replace(question.engine, sets_aside=sets_aside))])


def test_memory_holds_more_sequences_where_none_sets_room_aside_for_its_whole_answer() -> None:
    # On average a sequence has its prompt and half its answer.
    aside, grown = (float(sequences_that_fit(growing(sets_aside=one))[0]) for one in (True, False))
    assert grown / aside == pytest.approx(9000 / 5000)


def test_one_sequence_of_full_length_must_fit_whoever_sets_room_aside() -> None:
    aside, grown = (growing(sets_aside=one, output_tokens=2_000_000) for one in (True, False))
    assert sequences_that_fit(grown, whole=True) == sequences_that_fit(aside, whole=True)
    assert not fits_whole(grown)
    assert not fits_whole(aside)
    assert fits_whole(growing(sets_aside=False))
    assert sequences_that_fit(grown) == pytest.approx(sequences_that_fit(aside) * 2_001_000 / 1_001_000)


def test_engines_that_put_sequences_back_set_no_room_aside() -> None:
    engines = {name: load().get(ServingEngine, name) for name in ("vllm", "sglang", "trtllm")}
    assert {name: one.sets_aside for name, one in engines.items()} == {"vllm": False, "sglang": False, "trtllm": True}
