import datetime as dt

import numpy as np
import pytest

from polysilicon.facts import load
from polysilicon.performance import Recipe, Space
from polysilicon.planning.shortlist import Place, shortlist
from polysilicon.policy import PERMISSIONS
from polysilicon.records.errors import InputError, NothingFits, UnknownName
from polysilicon.workloads import Training, transformer

CATALOGUE = load()
MODEL = transformer(CATALOGUE, "llama-3.1-8b")
TASK = Training(4096, 64)
HERE = Place("SG", dt.date(2026, 11, 24))
CHINA = Place("CN", dt.date(2026, 11, 24))


def asked(*systems, **options):
    return shortlist(CATALOGUE, MODEL, TASK, 16, systems, **options)


@pytest.fixture(scope="module")
def every():
    return shortlist(CATALOGUE, MODEL, TASK, 16, place=CHINA)


def test_every_system_is_answered_or_says_why_not(every):
    from polysilicon.facts.hardware import System

    known = {one.id for one in CATALOGUE.every(System) if one.chip_id and one.chips}
    answered = {one.system for one in every.entries} | {name for name, _ in every.without}
    assert len(every.entries) > 30
    assert answered <= known
    assert all(why for _, why in every.without)


def test_what_is_lawful_comes_first_and_then_the_fastest(every):
    ranks = [PERMISSIONS.index(one.permission) for one in every.entries]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) > 1
    lawful = [one.best.step_s[0] for one in every.entries if one.permission == every.entries[0].permission]
    assert lawful == sorted(lawful)


def test_each_row_says_its_interval_and_what_it_rests_on(every):
    for row in (one.row() for one in every.entries):
        assert row["low_s"] <= row["step_s"] <= row["high_s"]
        assert row["permission"]
        assert isinstance(row["doubts"], list)


def test_an_unknown_price_stays_unknown_and_comes_last(every):
    by_cost = shortlist(CATALOGUE, MODEL, TASK, 16, place=HERE, by="cost")
    lawful = [one for one in by_cost.entries if one.permission == by_cost.entries[0].permission]
    known = [one.usd_per_mtoken.known for one in lawful]
    assert known == sorted(known, reverse=True)
    assert any(known)
    assert not all(known)
    rows = list(by_cost.to_table().rows())
    assert any(row["usd_per_mtoken"] is None and row["price"] for row in rows)


def test_the_layout_is_the_best_for_what_is_asked():
    names = ("nvidia-h100-sxm-80gb",)
    by = {one: asked(*names, by=one, place=HERE).entries[0] for one in ("time", "cost", "energy")}
    assert by["time"].best.step_s[0] <= min(one.best.step_s[0] for one in by.values())
    assert by["cost"].usd_per_mtoken.value <= min(one.usd_per_mtoken.value for one in by.values())
    assert by["energy"].kj_per_mtoken <= min(one.kj_per_mtoken for one in by.values())


def test_cost_is_rent_times_chips_times_time():
    entry = asked("dgx-h100", by="cost", place=HERE).entries[0]
    hours = float(np.ravel(entry.best.step_s)[0]) / 3600
    tokens = TASK.global_batch * TASK.sequence_length / 1e6
    assert entry.usd_per_mtoken.value == pytest.approx(entry.rent.amount.value * entry.found.chips * hours / tokens)
    assert entry.usd_per_mtoken.low < entry.usd_per_mtoken.value < entry.usd_per_mtoken.high


def test_without_a_place_neither_price_nor_law_is_guessed():
    entry = asked("dgx-h100").entries[0]
    assert entry.rent is None
    assert entry.permission == ""
    assert not entry.usd_per_mtoken.known
    with pytest.raises(InputError, match="price is of a day"):
        asked("dgx-h100", by="cost")


def test_precisions_that_a_chip_lacks_are_left_out_for_it_alone():
    space = Space(precisions=("bf16", "fp8"))
    ranked = asked("dgx-h100", "dgx-a100-640", space=space)
    assert {one.system for one in ranked.entries} == {"dgx-h100", "dgx-a100-640"}


def test_a_chip_that_gains_nothing_from_pruned_weights_is_no_answer_to_them():
    ranked = asked("dgx-h100", "tpu-v5p-pod", recipe=Recipe(sparse=1.0))
    assert [one.system for one in ranked.entries] == ["dgx-h100"]
    assert "gains from weights" in dict(ranked.without)["tpu-v5p-pod"]


def test_a_system_named_twice_is_ranked_once():
    assert [one.system for one in asked("dgx-h100", "dgx-h100").entries] == ["dgx-h100"]


def test_an_unknown_system_is_refused():
    with pytest.raises(UnknownName):
        asked("dgx-h10000")


def test_where_no_system_can_the_reasons_are_given():
    with pytest.raises(NothingFits, match="peak for fp8"):
        asked("dgx-a100-640", space=Space(precisions=("fp8",)))
