import pytest

from polysilicon.performance.measuring.kernels import (
    ATTENTION,
    DECODE,
    FEW,
    INPUT,
    PAIR,
    PRODUCT,
    PRODUCTS,
    STREAMS,
    VECTOR,
    WEIGHT,
)
from polysilicon.performance.measuring.work import Job, kernels_of
from polysilicon.performance.operators import gemm_flop

SIZES = {"hidden": 512.0, "heads": 8.0, "ffn": 1024.0, "layers": 3.0, "vocab": 4096.0, "batch": 2.0}


def flop(work, *kinds):
    return sum(n * gemm_flop(one.rows, one.columns, one.inner) for one, n in work.items() if one.kind in kinds)


def test_products_of_a_training_step_take_six_operations_a_weight_and_token():
    job = Job("training", sequence=128.0, **SIZES)
    work = kernels_of(job, 4.0)
    multiplied = job.layers * job.layer_weights + job.vocab * job.hidden
    assert flop(work, PRODUCT) == 2.0 * job.tokens * multiplied
    assert flop(work, PRODUCT, INPUT, WEIGHT) == pytest.approx(6.0 * job.tokens * multiplied)


def test_a_prompt_meets_the_head_with_its_last_token_alone():
    work = kernels_of(Job("prefill", sequence=128.0, **SIZES), 4.0)
    assert [one.rows for one in work if one.columns == 4096.0] == [2.0]
    assert not {INPUT, WEIGHT, "loss", "update"} & {one.kind for one in work}
    assert next(one for one in work if one.kind == ATTENTION).batch == 16.0


@pytest.mark.parametrize(("batch", "kind"), [(1.0, VECTOR), (2.0, PAIR), (4.0, FEW), (31.0, FEW), (32.0, PRODUCT)])
def test_rows_decide_the_kernel_of_a_decoded_token(batch, kind):
    job = Job("decode", sequence=300.0, **SIZES | {"batch": batch})
    products = {one for one in kernels_of(job, 4.0) if one.kind in PRODUCTS}
    assert {one.kind for one in products} == {kind}


def test_what_a_decoded_token_reads_comes_round_once_a_pass():
    job = Job("decode", sequence=300.0, **SIZES)
    attention = next(one for one in kernels_of(job, 4.0) if one.kind == DECODE)
    assert attention.columns == 301.0
    assert attention.footprint_bytes == 4.0 * (job.weights - job.vocab * job.hidden + job.cached)


def test_every_kernel_has_a_form():
    for mode in ("training", "prefill", "decode"):
        kinds = {one.kind for one in kernels_of(Job(mode, sequence=64.0, **SIZES), 2.0)}
        assert kinds <= {*STREAMS, *PRODUCTS, ATTENTION, "attention_back", DECODE}


def test_training_needs_the_most_memory():
    needed = [Job(mode, sequence=128.0, **SIZES).memory_bytes(4.0) for mode in ("decode", "prefill", "training")]
    assert needed == sorted(needed)
