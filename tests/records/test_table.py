import numpy as np
import pytest

from polysilicon.records.table import Table
from polysilicon.records.units import SUFFIXES, unit_of


def test_rows_are_plain_values_and_a_missing_number_is_none() -> None:
    table = Table("t", {"chip": ["a", "b"], "tdp_w": np.array([700.0, np.nan])})
    assert list(table.rows()) == [{"chip": "a", "tdp_w": 700.0}, {"chip": "b", "tdp_w": None}]
    assert table.to_dict()["units"] == {"tdp_w": "W"}


def test_a_unit_given_overrides_the_one_a_name_states() -> None:
    assert Table("t", {"tdp_w": [1]}, units={"tdp_w": "kW"}).unit("tdp_w") == "kW"


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="unequal"):
        Table("t", {"a": [1], "b": []})


def test_an_empty_table_has_no_rows() -> None:
    assert len(Table("t", {})) == 0


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("bandwidth_gbs", "GB/s"),
        ("step_s", "s"),
        ("carbon_g_per_kwh", "gCO2e/kWh"),
        ("name", ""),
        ("density_mtr_per_mm2", "MTr/mm²"),
    ],
)
def test_the_longest_suffix_of_a_name_is_its_unit(name: str, unit: str) -> None:
    assert unit_of(name) == unit


def test_every_suffix_is_understood() -> None:
    assert all(unit_of(f"x_{suffix}") == unit for suffix, unit in SUFFIXES.items())
