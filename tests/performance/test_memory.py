"""What memory obeys whatever the model and the cut, and what was measured of it."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.performance import Cluster, Layouts, Recipe, activations, states
from polysilicon.performance.efficiency import efficiency_of
from polysilicon.performance.kept import layer_activations
from polysilicon.performance.memory import KINDS, memory, needed_bytes
from polysilicon.performance.space import Space
from polysilicon.performance.stages import common, stages, state_bytes
from polysilicon.performance.training import job_of
from polysilicon.workloads.counts import Shape
from polysilicon.workloads.describe import card_of
from polysilicon.workloads.huggingface import from_config
from polysilicon.workloads.model import StateSpace
from polysilicon.workloads.task import Training

CATALOGUE = load()
CHIP = "nvidia-b200-sxm"
TASK = Training(2048, 64)
POWER = st.sampled_from([1, 2, 4, 8])
GIB = 2.0**30


def job(model, cut, recipe=None, task=TASK, shape=None):
    cluster = Cluster.from_catalogue(CATALOGUE, CHIP, 4096)
    efficiency = efficiency_of(CATALOGUE, cluster.chip, "training")
    return job_of(CATALOGUE, shape or Shape.of(model), task, cluster, cut, recipe or Recipe(), efficiency)


def used(model, cut, recipe=None, task=TASK):
    return memory(job(model, cut, recipe, task))


def one(values):
    return float(np.ravel(values)[0])


@st.composite
def cuts(draw, experts=False):
    degrees = {name: draw(POWER) for name in ("tp", "pp", "dp", "cp")}
    if experts:
        degrees["ep"] = draw(st.sampled_from([e for e in (1, 2, 4, 8) if e <= degrees["dp"]]))
    return Layouts.one(
        **degrees,
        micro_batch=draw(st.sampled_from([1, 2])),
        interleave=draw(st.sampled_from([1, 2])) if degrees["pp"] > 1 else 1,
        recompute=draw(st.sampled_from(["none", "selective", "full"])),
        recomputed_share=draw(st.sampled_from([1.0, 0.5])),
        zero_stage=draw(st.sampled_from([0, 1, 2, 3])),
        sequence_parallel=draw(st.sampled_from([0, 1])),
        schedule=draw(st.sampled_from(["1f1b", "zero_bubble"])),
        precision=draw(st.sampled_from(["bf16", "fp8"])),
        shard=draw(st.sampled_from([0, 2])),
        **{
            f"offload_{name}": draw(st.sampled_from([0.0, 0.5, 1.0]))
            for name in ("optimizer", "activations", "weights")
        },
    )


RECIPES = st.sampled_from(
    [
        Recipe(),
        Recipe(frozen=1.0, adapter_share=0.01),
        Recipe(fused_attention=0.0, dropout=1.0),
        Recipe(by_operator=1.0, kept_operands=0.0, logit_bytes=14.0),
        Recipe(feed_forward_again=1.0, predicted_ahead=2.0),
    ]
)


@settings(max_examples=80, deadline=None)
@given(cut=cuts(experts=True), recipe=RECIPES, layers=st.sampled_from([16, 19, 23]))
def test_the_kinds_sum_to_the_whole_and_none_is_below_nought(mixture, cut, recipe, layers):
    found = used(replace(mixture, layers=layers), cut, recipe)
    kinds = [one(getattr(found, f"{kind}_bytes")) for kind in KINDS]
    assert min(kinds) >= 0.0
    assert sum(kinds) == pytest.approx(one(found.memory_bytes), rel=1e-12)
    assert sum(kinds[:-1]) == pytest.approx(one(found.allocated_bytes), rel=1e-12)
    assert one(found.allocated_bytes) < one(found.reserved_bytes) < one(found.memory_bytes)


@settings(max_examples=80, deadline=None)
@given(cut=cuts(experts=True), recipe=RECIPES, layers=st.sampled_from([16, 19, 23]))
def test_the_quick_way_asks_for_as_much(mixture, cut, recipe, layers):
    asked = job(replace(mixture, layers=layers), cut, recipe)
    assert one(needed_bytes(asked)) == pytest.approx(one(memory(asked).memory_bytes), rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(cut=cuts(), name=st.sampled_from(["micro_batch", "recompute", "zero_stage", "offload_optimizer"]))
def test_memory_rises_with_the_micro_batch_and_falls_with_what_saves_it(small, cut, name):
    cut = replace(cut, schedule=0.0 * cut.schedule, offload_weights=0.0 * cut.offload_weights)
    steps = {
        "micro_batch": [4.0, 2.0, 1.0],
        "recompute": [0.0, 1.0, 2.0],
        "zero_stage": [0.0, 1.0, 2.0, 3.0] if cut.pp[0] == 1 else [0.0, 1.0],
        "offload_optimizer": [0.0, 0.5, 1.0],
    }[name]
    sizes = [one(used(small, replace(cut, **{name: np.array([step])})).memory_bytes) for step in steps]
    assert all(later <= earlier * (1 + 1e-12) for earlier, later in pairwise(sizes))


@settings(max_examples=40, deadline=None)
@given(cut=cuts(experts=True))
def test_a_split_state_sums_to_the_whole(mixture, cut):
    """The optimizer's states of one replica group, over all its chips and stages, are those of the whole model."""
    cut = replace(cut, zero_stage=np.array([1.0]), shard=np.array([0.0]))
    if mixture.layers % one(cut.pp) or one(cut.cp) > 1:
        cut = replace(cut, pp=np.array([1.0]), cp=np.array([1.0]))
    asked = job(mixture, cut)
    shared, (stage,) = common(asked), tuple(stages(asked))
    no_edges = replace(stage, edge_weights=0.0)
    optimizer = one(state_bytes(asked, shared, no_edges)[2])
    shape = asked.shape
    layers = float(shape.weights) - float(shape.embeddings * shape.vocab * shape.hidden)
    chips = one(cut.tp) * one(cut.pp) * one(cut.dp)
    assert optimizer * chips == pytest.approx(12.0 * layers, rel=1e-9)


