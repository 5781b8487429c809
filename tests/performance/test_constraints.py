import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.performance import Cluster, Layouts
from polysilicon.performance.constraints import CONSTRAINTS, Limits, first_broken
from polysilicon.workloads.task import Training

TASK = Training(4096, 96)
CLUSTER = Cluster.from_catalogue(load(), "nvidia-h100-sxm-80gb", 256)
DEGREE = st.integers(1, 24)


@st.composite
def cut(draw):
    """Degrees that a person might type, possible or not."""
    return Layouts.one(
        **{name: draw(DEGREE) for name in ("tp", "pp", "dp", "cp", "ep", "micro_batch", "interleave")},
        expert_tp=draw(st.integers(0, 8)),
        shard=draw(st.integers(0, 8)),
        zero_stage=draw(st.integers(0, 3)),
    )


@settings(max_examples=20, deadline=None)
@given(table=st.lists(cut(), min_size=1, max_size=6))
def test_a_table_breaks_what_each_of_its_rows_breaks(mixture, table):
    limits = Limits.of(mixture, TASK, CLUSTER)
    names = Layouts.__dataclass_fields__
    whole = Layouts(**{name: np.concatenate([getattr(one, name) + np.zeros(1) for one in table]) for name in names})
    assert list(first_broken(limits, whole)) == [first_broken(limits, one)[0] for one in table]


def test_cuts_along_one_axis_and_choices_along_another_are_judged_together(mixture):
    limits = Limits.of(mixture, TASK, CLUSTER)
    grid = Layouts(tp=np.array([[1.0], [3.0]]), ep=np.array([[1.0, 8.0, 5.0]]), dp=8.0)
    names = [CONSTRAINTS[at].name if at >= 0 else "" for at in first_broken(limits, grid).ravel()]
    assert names == ["", "", "experts", "heads", "heads", "heads"]
