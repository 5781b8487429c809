import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.performance import Cluster, Recipe, Space, estimate_training, search_training
from polysilicon.performance import search as searching
from polysilicon.performance.layouts import Layouts
from polysilicon.performance.space import layouts
from polysilicon.records.errors import InputError, NothingFits
from polysilicon.sweep import workers
from polysilicon.workloads import Training, transformer

CATALOGUE = load()
TASK = Training(2048, 64)
MIDDLE = Space.wide(
    recomputed_shares=(0.5, 1.0),
    shards=(0, 2),
    cp=(1, 2),
    offload_optimizer=(0.0, 1.0),
    offload_activations=(0.0, 1.0),
    offload_weights=(0.0,),
)


def h100(chips):
    return Cluster.from_catalogue(CATALOGUE, "nvidia-h100-sxm-80gb", chips)


def asked(model, chips, space=MIDDLE, **options):
    return search_training(CATALOGUE, model, TASK, h100(chips), space, **options)


def same(one, other):
    for name in ("best", "front"):
        mine, theirs = getattr(one, name), getattr(other, name)
        for column, values in vars(mine.layouts).items():
            assert np.array_equal(values, getattr(theirs.layouts, column)), column
        assert np.array_equal(mine.step_s, theirs.step_s)
    counts = ("chips", "enumerated", "timed", "feasible")
    assert [getattr(one, name) for name in counts] == [getattr(other, name) for name in counts]


@pytest.fixture
def in_parts(monkeypatch):
    """Searches of these tests are small; cut as large ones are, they have many parts."""
    monkeypatch.setattr(searching, "PART", 4096)
    monkeypatch.setattr(searching, "FEW", 1)


@settings(max_examples=12, deadline=None)
@given(small_budget=st.integers(1, 80), more=st.integers(0, 80))
def test_a_larger_budget_never_slows_the_best(small, small_budget, more):
    space = Space(recompute=("full",), micro_batch=(1, 2))
    once, again = asked(small, small_budget, space), asked(small, small_budget + more, space)
    assert again.best.step_s[0] <= once.best.step_s[0]
    assert once.chips <= small_budget


@pytest.mark.parametrize("name", ["small", "mixture"])
def test_the_best_and_the_front_are_those_of_the_plain_table(request, name):
    model, cluster = request.getfixturevalue(name), h100(16)
    space = replace(MIDDLE, sizes=(16,))
    every = estimate_training(CATALOGUE, model, TASK, cluster, layouts(model, TASK, 16, 8, space))
    found = asked(model, 16, space, most=50, with_front=True)
    assert found.enumerated == len(every)
    assert found.feasible == np.count_nonzero(every.fits)
    assert np.allclose(found.best.step_s, np.sort(every.step_s[every.fits])[:50], rtol=1e-9)
    assert found.front.step_s[0] == found.best.step_s[0]
    memory, step = np.asarray(found.front.memory.memory_bytes), found.front.step_s
    beaten = (
        (step[:, None] >= step)
        & (memory[:, None] >= memory)
        & (found.front_energy_j[:, None] >= found.front_energy_j)
        & ~np.eye(len(step), dtype=bool)
    )
    assert not beaten.any()


def test_the_thousand_best_are_what_the_plain_formula_says(mixture):
    """The grid and the flat table evaluate the same functions: the figures agree to the last digits."""
    question, pieces = searching.asked(CATALOGUE, mixture, TASK, h100(16), MIDDLE, Recipe(), 1000)
    kept = searching.Tally.read(searching.evaluate(question, pieces)).best
    plain = estimate_training(CATALOGUE, mixture, TASK, h100(16), searching.table_of(kept.rows))
    assert len(kept) == 1000
    assert np.allclose(plain.step_s, kept.step_s, rtol=1e-9, atol=0)
    assert np.allclose(plain.memory.memory_bytes, kept.figures[:, 1], rtol=1e-9, atol=0)


def test_the_cheapest_and_the_thriftiest_are_those_of_the_plain_table(mixture):
    cluster, space = h100(16), replace(MIDDLE, sizes=(8, 16))
    tables = [
        estimate_training(CATALOGUE, mixture, TASK, cluster, layouts(mixture, TASK, n, 8, space)) for n in (8, 16)
    ]
    cheapest = min(np.min((one.step_s * one.layouts.chips)[one.fits]) for one in tables)
    found = asked(mixture, 16, space, by="cost")
    assert np.isclose(found.best.step_s[0] * found.chips, cheapest, rtol=1e-12)
    thrifty = asked(mixture, 16, space, by="energy", with_front=True)
    assert thrifty.best_energy_j[0] == thrifty.front_energy_j.min()
    assert np.all(np.diff(thrifty.best_energy_j) >= 0)


@pytest.mark.parametrize("recipe", [Recipe(by_operator=1.0), Recipe(feed_forward_again=1.0)])
def test_selective_recomputation_of_more_than_attention_is_searched_for_what_it_saves(small, recipe):
    found = asked(small, 16, Space(recompute=("selective",)), recipe=recipe)
    assert found.best.layouts.row(0)["recompute"] == "selective"
    wholly = asked(small, 16, Space(recompute=("none",)), recipe=recipe)
    assert found.feasible > wholly.feasible


def test_three_times_the_chips_of_a_round_number_are_used_in_full():
    """A pipeline of three stages over 32 layers: 11, 11 and 10."""
    model, task = transformer(CATALOGUE, "llama-3.1-8b"), Training(8192, 64)
    cluster = Cluster.from_catalogue(CATALOGUE, "nvidia-h20-96gb", 48)
    uneven = Layouts.one(tp=8, pp=3, dp=2, sequence_parallel=1, zero_stage=1)
    known = estimate_training(CATALOGUE, model, task, cluster, uneven)
    found = search_training(CATALOGUE, model, task, cluster)
    assert known.fits[0]
    assert found.best.step_s[0] <= known.step_s[0]
    assert found.chips == 48


