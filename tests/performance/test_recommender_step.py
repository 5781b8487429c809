"""What every estimate of a recommender's step obeys, and what each cut of the tables moves."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.performance import Cluster
from polysilicon.performance.recommender_step import (
    COLUMN,
    ROW,
    SHARDINGS,
    TABLE,
    column_cuts,
    imbalance,
    recommender_memory,
    recommender_parts,
    vector_bytes,
    vector_imbalance,
)
from polysilicon.performance.sample_jobs import TableLayout, job_for
from polysilicon.performance.sample_rates import sample_rates
from polysilicon.records.errors import InputError
from polysilicon.workloads import describe

CATALOGUE = load()
DLRM = describe(CATALOGUE, "dlrm-dcnv2")
SAMPLES = 65536


def job(chips=8, sharding="column", in_host=False, batch=SAMPLES, model=DLRM, chip="nvidia-h100-sxm-80gb"):
    cluster = Cluster.from_catalogue(CATALOGUE, chip, chips)
    return job_for(CATALOGUE, model, batch, cluster, TableLayout(sharding=sharding, in_host=in_host))[0]


@st.composite
def jobs(draw):
    return job(
        draw(st.sampled_from([1, 2, 8, 16, 64])),
        draw(st.sampled_from(SHARDINGS)),
        draw(st.booleans()),
        draw(st.sampled_from([4096, SAMPLES])),
        describe(CATALOGUE, draw(st.sampled_from(["dlrm-dcnv2", "dlrm-criteo-large"]))),
        draw(st.sampled_from(["nvidia-h100-sxm-80gb", "nvidia-l40s", "huawei-ascend-910b2"])),
    )


def step(one):
    return float(recommender_parts(one)["step_s"])


@given(jobs())
def test_the_parts_sum_to_the_step_and_the_kinds_to_the_memory(one):
    for whole, figures in (("step_s", recommender_parts(one)), ("memory_bytes", recommender_memory(one))):
        rest = [float(value) for name, value in figures.items() if name != whole]
        assert min(rest) >= 0
        assert sum(rest) == pytest.approx(float(figures[whole]), rel=1e-12)


@given(
    st.sampled_from([2, 8, 16]), st.sampled_from(["memory_bytes_per_s", "scaleup_bytes_per_s", "scaleout_bytes_per_s"])
)
def test_more_bandwidth_never_slows(chips, name):
    one = job(chips)
    cluster = Cluster.from_catalogue(CATALOGUE, "nvidia-h100-sxm-80gb", chips)
    faster = replace(cluster, **{name: 2.0 * getattr(cluster, name)})
    latencies = (one.rates.scaleup_latency_s, one.rates.scaleout_latency_s)
    assert step(replace(one, rates=sample_rates(faster, one.efficiency, 2.0, latencies))) <= step(one)


@given(jobs())
def test_twice_the_batch_takes_longer_but_at_most_twice_as_long(one):
    assert step(one) < step(replace(one, global_batch=2 * one.global_batch)) <= 2 * step(one)


@given(jobs())
def test_the_memory_of_the_cut_tables_holds_the_whole(one):
    held = recommender_memory(one)["weight_bytes"] * one.chips
    whole = one.tables.parameters * one.table_element_bytes
    assert held < whole if one.in_host else held >= whole * (1 - 1e-9)


def test_rows_move_partly_pooled_vectors_where_tables_move_one_each():
    size = job().tables
    whole, cut = (vector_bytes(way, 1.0, size.tables, size.partial_vectors, 128.0, 2.0) for way in (TABLE, ROW))
    assert whole == 26 * 128 * 2
    # Eight chips at most hold rows of a table, and no more of them than are read of it.
    assert cut == sum(min(one, 8) for one in DLRM.lookups) * 128 * 2


def test_a_table_that_is_read_often_weighs_on_its_chip_until_its_columns_are_cut():
    assert imbalance(TABLE, 0.5, 8.0, 1.0) == 4.0
    cuts = column_cuts(COLUMN, 0.5, 8.0, 128.0, 4.0)
    assert cuts == 4.0
    assert imbalance(COLUMN, 0.5, 8.0, cuts) == 1.0
    assert imbalance(ROW, 0.5, 8.0, 1.0) == 1.0
    assert column_cuts(COLUMN, 0.5, 64.0, 32.0, 4.0) == 4.0  # no piece is narrower than 32 bytes


def test_more_chips_than_tables_leave_some_without_a_table():
    assert vector_imbalance(TABLE, 26.0, 52.0, 1.0) == 2.0
    assert vector_imbalance(TABLE, 26.0, 26.0, 1.0) == 1.0


def test_cutting_the_widest_table_beats_leaving_it_whole():
    table, column = (recommender_parts(job(sharding=one)) for one in ("table", "column"))
    assert column["lookups_s"] < table["lookups_s"]


def test_tables_on_hosts_free_the_chips_and_take_longer():
    here, there = job(), job(in_host=True)
    assert recommender_memory(there)["weight_bytes"] < recommender_memory(here)["weight_bytes"] / 10
    assert step(there) > step(here)


def test_one_chip_exchanges_nothing():
    parts = recommender_parts(job(chips=1))
    assert parts["exchange_s"] == parts["data_s"] == 0


def test_a_cut_that_is_not_known_and_a_batch_that_is_too_small_are_refused():
    with pytest.raises(InputError, match="can't be cut so"):
        job(sharding="diagonal")
    with pytest.raises(InputError, match="at least one sample"):
        job(batch=4)
