import pytest

from polysilicon.porting.targets import targets
from polysilicon.records.errors import InputError


def test_targets_are_read_as_they_are_written(catalogue):
    named = ["rocm", "ascend@950dt", "npu", "ascend@910b:torch-2.11.0"]
    told = targets(catalogue, named)
    assert [(one.name, one.column, one.version) for one in told] == [
        ("rocm", "", ""),
        ("ascend@950dt", "950DT", "2.13.0"),
        ("ascend", "", "2.13.0"),
        ("ascend@910b:torch-2.11.0", "A2", "2.11.0"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ascned", "did you mean ascend"),
        ("ascend@910", "910b"),
        ("ascend:torch-9", "torch-2.13.0"),
        ("rocm@mi300", "rocm"),
    ],
)
def test_an_unknown_target_is_answered_with_the_nearest(catalogue, text, said):
    with pytest.raises(InputError, match="--target") as refused:
        targets(catalogue, [text])
    assert said in str(refused.value)
