import pytest

from polysilicon.facts import load
from polysilicon.porting.rewriting import Choice, installed, names, rewrite
from polysilicon.porting.rewriting.names import number
from polysilicon.porting.targets import targets
from polysilicon.records.errors import InputError


def test_an_old_release_has_no_twin_and_is_left_alone(tmp_path):
    (tmp_path / "a.py").write_text("import torch\nn = torch.cuda.device_count()\nx = torch.zeros(1, device='cuda')\n")
    made = rewrite(tmp_path, names(load(), "2.5"), Choice(frozenset({"S", "R"})))
    assert not made.changed
    assert "PyTorch 2.5 has no torch.accelerator" in made.outcomes[0].sites[0].why


def test_a_release_whose_twin_behaves_otherwise_is_for_review():
    known = names(load(), "2.8")
    grade, why = known.grade(known.by_path["torch.cuda.device_count"])
    assert grade == "R"
    assert "was not read to behave the same in PyTorch 2.8" in why
    assert known.grade(known.by_path["torch.cuda.is_available"])[0] == "S"
    assert known.grade(known.by_path["torch.cuda.empty_cache"])[0] == "M"


def test_a_newer_release_can_do_all_that_an_older_one_could():
    order = "SRM"
    for path, name in names(load(), "2.6").by_path.items():
        grades = [order.index(names(load(), one).grade(name)[0]) for one in ("2.6", "2.9", "2.12")]
        assert grades == sorted(grades, reverse=True), path


@pytest.mark.parametrize("version", ["new", "2", "2.x", "", "2.13; rm"])
def test_what_is_no_release_is_refused(version):
    with pytest.raises(InputError, match="is no release of PyTorch"):
        names(load(), version)


def test_releases_compare_as_numbers():
    assert number("2.13.0+cpu") > number("2.9")


@pytest.mark.parametrize(
    ("target", "modules"),
    [("musa", ("torch_musa",)), ("moore-threads", ("torch_musa",)), ("ascend@950dt", ()), ("hygon", ()), ("onnx", ())],
)
def test_a_target_says_which_module_it_needs(known, target, modules):
    (found,) = targets(load(), [target])
    assert known.modules(found.record) == modules


def test_no_target_needs_no_module(known):
    assert known.modules(None) == ()


def test_a_name_below_a_known_one_is_told_and_another_is_not(known):
    assert known.of("torch.backends.cudnn.benchmark").path == "torch.backends.cudnn"
    assert known.of("torch.cuda.no_such_name") is None
    assert known.of("torch.cuda.amp.autocast.more") is None


def test_every_twin_exists_in_the_installed_pytorch_from_its_release_on():
    here = installed.find()
    if here is None:
        pytest.skip("needs PyTorch")
    known = names(load(), here.release)
    assert "installed PyTorch" in known.checked
    due = [one for one in known.by_path.values() if one.twin and number(one.since) <= number(here.release)]
    assert due
    assert [one.twin for one in due if not here.has(one.twin)] == []
    assert not here.has("torch.accelerator.mem_get_info")
    assert not here.has("torch.no_such_module.name")


def test_a_project_that_allows_an_older_pytorch_is_told(known, tmp_path):
    (tmp_path / "requirements.txt").write_text("numpy\ntorch>=1.13\n")
    (tmp_path / "a.py").write_text("import torch\n")
    assert "requirements.txt allows PyTorch 1.13" in rewrite(tmp_path, known, Choice()).warnings[0]
