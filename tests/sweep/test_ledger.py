import numpy as np
import pytest

from polysilicon.sweep import Ledger, OtherSweep

FOUND = {"figures": np.arange(6.0).reshape(2, 3), "nothing": np.zeros((0, 3))}


def test_what_is_kept_is_read_back(tmp_path):
    ledger = Ledger(tmp_path, "question", 3)
    assert ledger.read(1) is None
    ledger.write(1, FOUND)
    again = Ledger(tmp_path, "question", 3).read(1)
    assert again.keys() == FOUND.keys()
    assert all(np.array_equal(again[name], FOUND[name]) for name in FOUND)


@pytest.mark.parametrize(("question", "parts"), [("another", 3), ("question", 4)])
def test_another_question_is_refused(tmp_path, question, parts):
    Ledger(tmp_path, "question", 3)
    with pytest.raises(OtherSweep):
        Ledger(tmp_path, question, parts)


def test_a_folder_of_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OtherSweep):
        Ledger(tmp_path, "question", 3)
    assert [one.name for one in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_broken_file_counts_as_not_done(tmp_path):
    ledger = Ledger(tmp_path, "question", 3)
    ledger.write(0, FOUND)
    kept = next(tmp_path.glob("*.npz"))
    kept.write_bytes(kept.read_bytes()[:40])
    assert ledger.read(0) is None


@pytest.mark.parametrize("other", [{"foo": np.arange(3)}, {"part": np.array(2)}, {"part": np.array([0, 0])}])
def test_a_file_of_something_else_counts_as_not_done(tmp_path, other):
    ledger = Ledger(tmp_path, "question", 3)
    ledger.write(0, FOUND)
    np.savez(next(tmp_path.glob("*.npz")), **other)
    assert ledger.read(0) is None


def test_nothing_half_written_is_left(tmp_path):
    ledger = Ledger(tmp_path, "question", 3)
    ledger.write(0, FOUND)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["000000.npz", "sweep.json"]
