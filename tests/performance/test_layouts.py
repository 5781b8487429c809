import numpy as np
import pytest

from polysilicon.performance import SCHEDULES, Layouts
from polysilicon.performance.layouts import settled
from polysilicon.records.errors import InputError


def test_a_candidate_reads_back_in_the_words_it_was_given():
    given = {
        "tp": 8,
        "pp": 4,
        "dp": 16,
        "schedule": "zero_bubble",
        "recompute": "full",
        "recomputed_share": 0.25,
        "shard": 4,
        "expert_tp": 1,
        "offload_optimizer": 0.5,
        "precision": "fp8",
    }
    row = Layouts.one(**given).row(0)
    assert {name: row[name] for name in given} == given
    assert set(row) == set(Layouts.__dataclass_fields__)


def test_what_is_switched_off_goes_unsaid():
    said = Layouts.one(tp=2).said(0)
    assert not {"schedule", "shard", "expert_tp", "offload_weights"} & set(said)
    assert said["zero_stage"] == 1
    assert said["sequence_parallel"] == 0
    assert Layouts.one(shard=8, schedule="zero_bubble").said(0)["schedule"] == "zero_bubble"


def test_columns_of_one_entry_serve_a_table():
    table = Layouts(tp=np.array([1.0, 2.0, 4.0]), schedule=float(SCHEDULES.index("zero_bubble")))
    assert len(table) == 3
    assert [table.take(np.array([2])).row(0)[name] for name in ("tp", "schedule")] == [4, "zero_bubble"]


@pytest.mark.parametrize("name", ["recomputed_share", "offload_optimizer", "offload_activations", "offload_weights"])
def test_a_share_lies_between_nought_and_one(name):
    with pytest.raises(InputError, match="between 0 and 1"):
        Layouts.one(**{name: 1.5})


def test_an_unknown_schedule_is_refused_with_those_known():
    with pytest.raises(InputError, match="zero_bubble"):
        Layouts.one(schedule="gpipe2")
    with pytest.raises(InputError, match="at least 0"):
        Layouts.one(shard=-1)


def test_what_a_degree_of_one_leaves_without_meaning_is_switched_off():
    bare = Layouts.one(schedule="zero_bubble", context="all_to_all", sequence_parallel=1, recomputed_share=0.5)
    assert settled(bare).row(0) == Layouts.one().row(0)
    meant = Layouts.one(tp=2, pp=2, cp=2, schedule="zero_bubble", context="all_to_all", sequence_parallel=1)
    assert settled(meant).row(0) == meant.row(0)
    share = Layouts.one(recompute="full", recomputed_share=0.5)
    assert settled(share).row(0) == share.row(0)


@pytest.mark.parametrize("degree", [float("inf"), float("nan"), 2.5, -1.0])
@pytest.mark.parametrize("name", ["tp", "shard"])
def test_a_degree_is_a_whole_number(name, degree):
    with pytest.raises(InputError, match=f"{name} must be a whole number"):
        Layouts.one(**{name: degree})
