"""What every estimate of a training step obeys, whatever the chip, the model and the cut."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import example, given, reject, settings
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.performance import Cluster, Layouts, estimate_training
from polysilicon.performance.efficiency import efficiency_of
from polysilicon.performance.least_work import least_work
from polysilicon.performance.recipe import Recipe
from polysilicon.performance.step import breakdown
from polysilicon.performance.training import job_of, peak_flop_per_s
from polysilicon.performance.values import PRECISIONS
from polysilicon.records.errors import InputError
from polysilicon.workloads.counts import Shape
from polysilicon.workloads.task import Training

CATALOGUE = load()
CHIPS = ("nvidia-h100-sxm-80gb", "nvidia-a100-sxm-80gb", "huawei-ascend-910b2", "google-tpu-v5p", "amd-mi300x")
CHIP = st.sampled_from(CHIPS)
TASK = Training(2048, 64)
POWER = st.sampled_from([1, 2, 4, 8])
TRANSFERS = ("tensor_s", "context_s", "expert_s", "pipeline_s", "bubble_s", "data_s", "offload_s")
ALONE = {"launch_s": 0.0, "launch_moe_s": 0.0, "step_s": 0.0, "straggle": 0.0}


@st.composite
def layout(draw, experts=False):
    """One cut of sixteen layers and sixty-four sequences, nearly always one that can run."""
    degrees = {name: draw(POWER) for name in ("tp", "pp", "dp")}
    context, zero = draw(st.sampled_from([1, 2])), draw(st.sampled_from([0, 1, 2, 3]))
    deep = degrees["pp"] > 1
    share = 64 // degrees["dp"]
    return Layouts.one(
        **degrees,
        cp=context,
        ep=draw(st.sampled_from([one for one in (1, 2, 4, 8) if one <= degrees["dp"] * context])) if experts else 1,
        micro_batch=draw(st.sampled_from([1, 2])),
        interleave=draw(st.sampled_from([1, 2])) if deep and share % (2 * degrees["pp"]) == 0 else 1,
        recompute=draw(st.sampled_from(["none", "selective", "full"])),
        recomputed_share=draw(st.sampled_from([1.0, 0.5])),
        zero_stage=zero,
        sequence_parallel=draw(st.sampled_from([0, 1])) if degrees["tp"] > 1 else 0,
        schedule=draw(st.sampled_from(["1f1b", "zero_bubble"])) if deep else "1f1b",
        context=draw(st.sampled_from(["ring", "all_to_all"])) if context > 1 else "ring",
        shard=draw(st.sampled_from([0, 1])) if zero else 0,
    )


def cluster_of(chip, **figures):
    return replace(Cluster.from_catalogue(CATALOGUE, chip, 4096), **figures)


def estimate(model, cut, chip=CHIPS[0], task=TASK, recipe=None, **figures):
    try:
        return estimate_training(CATALOGUE, model, task, cluster_of(chip, **figures), cut, recipe)
    except InputError:
        reject()


def one_f_one_b(cut):
    """The cut without a zero-bubble schedule, whose gain is counted without the host's launches."""
    return replace(cut, schedule=np.array([0.0]))


def table(cuts):
    return Layouts(
        **{one.name: np.concatenate([np.atleast_1d(getattr(cut, one.name)) for cut in cuts]) for one in fields(Layouts)}
    )


@settings(max_examples=40, deadline=None)
@given(cut=layout(experts=True), chip=CHIP, experts=st.booleans())
def test_the_parts_sum_to_the_step_and_none_is_below_nought(small, mixture, cut, chip, experts):
    model = mixture if experts else small
    made = estimate(model, cut if experts else replace(cut, ep=np.array([1.0])), chip)
    parts = {name: np.asarray(part) for name, part in made.parts.columns().items() if name != "step_s"}
    assert np.isclose(sum(parts.values()), made.step_s, rtol=1e-12)
    assert all(np.all(part >= 0) for part in parts.values()), parts


@settings(max_examples=60, deadline=None)
@given(
    cut=layout(experts=True),
    chip=CHIP,
    field=st.sampled_from(["scaleup_bytes_per_s", "scaleout_bytes_per_s", "memory_bytes_per_s"]),
    factor=st.floats(0.1, 0.95),
)
def test_less_bandwidth_never_helps(mixture, cut, chip, field, factor):
    cut = one_f_one_b(cut)
    slower = {field: getattr(cluster_of(chip), field) * factor}
    assert estimate(mixture, cut, chip, **slower).step_s >= estimate(mixture, cut, chip).step_s * (1 - 1e-12)


