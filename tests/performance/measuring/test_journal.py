import json

import pytest

from polysilicon.performance.measuring.journal import Journal
from polysilicon.performance.measuring.kernels import Kernel
from polysilicon.performance.measuring.timing import Timing
from polysilicon.records.errors import InputError

LABEL = {"device": "cpu", "torch": "2.13.0", "day": "2026-11-28"}
KERNEL, TIMING = Kernel("add", 64.0, 128.0), Timing(1e-5, 0.02, 7, trusted=True)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "deep" / "our.journal"
    Journal(path, LABEL).write("fp32", KERNEL, TIMING)
    return path


def test_what_was_timed_is_read_back(path):
    kept = Journal(path, LABEL, resume=True)
    assert kept.timings() == {("fp32", KERNEL): TIMING}
    assert kept.get("bf16", KERNEL) is None


def test_the_latest_timing_of_a_kernel_counts(path):
    again = Timing(9e-6, 0.01, 8, trusted=True)
    Journal(path, LABEL, resume=True).write("fp32", KERNEL, again)
    assert Journal(path, LABEL, resume=True).get("fp32", KERNEL) == again


def test_an_old_journal_is_not_written_over(path):
    with pytest.raises(InputError, match="--resume"):
        Journal(path, LABEL)


def test_timings_of_another_device_are_refused(path):
    with pytest.raises(InputError, match="another torch"):
        Journal(path, LABEL | {"torch": "2.9.1"}, resume=True)


def test_a_later_day_goes_on_and_keeps_the_first_day(path):
    assert Journal(path, LABEL | {"day": "2026-11-29"}, resume=True).label["day"] == "2026-11-28"


def test_a_line_cut_short_never_counted(path):
    whole = path.read_text()
    path.write_text(whole + '{"dtype": "fp32", "ker')
    kept = Journal(path, LABEL, resume=True)
    assert len(kept) == 1
    kept.write("bf16", KERNEL, TIMING)
    assert len(Journal(path, LABEL, resume=True)) == 2


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "{}",
        '{"dtype": 1}',
        json.dumps({"dtype": "fp32", "kernel": {"kind": 3}, "timing": {}}),
        json.dumps({"kernel": KERNEL.to_dict(), "timing": vars(TIMING)}),
        json.dumps({"dtype": ["fp32"], "kernel": KERNEL.to_dict(), "timing": vars(TIMING)}),
        json.dumps({"dtype": "fp32", "kernel": KERNEL.to_dict(), "timing": vars(TIMING) | {"time_s": "long"}}),
        json.dumps({"dtype": "fp32", "kernel": KERNEL.to_dict() | {"rows": "many"}, "timing": vars(TIMING)}),
    ],
)
def test_a_foreign_line_is_named(path, line):
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(InputError, match=r"our\.journal:3: is no line of a journal"):
        Journal(path, LABEL, resume=True)


def test_a_kernel_nobody_times_is_refused(path):
    strange = {"dtype": "fp32", "kernel": KERNEL.to_dict() | {"kind": "magic"}, "timing": vars(TIMING)}
    path.write_text(path.read_text() + json.dumps(strange) + "\n")
    with pytest.raises(InputError, match="magic"):
        Journal(path, LABEL, resume=True)


def test_a_trusted_time_of_nothing_is_refused(path):
    strange = {"dtype": "fp32", "kernel": KERNEL.to_dict(), "timing": vars(TIMING) | {"time_s": -1e-5}}
    path.write_text(path.read_text() + json.dumps(strange) + "\n")
    with pytest.raises(InputError, match=r"our\.journal:3: is no time of a kernel"):
        Journal(path, LABEL, resume=True)


def test_a_journal_is_begun_anew_in_place_of_an_older_one(path):
    assert not len(Journal(path, LABEL | {"torch": "2.9.1"}, anew=True))
    assert not Journal(path, LABEL | {"torch": "2.9.1"}, resume=True).timings()


@pytest.mark.parametrize("text", ["precious\n", "{}\n", "[1]\n", '{"label": 3}\n'])
def test_what_is_no_journal_is_not_written_over(tmp_path, text):
    path = tmp_path / "notes.txt"
    path.write_text(text)
    with pytest.raises(InputError, match="is no journal"):
        Journal(path, LABEL, anew=True)
    assert path.read_text() == text


def test_a_place_that_cant_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="can't write"):
        Journal(tmp_path / "file" / "journal", LABEL)
