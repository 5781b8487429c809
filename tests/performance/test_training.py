from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.performance import Cluster, Layouts, Recipe, estimate_training
from polysilicon.performance.cluster import Reading
from polysilicon.performance.explain import explain_training
from polysilicon.performance.mixing import estimate_pools
from polysilicon.performance.pools import Link, pool
from polysilicon.performance.search import search_training
from polysilicon.performance.step import Breakdown
from polysilicon.performance.values import PRECISIONS
from polysilicon.records.errors import InputError, Unsupported
from polysilicon.workloads import transformer
from polysilicon.workloads.task import Training

CATALOGUE = load()
TASK = Training(2048, 64)
POWER = st.sampled_from([1, 2, 4, 8])
CHIPS = st.sampled_from(["nvidia-h100-sxm-80gb", "nvidia-a100-sxm-80gb", "huawei-ascend-910b2", "google-tpu-v5p"])


@st.composite
def any_layout(draw):
    return Layouts.one(
        tp=draw(POWER),
        pp=draw(POWER),
        dp=draw(POWER),
        cp=draw(st.sampled_from([1, 2])),
        micro_batch=draw(st.sampled_from([1, 2, 4])),
        recompute=draw(st.sampled_from(["none", "selective", "full"])),
        zero_stage=draw(st.sampled_from([0, 1])),
        sequence_parallel=draw(st.sampled_from([0, 1])),
    )


def estimate(model, layout, chip="nvidia-h100-sxm-80gb", task=TASK, recipe=None, **figures):
    cluster = Cluster.from_catalogue(CATALOGUE, chip, 1024)
    return estimate_training(CATALOGUE, model, task, replace(cluster, **figures), layout, recipe)


@settings(max_examples=40, deadline=None)
@given(layout=any_layout(), chip=CHIPS)
def test_the_parts_sum_to_the_step(small, layout, chip):
    made = estimate(small, layout, chip)
    parts = [getattr(made.parts, one.name) for one in fields(Breakdown) if one.name != "step_s"]
    assert np.isclose(sum(parts), made.step_s, rtol=1e-12)
    assert all(np.all(np.asarray(part) >= 0) for part in parts)


@settings(max_examples=40, deadline=None)
@given(layout=any_layout())
def test_memory_is_never_negative_and_sums_to_the_whole(mixture, layout):
    memory = estimate(mixture, layout).memory
    kinds = [value for name, value in memory.columns().items() if name != "memory_bytes"]
    assert all(np.all(np.asarray(kind) >= 0) for kind in kinds)
    assert np.isclose(sum(kinds), memory.memory_bytes)


@settings(max_examples=40, deadline=None)
@given(
    layout=any_layout(),
    field=st.sampled_from(["scaleup_bytes_per_s", "scaleout_bytes_per_s", "memory_bytes_per_s"]),
    factor=st.floats(1.05, 8),
)
def test_more_bandwidth_never_slows_a_step(mixture, layout, field, factor):
    cluster = Cluster.from_catalogue(CATALOGUE, "nvidia-h100-sxm-80gb", 1024)
    faster = {field: getattr(cluster, field) * factor}
    assert estimate(mixture, layout, **faster).step_s <= estimate(mixture, layout).step_s * (1 + 1e-12)


@settings(max_examples=40, deadline=None)
@given(layout=any_layout())
def test_recomputing_never_takes_more_memory_nor_less_time(small, layout):
    kept = estimate(small, replace(layout, recompute=np.array([0.0])))
    again = estimate(small, replace(layout, recompute=np.array([2.0])))
    assert again.memory.memory_bytes <= kept.memory.memory_bytes
    assert again.step_s >= kept.step_s


