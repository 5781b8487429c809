import msgspec
import pytest

from polysilicon.facts.porting import PortRule
from polysilicon.porting import ratchet
from polysilicon.records.errors import InputError

TIED = "import torch\nx = torch.zeros(3, device='cuda')\n"


@pytest.fixture
def known(scanned, ported):
    """The baseline of some files."""
    return lambda files, *targets: ratchet.baseline(scanned(files, *targets), ported)


@pytest.fixture
def added(scanned, ported):
    """The places that some files have and a baseline does not: path, line, rule and how many more."""

    def ran(files, baseline, *targets):
        new = ratchet.new(scanned(files, *targets), baseline, ported)
        return [(one.path, one.line, one.rule, one.repeats) for one in new]

    return ran


@pytest.fixture(scope="module")
def ported(catalogue):
    return {one.id: one for one in catalogue.every(PortRule)}


def test_nothing_is_new_to_its_own_baseline(known, added):
    files = {"a.py": TIED, "tests/test_a.py": TIED, "b.yaml": "device: cuda\n"}
    assert not added(files, known(files, "ascend", "musa"), "ascend", "musa")


def test_lines_may_move_and_ties_may_go(known, added):
    before = known({"a.py": TIED, "b.py": TIED})
    assert not added({"a.py": "\n\n\n" + TIED, "b.py": "x = 1\n"}, before)


def test_one_more_of_the_same_is_new(known, added):
    more = {"a.py": TIED + "y = torch.ones(3, device='cuda')\n"}
    assert added(more, known({"a.py": TIED})) == [("a.py", 3, "dev-string", 0)]


@pytest.mark.parametrize(
    ("files", "gone"),
    [
        ({f"tests/test_{name}.py": TIED for name in "ab"}, "tests/test_a.py"),
        ({"tests/test_a.py": TIED, "tests/test_b.py": TIED.replace("cuda", "cuda:0")}, "tests/test_a.py"),
        ({f"{name}.yaml": "device: cuda\n" for name in "ab"}, "a.yaml"),
    ],
)
def test_a_cause_may_lose_the_place_that_stood_for_it(known, added, files, gone):
    before = known(files)
    assert not added({path: "" if path == gone else text for path, text in files.items()}, before)
    assert added(files, known({path: text for path, text in files.items() if path != gone}))


def test_a_file_may_lose_its_first_use_of_a_library(known, added):
    text = "import flash_attn\nflash_attn.a()\nflash_attn.b()\n"
    assert not added({"a.py": "from flash_attn import b\nb()\n"}, known({"a.py": text}))


def test_what_is_added_to_a_cause_is_counted(known, added):
    before = known({"tests/test_b.py": TIED})
    assert added({f"tests/test_{name}.py": TIED for name in "bcde"}, before) == [
        ("tests/test_b.py", 2, "dev-string", 2)
    ]


def test_a_baseline_holds_for_its_own_targets_alone(known, added):
    clean = known({"a.py": "x = 1\n"}, "ascend")
    assert added({"a.py": TIED}, clean, "ascend")
    with pytest.raises(InputError, match=r"knows nothing of musa; allowed: ascend; write it again"):
        added({"a.py": TIED}, clean, "ascend", "musa")


def test_a_baseline_survives_its_file(known, tmp_path):
    before = known({"a.py": TIED})
    (tmp_path / "b.json").write_bytes(msgspec.json.encode(before))
    assert ratchet.read(tmp_path / "b.json") == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "--baseline"),
        ("{}", "no baseline"),
        ("[" * 100_000, "no baseline"),
        ('{"version": 1, "known": {}}', "another version.*found 1; allowed: 2; write one"),
        ('{"version": 2, "known": {"ascend": {"a.py": {"dev-string": {"cuda": -1}}}}}', "no baseline: .*>= 0"),
    ],
)
def test_a_bad_baseline_is_refused_with_a_remedy(tmp_path, content, said):
    path = tmp_path / "b.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=said):
        ratchet.read(path)
