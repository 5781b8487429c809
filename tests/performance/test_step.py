from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.performance import Cluster, Layouts, Recipe, estimate_training, explain_training
from polysilicon.performance.step import Breakdown
from polysilicon.performance.values import PRECISIONS
from polysilicon.records.errors import InputError
from polysilicon.workloads.model import LinearAttention, StateSpace
from polysilicon.workloads.task import Training

SHARE = st.sampled_from([0.0, 0.5, 1.0])


@settings(max_examples=25, deadline=None)
@given(optimizer=SHARE, activations=SHARE, weights=SHARE, stage=st.sampled_from([0, 1, 3]))
def test_offload_is_a_part_of_its_own_and_the_parts_sum(mixture, step_of, optimizer, activations, weights, stage):
    kept = {"offload_optimizer": optimizer, "offload_activations": activations, "offload_weights": weights}
    parts = step_of(mixture, Layouts.one(dp=8, ep=8, zero_stage=stage, **kept))
    others = [getattr(parts, one.name) for one in fields(Breakdown) if one.name != "step_s"]
    assert np.isclose(sum(others), parts.step_s, rtol=1e-12)
    assert np.all(np.asarray(parts.offload_s) >= 0)
    if not (optimizer or activations or weights):
        assert parts.offload_s == 0
    if optimizer == 1.0:
        assert parts.optimizer_s == 0
        assert parts.offload_s > 0


def test_a_slower_backward_precision_lengthens_the_step_and_the_forward_one_leaves_it(gpt3, step_of):
    layout = Layouts.one(tp=8, dp=8, precision="fp8")
    narrow = step_of(gpt3, layout)
    code = {one: float(PRECISIONS.index(one)) for one in ("bf16", "fp8")}
    same, wide = (step_of(gpt3, layout, Recipe(backward_precision=code[one])) for one in ("fp8", "bf16"))
    assert same.step_s == narrow.step_s
    both = step_of(gpt3, Layouts.one(tp=8, dp=8))
    assert narrow.layers_s < wide.layers_s < both.layers_s
    assert np.isclose(step_of(gpt3, layout, Recipe(wide_share=0.15)).head_s, narrow.head_s)
    assert narrow.layers_s < step_of(gpt3, layout, Recipe(wide_share=0.15)).layers_s
    assert step_of(gpt3, layout, Recipe(attention_precision=code["fp8"])).layers_s < narrow.layers_s


def test_products_in_one_16_bit_format_never_run_at_the_peak_of_the_other(gpt3, step_of):
    def step(**peaks):
        return step_of(gpt3, Layouts.one(tp=8, dp=8, precision="fp16"), chip="intel-gaudi3", **peaks)

    assert step(bf16_tflops=1835.0).step_s == step(bf16_tflops=459.0).step_s
    assert step(fp16_tflops=918.0).head_s < step().head_s


def test_a_precision_the_chip_lacks_is_refused_in_a_recipe_too(gpt3, step_of):
    recipe = Recipe(backward_precision=float(PRECISIONS.index("fp8")))
    with pytest.raises(InputError, match="fp8"):
        step_of(gpt3, Layouts.one(tp=8), recipe, chip="nvidia-a100-sxm-80gb")


def test_pruned_weights_pay_only_where_the_chip_rewards_them(gpt3, step_of):
    layout, pruned = Layouts.one(tp=8, dp=8), Recipe(sparse=1.0)
    for chip, rewarded in (("nvidia-h100-sxm-80gb", True), ("huawei-ascend-910b2", False), ("google-tpu-v5p", False)):
        dense, sparse = (step_of(gpt3, layout, one, chip=chip) for one in (Recipe(), pruned))
        assert (sparse.layers_s < dense.layers_s) == rewarded
        assert rewarded or sparse.step_s == dense.step_s
        assert sparse.layers_s > dense.layers_s / 2  # weight gradients and attention stay dense


@pytest.mark.parametrize(
    ("degrees", "recipe"),
    [
        ({"pp": 2, "dp": 8, "schedule": "zero_bubble"}, {}),
        ({"dp": 16, "zero_stage": 3, "shard": 8}, {"algorithm": 4.0}),
        ({"tp": 4, "dp": 8, "ep": 8, "expert_tp": 1, "sequence_parallel": 1}, {"imbalance": 1.5}),
        ({"cp": 4, "dp": 4, "context": "all_to_all"}, {"balanced_context": 0.0}),
        ({"tp": 2, "dp": 8, "precision": "fp8"}, {"sparse": 1.0, "wide_share": 0.1, "tensor_hidden": 0.9}),
        ({"dp": 8, "offload_optimizer": 1.0, "offload_activations": 0.5}, {"expert_hidden": 0.5, "dual_batch": 1.0}),
        ({"dp": 64, "ep": 16}, {"sent_once": 1.0}),
        ({"dp": 8, "ep": 8, "recompute": "selective"}, {"feed_forward_again": 1.0}),
        ({"dp": 8, "ep": 8}, {"predicted_ahead": 2.0}),
        ({"dp": 16, "ep": 4, "zero_stage": 1}, {"whole_tensors": 1.0}),
    ],
)
def test_every_choice_is_explained_down_to_sources(catalogue, mixture, degrees, recipe):
    cluster = Cluster.from_catalogue(catalogue, "dgx-h100", 64, {"oversubscription": 2.0, "leaf_chips": 32.0})
    task, layout, asked = Training(4096, 64), Layouts.one(**degrees), Recipe(**recipe)
    tree = explain_training(catalogue, mixture, task, cluster, layout, asked)
    made = estimate_training(catalogue, mixture, task, cluster, layout, asked)
    assert tree.value == pytest.approx(float(made.step_s[0]), rel=1e-12)
    nodes, todo = [], [tree]
    while todo:
        nodes.append(todo.pop())
        todo += nodes[-1].inputs
    assert all(one.source for one in nodes if one.inputs)
    # What has no source is a count or a choice that the formulas take as it stands.
    given = [(above.name, one) for above in nodes for one in above.inputs if not (one.inputs or one.source)]
    assert [(name, one.name) for name, one in given if one.value not in (0.0, 1.0, 2.0, 3.0)] == []
    said = " ".join(one.source for one in nodes if not one.inputs)
    assert all(
        name in said for name in (*degrees, *recipe) if name not in ("schedule", "context", "precision", "recompute")
    )