def test_groups_of_replicas_hold_a_state_each(small):
    whole = used(small, Layouts.one(dp=8, zero_stage=3))
    halves = used(small, Layouts.one(dp=8, zero_stage=3, shard=4))
    assert one(halves.optimizer_bytes) == pytest.approx(2.0 * one(whole.optimizer_bytes))


@pytest.mark.parametrize("ranks", [8, 64, 1024])
def test_who_owns_the_largest_tensor_holds_its_states_whole(small, ranks):
    sliced, owned = (
        one(used(small, Layouts.one(dp=ranks, zero_stage=1), Recipe(whole_tensors=own)).optimizer_bytes)
        for own in (0.0, 1.0)
    )
    largest = 12.0 * max(small.vocab * small.hidden, small.hidden * small.ffn_hidden)
    assert owned == pytest.approx(max(sliced, largest))


def test_the_stages_of_a_pipeline_hold_split_weights_and_gradients_whole_as_its_micro_batches_share_them(small):
    single, deep = (used(small, Layouts.one(dp=8, pp=pp, zero_stage=3)) for pp in (1, 2))
    asked = job(small, Layouts.one(dp=8, pp=2, zero_stage=3))
    weights = asked.shape.weights / 2.0
    assert one(deep.gathered_bytes) == pytest.approx((2.0 + 4.0) * weights, rel=0.1)
    assert one(deep.gathered_bytes) > 2.0 * one(single.gathered_bytes)


def test_stages_that_keep_what_they_hand_over_hold_it_for_what_is_in_flight_and_for_every_micro_batch(small):
    cut = Layouts.one(pp=4, dp=2)
    plain, kept = (memory(job(small, cut, Recipe(kept_boundaries=one))) for one in (0.0, 1.0))
    handed = 2.0 * 2048 * small.hidden
    in_flight, batches = 4.0, TASK.global_batch / 2
    assert one(kept.activation_bytes) - one(plain.activation_bytes) == pytest.approx(handed * (in_flight + batches))
    whole = Layouts.one(dp=8)
    assert one(used(small, whole, Recipe(kept_boundaries=1.0)).memory_bytes) == one(used(small, whole).memory_bytes)


