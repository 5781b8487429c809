import csv
from math import log

import pytest

from polysilicon.validation.fit_record import fitted_sources, read_left_out
from polysilicon.validation.statistics import statistics
from polysilicon.validation.training import CASES, SPLIT

HEADER = "case_id,source,vendor,chip,log_error,low_ratio,high_ratio\n"


def test_every_source_of_a_fitted_row_is_listed():
    with SPLIT.open() as split, CASES.open() as cases:
        fitted = {row["case_id"] for row in csv.DictReader(split) if row["fitted"] == "1"}
        sources = {row["source_key"] for row in csv.DictReader(cases) if row["case_id"] in fitted}
    assert sources
    assert sources <= fitted_sources()


def test_a_left_out_case_is_a_score_of_its_time(tmp_path):
    path = tmp_path / "left.csv"
    path.write_text(HEADER + f"a,s,v,c,{log(1.1)},0.8,1.2\nb,s,v,c,{log(0.5)},0.8,1.2\n")
    close, far = read_left_out(path)
    assert close.error_pct == pytest.approx(10.0)
    assert (close.low, close.high) == (pytest.approx(0.88), pytest.approx(1.32))
    assert (close.source, close.vendor, close.chip) == ("s", "v", "c")
    told = statistics([close, far])
    assert told.inside_90_pct == 50.0
    assert told.median_width_pct == pytest.approx(40.0)


def test_nothing_recorded_is_nothing_read(tmp_path):
    assert read_left_out(tmp_path / "none.csv") == []