STATES = (LinearAttention(8, 8, 128, 128, 4), StateSpace(32, 64, 128, 8, 4, 128))


@pytest.mark.parametrize("state", STATES)
def test_layers_without_attention_leave_the_heads_of_the_others_as_wide(small, step_of, state):
    """What a longer sequence adds to the same tokens is attention's: a quarter of the layers has a quarter of it."""
    mixed = replace(small, linear=state, linear_layers=small.layers * 3 // 4)

    def added(model):
        short, long = (
            step_of(model, Layouts.one(micro_batch=many), task=Training(length, 65_536 // length)).layers_s
            for length, many in ((8192, 4), (32_768, 1))
        )
        return long - short

    assert added(mixed) == pytest.approx(added(small) / 4)


@pytest.mark.parametrize("state", STATES)
def test_a_state_is_scanned_in_proportion_to_its_heads(small, step_of, state):
    many = "value_heads" if isinstance(state, LinearAttention) else "heads"
    layers = {
        share: step_of(
            replace(small, linear=replace(state, **{many: share * getattr(state, many)}), linear_layers=small.layers),
            Layouts.one(micro_batch=8),
        ).layers_s
        for share in (1, 2, 4)
    }
    # Beside the products, which may fill tiles better, what two more add is twice what one more does.
    assert layers[4] - layers[2] == pytest.approx(2 * (layers[2] - layers[1]), rel=0.05)


def test_attention_without_a_block_after_it_costs_a_norm_and_a_reduction_of_its_own(small, step_of):
    layout = Layouts.one(tp=8, micro_batch=8)
    state = StateSpace(32, 64, 128, 8, 4, 128)
    plain, more = (
        step_of(replace(small, linear=state, linear_layers=small.layers, lone_layers=many), layout) for many in (0, 4)
    )
    assert more.tensor_s == pytest.approx(plain.tensor_s * (1 + 4 / (2 * small.layers)))
    assert more.layers_s > plain.layers_s
    assert more.head_s == plain.head_s


def test_each_token_more_that_is_predicted_adds_a_layer_and_a_head(mixture, step_of):
    none, one, two = (
        step_of(mixture, Layouts.one(dp=8, ep=8), Recipe(predicted_ahead=many)) for many in (0.0, 1.0, 2.0)
    )
    each = one.head_s - none.head_s
    assert two.head_s - one.head_s == pytest.approx(each)
    layer = (none.layers_s + none.expert_s) / mixture.layers
    assert each > layer + none.head_s
    assert each == pytest.approx(layer + none.head_s, rel=0.1)
    assert one.layers_s == none.layers_s


def test_experts_run_once_more_only_where_recomputation_is_selective(mixture, step_of):
    def steps(**layout):
        made = Layouts.one(dp=8, ep=8, **layout)
        return [float(step_of(mixture, made, Recipe(feed_forward_again=one)).step_s[0]) for one in (0.0, 1.0)]

    plain, again = steps(recompute="selective")
    assert plain < again < steps(recompute="full")[0]
    assert len({*steps(recompute="none")}) == 1
    assert len({*steps(recompute="full")}) == 1


def test_a_compiler_for_tpus_leaves_the_last_product_of_a_block_out_of_recomputation(gpt3, mixture, step_of):
    def more(model, chip, lean=0.0):
        cuts = (Layouts.one(tp=8, dp=8, micro_batch=4, recompute=one) for one in ("none", "full"))
        none, full = (step_of(model, cut, Recipe(lean_recompute=lean), chip=chip).layers_s for cut in cuts)
        return float(full[0] - none[0])

    assert more(gpt3, "google-tpu-v5p") == more(gpt3, "google-tpu-v5p", lean=1.0)
    assert more(gpt3, "nvidia-h100-sxm-80gb", lean=1.0) < more(gpt3, "nvidia-h100-sxm-80gb")
    # Routers are trained on what experts give; of the mixture's sixteen layers one has no experts.
    spared = [
        1.0 - more(one, "nvidia-h100-sxm-80gb", 1.0) / more(one, "nvidia-h100-sxm-80gb") for one in (gpt3, mixture)
    ]
    assert 0.2 < spared[0] < 0.4
    assert 0.0 < spared[1] < 0.05


def test_a_host_waits_for_experts_unless_the_whole_step_is_one_graph(mixture, gpt3, step_of):
    def layers(model, **recipe):
        return float(step_of(model, Layouts.one(dp=8), Recipe(graphs=1.0, **recipe)).layers_s[0])

    assert layers(mixture, whole_graphs=1.0) < layers(mixture)
    assert layers(gpt3, whole_graphs=1.0) == layers(gpt3)