@settings(max_examples=40, deadline=None)
@given(cut=layout(experts=True), chip=CHIP, factor=st.floats(1.05, 4))
def test_a_higher_peak_never_hurts(mixture, cut, chip, factor):
    cut = one_f_one_b(cut)
    peaks = {name: peak * factor for name, peak in cluster_of(chip).peak_flop_per_s.items()}
    faster = estimate(mixture, cut, chip, peak_flop_per_s=peaks)
    assert faster.step_s <= estimate(mixture, cut, chip).step_s * (1 + 1e-12)


SHARE = st.sampled_from([0.0, 0.25, 1.0])


@settings(max_examples=60, deadline=None)
@given(
    cut=layout(experts=True),
    chip=CHIP,
    hosted=st.tuples(SHARE, SHARE, SHARE),
    slowed=st.sampled_from(["peak_flop_per_s", "memory_bytes_per_s"]),
    factor=st.floats(0.2, 0.95),
)
@example(Layouts.one(dp=64, zero_stage=2), CHIPS[0], (0.0, 0.0, 0.0), "memory_bytes_per_s", 0.5)
@example(Layouts.one(dp=8, micro_batch=8), CHIPS[0], (1.0, 1.0, 0.0), "memory_bytes_per_s", 0.5)
@example(Layouts.one(dp=8, micro_batch=8, zero_stage=3), CHIPS[0], (0.0, 0.0, 1.0), "memory_bytes_per_s", 0.5)
def test_no_compute_hides_two_transfers_one_after_another(mixture, cut, chip, hosted, slowed, factor):
    """Behind slower compute more is hidden, but never more than it takes longer itself."""
    names = ("offload_optimizer", "offload_activations", "offload_weights")
    cut = replace(one_f_one_b(cut), **{name: np.array([share]) for name, share in zip(names, hosted, strict=True)})
    figure = getattr(cluster_of(chip), slowed)
    less = {name: rate * factor for name, rate in figure.items()} if isinstance(figure, dict) else figure * factor
    slow_link = {"scaleout_bytes_per_s": cluster_of(chip).scaleout_bytes_per_s / 20, "scaleup_domain": 1.0}
    slower = estimate(mixture, cut, chip, **slow_link, **{slowed: less})
    assert slower.step_s >= estimate(mixture, cut, chip, **slow_link).step_s * (1 - 1e-12)


@settings(max_examples=30, deadline=None)
@given(cut=layout(), chip=CHIP)
def test_more_memory_never_stops_a_layout_from_fitting(small, cut, chip):
    roomier = estimate(small, cut, chip, memory_bytes=2 * cluster_of(chip).memory_bytes)
    made = estimate(small, cut, chip)
    assert roomier.step_s == made.step_s
    assert roomier.fits >= made.fits


@settings(max_examples=40, deadline=None)
@given(cut=layout(experts=True), chip=CHIP, frozen=st.sampled_from([0.0, 1.0]))
def test_no_step_beats_the_arithmetic_of_the_model_at_the_peak(mixture, cut, chip, frozen):
    made = estimate(mixture, cut, chip, recipe=Recipe(frozen=frozen, adapter_share=0.003))
    flop = Shape.of(mixture).training_flop_per_token(TASK.sequence_length, frozen=frozen)
    least = flop * TASK.sequence_length * TASK.global_batch / (peak_flop_per_s(made.cluster, cut) * cut.chips)
    assert made.low_s >= least * (1 - 1e-12)
    assert made.step_s >= least
    assert made.mfu_pct <= 100


@settings(max_examples=30, deadline=None)
@given(chip=CHIP, experts=st.booleans(), micro=st.sampled_from([1, 2, 4]), kept=st.sampled_from(["none", "full"]))
def test_one_chip_alone_only_computes(small, mixture, chip, experts, micro, kept):
    model = mixture if experts else small
    made = estimate(model, Layouts.one(micro_batch=micro, recompute=kept), chip)
    assert all(np.all(np.asarray(getattr(made.parts, name)) == 0) for name in TRANSFERS)
    computed = made.parts.layers_s + made.parts.head_s + made.parts.optimizer_s
    assert np.isclose(made.step_s, computed + made.parts.overhead_s, rtol=1e-12)