def test_no_context_degree_said_means_each_that_divides(small):
    some, every = (asked(small, 16, Space(cp=cp)) for cp in ((1, 2, 4, 8, 16), ()))
    assert every.enumerated == some.enumerated


def test_permuting_the_candidates_changes_nothing(mixture):
    names = [name for name, values in vars(MIDDLE).items() if values]
    turned = replace(MIDDLE, **{name: tuple(reversed(getattr(MIDDLE, name))) for name in names})
    same(asked(mixture, 12, with_front=True), asked(mixture, 12, turned, with_front=True))


def test_threads_find_the_same(small, in_parts):
    alone = asked(small, 16, with_front=True)
    with ThreadPoolExecutor(2) as executor:
        same(alone, asked(small, 16, with_front=True, executor=executor))


def test_a_stopped_search_goes_on_and_loses_nothing(small, in_parts, tmp_path):
    alone = asked(small, 16, with_front=True)
    told = []

    def stop(done, whole):
        told.append(done)
        if len(told) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asked(small, 16, with_front=True, folder=tmp_path, progress=stop)
    kept = sorted(tmp_path.glob("*.npz"))
    before = [one.stat().st_mtime_ns for one in kept]
    assert len(kept) == 3
    same(alone, asked(small, 16, with_front=True, folder=tmp_path))
    assert [one.stat().st_mtime_ns for one in kept] == before


KILLED = """
import sys, time
from pathlib import Path
from polysilicon.facts import load
from polysilicon.performance import Cluster, Space, search, search_training
from polysilicon.workloads import Training, transformer
search.PART = 4096
known = load()
cluster = Cluster.from_catalogue(known, "nvidia-h100-sxm-80gb", 16)
model, slowly = transformer(known, "llama-3.1-8b"), lambda done, whole: time.sleep(0.05)
search_training(known, model, Training(2048, 64), cluster, Space.wide(cp=(1, 2)), with_front=True,
                folder=Path(sys.argv[1]), progress=slowly)
"""


def test_a_killed_search_goes_on_and_loses_nothing(in_parts, tmp_path):
    model, space = transformer(CATALOGUE, "llama-3.1-8b"), Space.wide(cp=(1, 2))
    killed = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)])
    while len(list(tmp_path.glob("*.npz"))) < 3 and killed.poll() is None:
        time.sleep(0.01)
    killed.kill()
    assert killed.wait() < 0
    kept = {one.name: one.stat().st_mtime_ns for one in tmp_path.glob("*.npz")}
    resumed = asked(model, 16, space, with_front=True, folder=tmp_path)
    assert len(list(tmp_path.glob("*.npz"))) > len(kept) >= 3
    assert all((tmp_path / name).stat().st_mtime_ns == when for name, when in kept.items())
    same(asked(model, 16, space, with_front=True), resumed)


def test_the_folder_of_another_search_is_refused(small, tmp_path):
    asked(small, 8, Space(), folder=tmp_path)
    with pytest.raises(InputError, match="another sweep"):
        asked(small, 8, Space(zero_stages=(1,)), folder=tmp_path)


def test_a_pool_of_processes_finds_the_same(small, in_parts):
    with workers(2) as executor:
        same(asked(small, 8, with_front=True), asked(small, 8, with_front=True, executor=executor))


@pytest.mark.filterwarnings("default")
def test_a_cluster_finds_the_same(small, in_parts):
    from distributed import LocalCluster

    with (
        LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as cluster,
        workers(cluster=cluster.scheduler_address) as executor,
    ):
        same(asked(small, 16, with_front=True), asked(small, 16, with_front=True, executor=executor))


def test_what_fits_nowhere_says_how_near_it_came_and_what_would_do(gpt3):
    with pytest.raises(NothingFits, match=r"nearest needs .* GiB of 80\.0 GiB a chip") as refusal:
        search_training(CATALOGUE, gpt3, Training(2048, 8), h100(8))
    enough = int(re.search(r"([\d,]+) chips would do", str(refusal.value))[1].replace(",", ""))
    found = search_training(CATALOGUE, gpt3, Training(2048, 8), h100(enough))
    assert found.chips == enough


@pytest.mark.parametrize(
    ("space", "told"),
    [
        (Space(tp=(7,)), "heads do not divide .* nearest layout that works: tp 8"),
        (Space(pp=(500,)), "deeper than the model has layers"),
        (Space(cp=(3,)), "sequence does not divide"),
        (Space(micro_batch=(5,)), "micro-batch"),
        (Space(ep=(7,)), "experts do not divide"),
    ],
)
def test_an_impossible_degree_says_which_constraint_failed_and_what_works(mixture, space, told):
    with pytest.raises(InputError, match=told):
        asked(mixture, 512, space)


def test_what_is_in_the_way_of_every_layout_is_named(small):
    with pytest.raises(NothingFits, match=r"without recomputed_shares 0\.3, some would"):
        asked(small, 16, Space(recompute=("full",), recomputed_shares=(0.3,)))
    with pytest.raises(InputError, match=r"zero-bubble .* has no virtual stages"):
        asked(small, 16, Space(schedules=("zero_bubble",), pp=(2,), interleave=(2,)))


def test_degrees_that_share_no_split_say_so(small):
    with pytest.raises(NothingFits, match="no split over at most 16 chips"):
        asked(small, 16, Space(sizes=(11,)))