def test_every_virtual_stage_but_the_very_last_keeps_what_it_hands_over():
    sent = activations.with_boundaries_bytes(
        0.0, 1.0, np.array([1.0, 2.0, 2.0, 2.0]), 2.0, 3.0, 16.0, np.array([0, 0, 1, 1]), 1.0
    )
    assert sent.tolist() == [0.0, 38.0, 19.0, 19.0]


def test_experts_that_no_replica_splits_are_whole_without_being_gathered(mixture):
    cut = {"dp": 8, "pp": 2, "ep": 8}
    first, second = (used(mixture, Layouts.one(**cut, zero_stage=stage)) for stage in (1, 2))
    asked = job(mixture, Layouts.one(**cut))
    plain = common(asked).layer_weights * mixture.layers / 2 + asked.shape.vocab * asked.shape.hidden
    assert one(second.gathered_bytes) == pytest.approx(4.0 * plain, rel=1e-6)
    assert one(first.gathered_bytes) == 0.0


def test_fully_sharded_weights_leave_the_master_copy_alone_unless_the_software_keeps_both(small):
    cut = Layouts.one(dp=8, zero_stage=3)
    assert one(used(small, cut).weight_bytes) == 0.0
    both = used(small, cut, Recipe(shard_bytes=2.0))
    assert one(both.weight_bytes) * 6.0 == pytest.approx(one(both.optimizer_bytes))


def test_narrow_products_keep_two_more_copies_of_the_weights_and_smaller_activations(small):
    wide, narrow = (used(small, Layouts.one(precision=one)) for one in ("bf16", "fp8"))
    assert one(narrow.weight_bytes) == pytest.approx(2.0 * one(wide.weight_bytes))
    assert one(narrow.activation_bytes) < one(wide.activation_bytes)
    alone = used(small, Layouts.one(precision="fp8"), Recipe(narrow_weights=1.0))
    assert one(alone.weight_bytes) == pytest.approx(one(wide.weight_bytes))
    cast_again = used(small, Layouts.one(precision="fp8"), Recipe(kept_operands=0.0))
    assert one(cast_again.memory_bytes) == pytest.approx(one(wide.memory_bytes))


def test_adapters_need_states_for_themselves_alone(small):
    full, lora = used(small, Layouts.one()), used(small, Layouts.one(), Recipe(frozen=1.0, adapter_share=0.01))
    for kind in ("gradient_bytes", "optimizer_bytes"):
        assert one(getattr(lora, kind)) == pytest.approx(0.01 * one(getattr(full, kind)))
    assert one(lora.weight_bytes) == pytest.approx(1.01 * one(full.weight_bytes))


def test_feed_forward_products_without_gradients_keep_nothing_for_them(small):
    """Adapters beside attention alone: a feed-forward part keeps no norm's result and no activation's."""
    tokens, width = TASK.sequence_length, 3 * small.ffn_hidden
    everywhere, attention = (
        one(layer_activations(job(small, Layouts.one(), Recipe(frozen=1.0, attention_adapters=share))))
        for share in (0.0, 1.0)
    )
    assert everywhere - attention == pytest.approx(tokens * 2 * (small.hidden + width / 3))
    trained = one(layer_activations(job(small, Layouts.one(), Recipe(attention_adapters=1.0))))
    assert trained == everywhere  # weights that are trained need what they took in
    narrow = one(layer_activations(job(small, Layouts.one(), Recipe(narrow_activations=1.0))))
    assert everywhere - narrow == pytest.approx(tokens * width * 2 / 3)


def test_frozen_weights_of_narrow_products_are_kept_narrow_alone(small):
    lora = Recipe(frozen=1.0, adapter_share=0.01)
    wide, eight, four = (used(small, Layouts.one(precision=name), lora) for name in ("bf16", "fp8", "nvfp4"))
    assert one(eight.weight_bytes) == pytest.approx(1.02 / 2.02 * one(wide.weight_bytes))
    assert one(four.weight_bytes) == pytest.approx(0.52 / 2.02 * one(wide.weight_bytes))