@settings(max_examples=20, deadline=None)
@given(chip=CHIP, micro=st.sampled_from([1, 2, 4]))
def test_one_chip_alone_is_the_sum_of_its_operators(small, chip, micro):
    """The step of one chip, written out: products at their rate, the rest at the memory's."""
    cut, cluster = Layouts.one(micro_batch=micro), cluster_of(chip)
    efficiency = efficiency_of(CATALOGUE, chip, "training")
    job = job_of(CATALOGUE, Shape.of(small), TASK, cluster, cut, Recipe(), efficiency)
    bare = replace(efficiency, parameters=dict(efficiency.parameters) | ALONE)
    step = float(np.squeeze(breakdown(replace(job, efficiency=bare)).step_s))
    rates, hidden, tokens = job.rates, small.hidden, micro * TASK.sequence_length
    weights = small.layers * (
        2 * hidden * small.heads * small.head_dim
        + 2 * hidden * small.kv_heads * small.head_dim
        + 3 * hidden * small.ffn_hidden
    )
    attended = (TASK.sequence_length + 1) / 2
    batches = TASK.global_batch / micro
    filled = 1 + rates.fill / hidden
    products = 6 * tokens * weights * filled / rates.matrix_flop_per_s
    # Exponentials beside the products, over those of the heads of 128 with which attention was timed.
    scores = (1 + rates.lost_width / small.head_dim) / (1 + rates.lost_width / 128)
    passes = 1 + 2.5 * bare["core_back"]
    core = passes * scores * small.layers * 4 * tokens * attended * small.heads * small.head_dim / rates.core_flop_per_s
    head = 6 * tokens * hidden * small.vocab * filled / rates.head_flop_per_s
    arithmetic = batches * float(np.squeeze(products + core + head))
    assert step > arithmetic
    # What is left is traffic: it goes in proportion to the bandwidth, and vanishes with it.
    endless = replace(job.rates, stream_bytes_per_s=np.inf, product_bytes_per_s=np.inf)
    alone = float(np.squeeze(breakdown(replace(job, efficiency=bare, rates=endless)).step_s))
    assert alone == pytest.approx(arithmetic, rel=1e-3)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(layout(experts=True), min_size=2, max_size=6), chip=CHIP, data=st.data())
def test_the_order_of_candidates_changes_nothing(mixture, cuts, chip, data):
    order = np.array(data.draw(st.permutations(range(len(cuts)))))
    made, shuffled = estimate(mixture, table(cuts), chip), estimate(mixture, table(cuts).take(order), chip)
    for name in ("step_s", "low_s", "high_s", "mfu_pct", "memory_low_bytes", "memory_high_bytes"):
        assert np.array_equal(np.asarray(getattr(made, name))[order], getattr(shuffled, name)), name
    for at, cut in enumerate(cuts):
        assert np.isclose(estimate(mixture, cut, chip).step_s[0], made.step_s[at], rtol=1e-13)


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.lists(layout(experts=True), min_size=1, max_size=4),
    chip=CHIP,
    kept=st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=1, max_size=3, unique=True),
)
def test_a_grid_of_cuts_and_choices_is_the_table_of_their_product(mixture, cuts, chip, kept):
    rows = table(cuts)
    grid = replace(
        Layouts(**{one.name: getattr(rows, one.name)[:, np.newaxis] for one in fields(Layouts)}),
        recompute=np.array(kept)[np.newaxis, :],
    )
    flat = replace(rows.take(np.repeat(np.arange(len(cuts)), len(kept))), recompute=np.tile(np.array(kept), len(cuts)))
    shape, efficiency, cluster = Shape.of(mixture), efficiency_of(CATALOGUE, chip, "training"), cluster_of(chip)
    one, other = (
        breakdown(job_of(CATALOGUE, shape, TASK, cluster, each, Recipe(), efficiency)).step_s for each in (grid, flat)
    )
    np.testing.assert_allclose(np.ravel(one), other, rtol=1e-13)


