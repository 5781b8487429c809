import msgspec
import pytest

from polysilicon.porting import ratchet
from polysilicon.records.errors import InputError

TIED = "import torch\nx = torch.zeros(3, device='cuda')\n"


def test_nothing_is_new_to_its_own_baseline(scanned):
    told = scanned({"a.py": TIED}, "ascend", "musa")
    assert told.counted
    assert ratchet.new(told.findings, ratchet.baseline(told.findings)) == []


def test_lines_may_move_and_ties_may_go(scanned):
    known = ratchet.baseline(scanned({"a.py": TIED, "b.py": TIED}).findings)
    moved = scanned({"a.py": "\n\n\n" + TIED, "b.py": "x = 1\n"})
    assert ratchet.new(moved.findings, known) == []


def test_one_more_of_the_same_is_new(scanned):
    known = ratchet.baseline(scanned({"a.py": TIED}).findings)
    added = ratchet.new(scanned({"a.py": TIED + "y = torch.ones(3, device='cuda')\n"}).findings, known)
    assert [(one.path, one.line, one.rule) for one in added] == [("a.py", 3, "dev-string")]


def test_a_baseline_survives_its_file(scanned, tmp_path):
    known = ratchet.baseline(scanned({"a.py": TIED}).findings)
    (tmp_path / "b.json").write_bytes(msgspec.json.encode(known))
    assert ratchet.read(tmp_path / "b.json") == known


@pytest.mark.parametrize(
    ("content", "said"), [(None, "--baseline"), ("{}", "no baseline"), ('{"version": 9, "known": {}}', "version")]
)
def test_a_bad_baseline_is_refused_with_a_remedy(tmp_path, content, said):
    path = tmp_path / "b.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=said):
        ratchet.read(path)