@pytest.mark.parametrize(
    ("pp", "interleave", "batches", "first", "second", "last"),
    [
        (1, 1, 8, 1, 0, 1),
        (4, 1, 8, 4, 3, 1),
        (4, 1, 2, 2, 1, 1),
        (8, 1, 32, 8, 7, 1),
        (4, 2, 8, 5.5, 4.5, 2.5),  # eleven chunks of two: 2(p - 1) + (v - 1)p + 1, and two fewer for each stage on
        (8, 3, 32, 31 / 3, 29 / 3, 17 / 3),
    ],
)
def test_stages_hold_as_many_micro_batches_as_their_schedule_starts_ahead(pp, interleave, batches, first, second, last):
    held = activations.first_in_flight(pp, interleave, batches)
    assert one(held) == pytest.approx(first)
    assert one(activations.second_in_flight(held, pp, interleave)) == pytest.approx(second)
    assert one(activations.last_in_flight(pp, interleave, batches)) == pytest.approx(last)


def test_the_zero_bubble_schedule_keeps_the_memory_of_1f1b(gpt3):
    plain, bubbleless = (used(gpt3, Layouts.one(tp=8, pp=8, schedule=one)) for one in ("1f1b", "zero_bubble"))
    assert one(plain.memory_bytes) == one(bubbleless.memory_bytes)


@settings(max_examples=100, deadline=None)
@given(layers=st.integers(2, 130), pp=st.integers(1, 16))
def test_uneven_stages_hold_every_layer(layers, pp):
    pp = min(pp, layers)
    longest = np.ceil(layers / pp)
    spared = states.spared_layers(layers, pp)
    first, last = (one(states.edge_layers(longest, spared, least)) for least in (2.0, 1.0))
    between = longest * max(pp - 2, 0)
    assert first + (last if pp > 1 else 0) + between >= layers
    assert last <= first <= longest


def test_the_fullest_stage_of_uneven_ones_has_a_layer_more_and_no_embedding(small):
    """Ten layers over four stages: the last and the first have two, so the second may be fuller than both."""
    model = replace(small, layers=10, vocab=1000)
    cut = Layouts.one(pp=4, recompute="full")
    found, shape = used(model, cut), Shape.of(model)
    per_layer = (shape.weights - shape.embeddings * shape.vocab * shape.hidden) / 10
    assert one(found.weight_bytes) == pytest.approx(2.0 * 3 * per_layer)
    kept = one(layer_activations(job(model, cut)))
    assert one(found.activation_bytes) > 3 * 3 * kept


def test_the_last_stage_is_fullest_where_its_logits_outweigh_what_others_have_in_flight(small):
    model = replace(small, vocab=2_000_000)
    found = used(model, Layouts.one(pp=4, micro_batch=2, recompute="full"))
    assert one(found.logit_bytes) > 6.0 * 2 * 2048 * 2_000_000
    assert one(used(small, Layouts.one(pp=4, micro_batch=2)).logit_bytes) == 0.0


def test_what_is_offloaded_lies_on_the_host_and_not_on_the_chip(gpt3):
    cut = {"tp": 8, "pp": 8, "dp": 2, "zero_stage": 1}
    plain, away = used(gpt3, Layouts.one(**cut)), used(gpt3, Layouts.one(**cut, offload_optimizer=1.0))
    assert one(plain.host_bytes) == 0.0
    assert one(away.host_bytes) == pytest.approx(one(plain.optimizer_bytes))
    assert one(away.optimizer_bytes) == pytest.approx(2.0 / 12.0 * one(plain.optimizer_bytes))  # two layers in transit


def test_a_recomputed_layer_keeps_its_input(gpt3):
    asked = job(gpt3, Layouts.one(recompute="full"))
    assert one(layer_activations(asked)) == 2.0 * 2048 * 12288