@settings(max_examples=25, deadline=None)
@given(cut=layout(), chip=CHIP)
def test_twice_the_layers_take_twice_the_time_of_layers(small, cut, chip):
    once, twice = estimate(small, cut, chip), estimate(replace(small, layers=2 * small.layers), cut, chip)
    assert np.isclose(twice.parts.layers_s, 2 * once.parts.layers_s)
    assert once.step_s < twice.step_s
    # Only what is hidden behind the layers, or shared out over stages, may not double.
    assert twice.step_s <= 2 * once.step_s * (1 + 1e-9)


@settings(max_examples=40, deadline=None)
@given(
    cut=layout(experts=True),
    chip=CHIP,
    longer=st.sampled_from([1, 2, 4]),
    more=st.sampled_from([1, 2, 3]),
)
def test_more_tokens_never_take_less_time(mixture, cut, chip, longer, more):
    task = Training(TASK.sequence_length * longer, TASK.global_batch * more)
    made, plain = estimate(mixture, cut, chip, task), estimate(mixture, cut, chip)
    assert made.step_s >= plain.step_s * (1 - 1e-12)
    assert made.memory.memory_bytes >= plain.memory.memory_bytes * (1 - 1e-12)


@settings(max_examples=30, deadline=None)
@given(cut=layout(), chip=CHIP)
def test_a_zero_bubble_schedule_never_idles_longer(small, cut, chip):
    plain = estimate(small, replace(cut, schedule=np.array([0.0])), chip)
    assert estimate(small, replace(cut, schedule=np.array([1.0])), chip).parts.bubble_s <= plain.parts.bubble_s


@settings(max_examples=30, deadline=None)
@given(cut=layout(experts=True), chip=CHIP, worse=st.floats(1, 3))
def test_unequal_routing_never_helps(mixture, cut, chip, worse):
    cut = one_f_one_b(cut)
    even, uneven = (estimate(mixture, cut, chip, recipe=Recipe(imbalance=one)) for one in (1.0, worse))
    assert uneven.step_s >= even.step_s * (1 - 1e-12)


@settings(max_examples=30, deadline=None)
@given(cut=layout(experts=True), chip=CHIP)
def test_an_interval_holds_its_point(mixture, cut, chip):
    made = estimate(mixture, cut, chip)
    assert np.all(made.low_s <= made.step_s)
    assert np.all(made.step_s <= made.high_s)
    assert np.all(made.memory_low_bytes <= made.memory.memory_bytes)
    assert np.all(made.memory.memory_bytes <= made.memory_high_bytes)


@settings(max_examples=60, deadline=None)
@given(
    cut=layout(experts=True),
    precision=st.sampled_from(PRECISIONS),
    backward=st.sampled_from([-1.0, 0.0, 2.0, 4.0]),
    attention=st.sampled_from([-1.0, 2.0, 4.0]),
    frozen=st.sampled_from([0.0, 1.0]),
    sparse=st.sampled_from([0.0, 1.0]),
    capacity=st.sampled_from([0.0, 0.05, 1.25]),
)
@example(Layouts.one(), "fp32", -1.0, -1.0, 0.0, 0.0, 0.0)
@example(Layouts.one(), "bf16", -1.0, -1.0, 1.0, 1.0, 0.05)
@example(Layouts.one(), "bf16", 4.0, 4.0, 0.0, 1.0, 0.05)
def test_an_interval_holds_its_point_in_every_recipe(
    mixture, cut, precision, backward, attention, frozen, sparse, capacity
):
    """Also where software does without a part of the model's operations, at the best efficiency there could be."""
    cut = replace(cut, precision=np.array([float(PRECISIONS.index(precision))]))
    recipe = Recipe(
        frozen=frozen,
        adapter_share=0.003,
        sparse=sparse,
        capacity_factor=capacity,
        backward_precision=backward,
        attention_precision=attention,
    )
    made = estimate(mixture, cut, recipe=recipe, sparse_gain=2.0)
    assert made.low_s <= made.step_s * (1 + 1e-12)
    assert made.step_s <= made.high_s
    flop, tokens, peak, chips = least_work(
        job_of(
            CATALOGUE,
            Shape.of(mixture),
            TASK,
            made.cluster,
            cut,
            recipe,
            efficiency_of(CATALOGUE, CHIPS[0], "training"),
        ),
        made.cluster,
    )
    assert made.step_s >= flop * tokens / (peak * chips)