@settings(max_examples=30, deadline=None)
@given(layout=any_layout())
def test_doubling_the_batch_doubles_what_micro_batches_cost(small, layout):
    once, twice = estimate(small, layout), estimate(small, layout, task=Training(2048, 128))
    for name in ("layers_s", "head_s", "tensor_s", "context_s", "pipeline_s"):
        assert np.isclose(getattr(twice.parts, name), 2 * getattr(once.parts, name)), name
    assert np.isclose(twice.parts.bubble_s, once.parts.bubble_s)
    assert np.isclose(twice.parts.optimizer_s, once.parts.optimizer_s)


@settings(max_examples=20, deadline=None)
@given(table=st.lists(any_layout(), min_size=1, max_size=8))
def test_a_table_answers_what_each_of_its_rows_answers(mixture, table):
    columns = {name: np.concatenate([np.ravel(getattr(one, name)) for one in table]) for name in vars(Layouts())}
    whole = estimate(mixture, Layouts(**columns))
    for at, one in enumerate(table):
        alone = estimate(mixture, one)
        assert np.ravel(whole.step_s)[at] == np.ravel(alone.step_s)[0]
        assert np.ravel(whole.memory.memory_bytes)[at] == np.ravel(alone.memory.memory_bytes)[0]


@settings(max_examples=20, deadline=None)
@given(layout=any_layout())
def test_sharding_states_further_never_takes_more_memory(small, layout):
    flat = replace(layout, pp=np.array([1.0]), dp=np.array([8.0]))
    sizes = [estimate(small, replace(flat, zero_stage=np.array([float(z)]))).memory.memory_bytes for z in range(4)]
    assert all(later <= earlier for earlier, later in pairwise(sizes))


def test_the_states_of_a_sharded_job_sum_to_those_of_one_chip(small):
    alone = estimate(small, Layouts.one(dp=1, zero_stage=3)).memory
    shared = estimate(small, Layouts.one(dp=8, zero_stage=3)).memory
    for name in ("weight_bytes", "gradient_bytes", "optimizer_bytes"):
        assert np.isclose(8 * getattr(shared, name), getattr(alone, name))


def test_a_sharded_job_holds_the_layers_at_work_whole(gpt3):
    first, second, third = (estimate(gpt3, Layouts.one(tp=8, dp=16, zero_stage=stage)).memory for stage in (1, 2, 3))
    layer = 12 * gpt3.hidden**2 / 8
    edge = gpt3.vocab * gpt3.hidden / 8
    assert first.gathered_bytes == 0
    assert np.isclose(second.gathered_bytes, 4 * layer, rtol=1e-3)
    assert np.isclose(third.gathered_bytes - second.gathered_bytes, 2 * (2 * layer + edge), rtol=1e-3)


def test_fully_sharded_training_on_gpus_has_the_attention_it_was_measured_with(small):
    from polysilicon.performance.recipe import tuned_attention

    assert list(tuned_attention(-1.0, np.array([2.0, 3.0]), 1.0)) == [1.0, 0.0]
    assert tuned_attention(-1.0, 3.0, 0.0) == 1.0
    assert tuned_attention(1.0, 3.0, 1.0) == 1.0
    layout = Layouts.one(dp=8, zero_stage=3)
    untuned = estimate(small, layout, recipe=Recipe(tuned_attention=0.0))
    assert estimate(small, layout).step_s == untuned.step_s


def test_samples_packed_into_a_sequence_attend_only_within_themselves(small):
    """What attention takes grows with the sample, whatever the sequence; kernels that mask the rest gain nothing."""
    long = Training(8192, 64)
    whole, halves, quarters = (
        estimate(small, Layouts.one(), task=long, recipe=Recipe(sample_tokens=one)) for one in (8192.0, 4096.0, 2048.0)
    )
    assert whole.step_s == estimate(small, Layouts.one(), task=long).step_s
    assert whole.step_s - halves.step_s == pytest.approx(2.0 * (halves.step_s - quarters.step_s))
    assert np.all(np.asarray(whole.step_s) > halves.step_s)
    unfused, packed = (Recipe(fused_attention=0.0, sample_tokens=one) for one in (np.inf, 2048.0))
    masked, asked = (estimate(small, Layouts.one(), task=long, recipe=one) for one in (unfused, packed))
    assert asked.step_s == masked.step_s
    assert asked.mfu_pct == masked.mfu_pct