def test_a_layer_keeps_what_korthikanti_counts(gpt3):
    """34 sbh bytes with fused attention and dropout, and the softmax's four bytes a head."""
    asked = job(gpt3, Layouts.one(), Recipe(dropout=1.0))
    assert one(layer_activations(asked)) == 2048 * (34.0 * 12288 + 4.0 * 96)
    scores = job(gpt3, Layouts.one(), Recipe(dropout=1.0, fused_attention=0.0))
    assert one(layer_activations(scores)) == 2048 * (34.0 * 12288 + 4.0 * 96 + 5.0 * 96 * 2048)


def test_latent_attention_keeps_its_latents_and_every_head_expanded():
    """DeepSeek-V3: the inputs of eight experts, what they and the shared one make, and 3 dense layers of 61."""
    shape = Shape.of(from_config(card_of(CATALOGUE, "deepseek-v3").config, "DeepSeek-V3"))
    asked = replace(job(None, Layouts.one(), shape=shape), sequence=1.0)
    attention = 2 * (128 * 192 * 2 + 128 * 128 * 2) + 4 * 128
    dense, routed = 6 * 18432, 6 * 2048 * 9 + 2 * 8 * 7168
    kept = 8 * 7168 + 4 * (1536 + 512) + attention + (3 * dense + 58 * routed) / 61
    assert one(layer_activations(asked)) == pytest.approx(kept)


def test_a_layer_with_a_state_keeps_what_its_products_made_and_what_its_scan_left(small):
    """Two bytes of each token: inputs, their gate, projections and steps; the scan's result; and that normed."""
    inner, projections, heads = 32 * 64, 8 * 128, 32
    hybrid = replace(small, linear=StateSpace(heads, 64, 128, 8, 4, 128), linear_layers=small.layers)
    state = 2 * (2 * inner + 2 * projections + heads + 2 * inner)
    kept = 8 * 2048 + state + 4 * small.heads + 2 * 3 * small.ffn_hidden
    asked = replace(job(hybrid, Layouts.one()), sequence=1.0)
    assert one(layer_activations(asked)) == kept


def test_blocks_and_experts_that_run_again_keep_nothing(mixture):
    cut = Layouts.one(recompute="selective")
    plain, again = (
        one(layer_activations(replace(job(mixture, cut, Recipe(feed_forward_again=flag)), sequence=1.0)))
        for flag in (0.0, 1.0)
    )
    dense, routed = 2 * 3 * 8192, 2 * 3 * (1024 * 4 + 1024) + 2 * 4 * 2048
    assert plain - again == pytest.approx((dense + 15 * routed) / 16)


def test_a_token_more_that_is_predicted_takes_a_layer_and_logits_on_the_last_stage_alone(small):
    cut = Layouts.one(dp=8)
    none, ahead = (used(small, cut, Recipe(predicted_ahead=many)) for many in (0.0, 1.0))
    assert one(ahead.weight_bytes) > one(none.weight_bytes)
    assert one(ahead.activation_bytes) - one(none.activation_bytes) == pytest.approx(
        one(layer_activations(job(small, cut))), rel=1e-9
    )
    deep = Layouts.one(pp=4, dp=8)  # the first stage of four is the fullest, with or without
    none, ahead = (used(small, deep, Recipe(predicted_ahead=many)) for many in (0.0, 1.0))
    assert one(none.memory_bytes) == one(ahead.memory_bytes)


def test_a_search_sees_the_memory_that_an_estimate_sees(mixture):
    from polysilicon.performance.search import asked

    cluster = Cluster.from_catalogue(CATALOGUE, CHIP, 16)
    question, grids = asked(CATALOGUE, mixture, TASK, cluster, Space.wide(cp=(1, 2)), Recipe(), 5, with_front=False)
    for grid in grids[::5]:
        quick = np.broadcast_to(needed_bytes(question.job(grid.layouts())), grid.shape)
        plain = np.broadcast_to(memory(question.job(grid.layouts())).memory_bytes, grid.shape)
        np.testing.assert_allclose(quick, plain, rtol=1e-12)
