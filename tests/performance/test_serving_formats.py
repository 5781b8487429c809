"""Formats of weights are told apart by name."""

import pytest

from polysilicon.performance.serving_formats import format_of
from polysilicon.records.errors import UnknownName


@pytest.mark.parametrize("has_experts", [True, False])
def test_an_unknown_format_is_refused_with_its_field_and_the_nearest_name(has_experts: bool) -> None:
    with pytest.raises(UnknownName, match="did you mean fp8") as refused:
        format_of("fp7", has_experts)
    assert refused.value.place.field == "precision"