def test_software_of_a_tpu_is_mature_when_customers_get_it(small):
    young = Recipe(software_years=0.0)
    for chip, same in (("google-tpu-v5p", True), ("nvidia-h100-sxm-80gb", False)):
        early, late = (estimate(small, Layouts.one(dp=8), chip, recipe=one) for one in (young, Recipe()))
        assert (early.step_s == late.step_s) == same
        assert early.step_s >= late.step_s


def test_exponentials_weigh_more_the_faster_products_of_a_compute_unit_are(small):
    """Heads half as wide have as many operations and twice the exponentials: a loss that grew with every generation."""
    narrow = replace(small, heads=2 * small.heads, kv_heads=2 * small.kv_heads, head_dim=small.head_dim // 2)
    long, lost = Training(32_768, 8), {}
    for chip in ("nvidia-a100-sxm-80gb", "nvidia-h100-sxm-80gb", "nvidia-gb300", "nvidia-gb200"):
        halves, whole = (
            estimate(one, Layouts.one(), chip, long).parts.layers_s
            - estimate(one, Layouts.one(), chip, long, Recipe(sample_tokens=1.0)).parts.layers_s
            for one in (narrow, small)
        )
        lost[chip] = float((halves / whole)[0])
    assert 1.0 < lost["nvidia-a100-sxm-80gb"] < lost["nvidia-h100-sxm-80gb"] < lost["nvidia-gb200"] < 2.0
    assert lost["nvidia-gb300"] < lost["nvidia-gb200"]  # twice the exponentials a clock


def test_one_chip_sends_nothing(small):
    parts = estimate(small, Layouts.one()).parts
    for name in ("tensor_s", "context_s", "expert_s", "pipeline_s", "bubble_s", "data_s"):
        assert np.all(np.asarray(getattr(parts, name)) == 0), name


def test_frozen_weights_need_no_optimizer_and_less_time(small):
    whole, frozen = estimate(small, Layouts.one(dp=8)), estimate(small, Layouts.one(dp=8), recipe=Recipe(frozen=1.0))
    assert frozen.step_s < whole.step_s
    assert frozen.memory.optimizer_bytes == 0


def test_narrow_formats_are_faster_where_the_chip_has_them(gpt3):
    wide, narrow = (Layouts.one(tp=8, pp=8, precision=one) for one in ("bf16", "fp8"))
    assert estimate(gpt3, narrow).step_s < estimate(gpt3, wide).step_s
    with pytest.raises(InputError, match="fp8"):
        estimate(gpt3, narrow, "nvidia-a100-sxm-80gb")


def test_the_interval_holds_the_point_and_widens_for_a_stranger(small):
    known, stranger = estimate(small, Layouts.one(dp=8)), estimate(small, Layouts.one(dp=8), "biren-br100")
    for made in (known, stranger):
        assert made.low_s < made.step_s < made.high_s
    assert stranger.high_s / stranger.low_s > known.high_s / known.low_s


@pytest.mark.parametrize("chip", ["google-tpu-v5p", "enflame-t21"])
def test_no_end_of_the_interval_beats_the_peak(small, chip):
    made = estimate(small, Layouts.one(dp=8), chip)
    assert np.all(made.mfu_pct * made.step_s / made.low_s <= 100 * (1 + 1e-9))


def test_a_doubtful_peak_widens_the_interval_of_no_layout_but_those_that_read_it(small):
    plain, doubtful = (Layouts.one(precision=one) for one in ("bf16", "int8"))
    both = Layouts(precision=np.array([plain.precision[0], doubtful.precision[0]]))
    alone = [estimate(small, one, "huawei-ascend-910c") for one in (plain, doubtful)]
    together = estimate(small, both, "huawei-ascend-910c")
    assert np.array_equal(together.high_s, np.concatenate([one.high_s for one in alone]))
    assert np.array_equal(together.low_s, np.concatenate([one.low_s for one in alone]))
    assert np.diff(together.high_s / together.step_s) > 0


def test_a_layout_larger_than_the_cluster_is_refused(small):
    with pytest.raises(InputError, match="more chips"):
        estimate(small, Layouts.one(dp=2048))


def test_unknown_words_and_absurd_degrees_are_refused():
    with pytest.raises(InputError, match="selective"):
        Layouts.one(recompute="sometimes")
    with pytest.raises(InputError, match="at least 1"):
        Layouts.one(tp=0)
    with pytest.raises(InputError, match="whole number"):
        Layouts.one(dp=1.5)


def test_the_table_and_the_dictionary_say_the_same(small):
    made = estimate(small, Layouts.one(dp=8))
    row = next(made.to_table().rows())
    assert row["step_s"] == pytest.approx(float(made.step_s[0]))
    assert made.to_dict()["parts"]["step_s"] == [row["step_s"]]
    assert made.to_dict()["catalogue"] == CATALOGUE.hash


@pytest.mark.parametrize("wide", ["fp32", "tf32"])
def test_products_wider_than_16_bits_keep_attention_and_head_as_wide(small, wide):
    """Nothing but a narrower attention that is asked for runs faster than the peak that utilisation is counted by."""
    long = Training(262_144, 8)
    made, said = (
        estimate(small, Layouts.one(precision=wide), task=long, recipe=Recipe(attention_precision=one))
        for one in (-1.0, float(PRECISIONS.index("bf16")))
    )
    assert made.mfu_pct < 100
    assert said.parts.layers_s < made.parts.layers_s
    assert said.low_s <= said.step_s
    narrow = estimate(small, Layouts.one(), task=long)
    assert made.parts.head_s > 1.5 * narrow.parts.head_s


def test_attention_in_8_bits_gains_what_its_kernels_gain_and_not_what_the_peak_does(small):
    """Whatever the products are in; its exponentials stay wide."""
    long, fp8 = Training(1_048_576, 8), Recipe(attention_precision=float(PRECISIONS.index("fp8")))
    made = {
        (products, said): estimate(small, Layouts.one(precision=products), task=long, recipe=recipe).parts.layers_s
        for products in ("bf16", "fp8")
        for said, recipe in (("own", Recipe()), ("fp8", fp8))
    }
    for products in ("bf16", "fp8"):
        assert 1.05 < made[products, "own"] / made[products, "fp8"] < 1.7


def test_attention_in_8_bits_is_no_faster_than_its_peak_lets_it_be(small):
    """A B300 multiplies integers at a fifteenth of the rate of bf16."""
    long, int8 = Training(131_072, 8), Recipe(attention_precision=float(PRECISIONS.index("int8")))
    wide, narrow = (
        estimate(small, Layouts.one(), "nvidia-b300-sxm", long, recipe).parts.layers_s for recipe in (Recipe(), int8)
    )
    assert narrow > 2.0 * wide


def test_where_launches_wait_host_transfers_hide_behind_nothing(small):
    cut = Layouts.one(dp=8, offload_activations=1.0)
    plain, waiting = (estimate(small, cut, recipe=Recipe(blocking=one)) for one in (0.0, 1.0))
    assert waiting.parts.offload_s > plain.parts.offload_s
    assert waiting.parts.data_s > plain.parts.data_s


@pytest.mark.parametrize("said", ["backward_precision", "attention_precision"])
def test_a_doubtful_peak_counts_wherever_a_recipe_reads_it(small, said):
    doubted = Reading("fp8_tflops", "nvidia-h100-sxm-80gb", 1979, "press", ("somebody",))
    fp8, plain = Recipe(**{said: float(PRECISIONS.index("fp8"))}), Recipe()
    made, unread = (estimate(small, Layouts.one(), recipe=one, readings=(doubted,)) for one in (fp8, plain))
    assert (made.doubts, unread.doubts) == ((doubted,), ())
    sure = estimate(small, Layouts.one(), recipe=fp8, readings=())
    assert made.step_s == sure.step_s
    assert made.high_s > sure.high_s


def test_a_pace_fitted_to_a_chip_s_own_steps_makes_up_for_its_doubtful_peak_in_16_bits(small):
    widths = {}
    for chip in ("nvidia-h100-sxm-80gb", "nvidia-l40s"):
        doubted = Reading("bf16_tflops", chip, 989, "press", ("somebody",))
        made, sure = (estimate(small, Layouts.one(), chip, readings=one) for one in ((doubted,), ()))
        assert made.doubts == (doubted,)
        widths[chip] = float((made.high_s / sure.high_s)[0])
    assert widths["nvidia-h100-sxm-80gb"] == 1.0
    assert widths["nvidia-l40s"] > 1.0


@pytest.mark.parametrize("what", ["offload_optimizer", "offload_activations", "offload_weights"])
@pytest.mark.parametrize(
    ("chip", "assumed"),
    [("nvidia-h100-sxm-80gb", ["host-update-gbs"]), ("amd-mi300x", ["host-link-gbs", "host-update-gbs"])],
)
def test_what_lies_on_a_host_rests_on_what_no_record_states(small, what, chip, assumed):
    kept, hosted = (estimate(small, Layouts.one(dp=8, **{what: share}), chip=chip) for share in (0.0, 0.5))
    assert [one.record for one in hosted.doubts] == assumed
    assert kept.doubts == ()
    assert hosted.high_s / hosted.step_s > kept.high_s / kept.step_s
    assert hosted.step_s / hosted.low_s > kept.step_s / kept.low_s


def test_a_faster_stated_link_hides_what_a_slower_one_shows(small):
    shown = {}
    for chip in ("nvidia-a100-sxm-80gb", "nvidia-gb200"):
        kept, hosted = (estimate(small, Layouts.one(dp=8, offload_weights=share), chip=chip) for share in (0.0, 1.0))
        shown[chip] = hosted.step_s - kept.step_s
    assert 0 <= shown["nvidia-gb200"] < 0.2 * shown["nvidia-a100-sxm-80gb"]


def test_computing_every_second_product_again_takes_time(small):
    plain, selective = Layouts.one(dp=8), Layouts.one(dp=8, recompute="selective")
    kept, by_operator = estimate(small, plain), estimate(small, selective, recipe=Recipe(by_operator=1.0))
    full = estimate(small, Layouts.one(dp=8, recompute="full"))
    assert estimate(small, selective).step_s == pytest.approx(kept.step_s)
    assert kept.step_s < by_operator.step_s < full.step_s
    assert kept.memory.memory_bytes > by_operator.memory.memory_bytes > full.memory.memory_bytes


@pytest.mark.parametrize(
    "asked",
    [
        lambda model, cluster: estimate_training(load(), model, Training(4096, 64), cluster, Layouts(dp=8)),
        lambda model, cluster: explain_training(load(), model, Training(4096, 64), cluster, Layouts(dp=8)),
        lambda model, cluster: search_training(load(), model, Training(4096, 64), cluster),
        lambda model, cluster: estimate_pools(
            load(), model, Training(4096, 64), [pool(load(), cluster.chip, 8)] * 2, Link(100.0, 1.0)
        ),
    ],
)
def test_training_with_compressed_attention_is_refused_and_says_what_is_modelled(asked):
    cluster = Cluster.from_catalogue(load(), "nvidia-b200-sxm", 8)
    with pytest.raises(Unsupported, match=r"deepseek-v4-flash: training with compressed .* serving is"):
        asked(transformer(load(), "deepseek-v4-flash"), cluster)
