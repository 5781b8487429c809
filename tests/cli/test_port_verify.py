"""`polysilicon port verify` as a user calls it. What needs PyTorch and ONNX runs only where they are."""

import json
import sys

import pytest

OWN = """
import os
import sys

import torch

def make():
    return torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU()), torch.randn(2, 4)

def raises():
    raise ValueError("no weights here")

def no_module():
    return 3, torch.randn(2)

def strings():
    return torch.nn.Linear(2, 2), ("a", "b")

def half():
    return torch.nn.Linear(2, 2).half(), torch.randn(2, 2)

def one_thing():
    return torch.nn.Linear(2, 2)

class Dynamic(torch.nn.Module):
    def forward(self, x):
        return torch.linalg.eigvalsh(torch.outer(x, x))

def not_exported():
    return Dynamic(), torch.randn(2)

class Branches(torch.nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else 2 * x

def branches():
    return Branches(), torch.randn(2)

def with_loss(loss, *wanted):
    return torch.nn.Linear(4, 2), torch.randn(3, 4), loss, *wanted

def loss_of_several():
    return with_loss(lambda output: output.square().mean(1))

def loss_without_gradient():
    return with_loss(lambda output: 0.5)

def loss_that_raises():
    return with_loss(lambda output: output.no_such_thing)

def loss_that_leaves():
    return with_loss(lambda output: sys.exit(0))

def list_wanted():
    return with_loss(torch.nn.functional.cross_entropy, [0, 1, 0])

def leaves():
    raise SystemExit(3)

def no_rows():
    return torch.nn.Linear(4, 2), torch.randn(0, 4)

def row_too_far():
    return torch.nn.Embedding(5, 3), torch.tensor([7])

def sparse():
    return torch.nn.Linear(4, 2), torch.eye(4).to_sparse()

def other_shapes():
    return torch.nn.Linear(4, 2), torch.randn(2, 3)

class Raises(torch.nn.Module):
    def forward(self, x):
        raise ValueError("own words" + chr(10) + "and more")  # the line that is told

def raises_in_forward():
    return Raises(), torch.randn(2)

class Mixed(torch.nn.Module):
    def forward(self, x):
        return 2 * x, 3

def number_in_output():
    return Mixed(), torch.randn(2)

class NoNumbers(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(4, 2)

    def forward(self, x):
        return self.inner(x) / 0 * 0

def no_numbers():
    return NoNumbers(), torch.randn(3, 4), lambda output: output.mean()

class Printing(torch.nn.Module):
    def forward(self, x):
        print("words of forward")
        return 2 * x

def prints():
    print("words of the function")
    os.chdir("/")
    return Printing(), torch.randn(4)
"""


RAISES = next(at for at, line in enumerate(OWN.splitlines(), 1) if "the line that is told" in line)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "leaving.py").write_text("import sys\nsys.exit()\n")
    yield tmp_path
    sys.modules.pop("leaving", None)
    sys.modules.pop("own", None)


@pytest.fixture
def equipped():
    for one in ("torch", "onnx", "onnxscript"):
        pytest.importorskip(one)


def test_without_pytorch_it_says_what_to_install(run, here, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "onnx", None)
    ran = run("port", "verify", "example:recommender")
    assert ran.code == 2
    assert "polysilicon[verify]" in ran.err
    assert "https://download.pytorch.org/whl/cpu" in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param([], ["MODEL", "is not said"], id="nothing"),
        pytest.param(["example:transformr"], ["did you mean transformer?"], id="misspelt example"),
        pytest.param(["own.py"], ["names no function"], id="no function"),
        pytest.param(["absent.py:make"], ["absent.py", "is no file"], id="no file"),
        pytest.param(["no.such.module:make"], ["can't be imported"], id="no module"),
        pytest.param(["own.py:mak"], ["did you mean make?"], id="misspelt function"),
        pytest.param(["own.py:raises"], ["ValueError: no weights here"], id="it raises"),
        pytest.param(["own.py:no_module"], ["no PyTorch module"], id="no module first"),
        pytest.param(["own.py:strings"], ["not all tensors"], id="inputs of another kind"),
        pytest.param(["own.py:half"], ["not torch.float32"], id="weights of 16 bits"),
        pytest.param(["own.py:one_thing"], ["(module, inputs)"], id="one thing alone"),
        pytest.param(["own.py:make", "--level", "L9"], ["unknown level", "L5"], id="no such level"),
        pytest.param(["own.py:make", "--runtime", "onnxruntme"], ["did you mean onnxruntime?"], id="misspelt runtime"),
        pytest.param(["own.py:make", "--runtime", "numpy-fp32"], ["fewer than two"], id="one runtime"),
        pytest.param(
            ["own.py:make", "--runtime", "onnxruntime"],
            ["found ['onnxruntime']", "two or more of", "numpy-fp32"],
            id="one runtime, and others to add",
        ),
        pytest.param(
            ["own.py:make", "--runtime", "pytorch-npu-fp32"],
            ["is not here", "PyTorch finds no npu here"],
            id="known device that is not here",
        ),
        pytest.param(["own.py:make", "--level", "L4", "--level", "L5"], ["no loss", "L4 or L5"], id="no loss"),
        pytest.param(["own.py:loss_of_several"], ["the loss gives", "shape [3]"], id="loss of several numbers"),
        pytest.param(["own.py:loss_without_gradient"], ["the loss gives", "float"], id="loss that is no tensor"),
        pytest.param(
            ["own.py:loss_that_raises"], ["the loss fails", "no_such_thing", "own.py:"], id="loss that raises"
        ),
        pytest.param(["own.py:loss_that_leaves"], ["the loss fails", "SystemExit: 0"], id="loss that leaves"),
        pytest.param(["own.py:list_wanted"], ["wants what is no tensor", "list"], id="a list is wanted"),
        pytest.param(["leaving.py:make"], ["can't be imported: SystemExit", "leaving.py:2"], id="file that leaves"),
        pytest.param(["own.py:leaves"], ["SystemExit: 3", "own.py:"], id="function that leaves"),
        pytest.param(["own.py:no_rows"], ["nothing to compare", "shape [0, 4]"], id="no rows"),
        pytest.param(["own.py:row_too_far"], ["the module fails", "IndexError: index out of range"], id="row too far"),
        pytest.param(["own.py:sparse"], ["sparse_coo", "allowed: dense"], id="sparse input"),
        pytest.param(["own.py:other_shapes"], ["shape [2, 3]", "cannot be multiplied"], id="other shapes"),
        pytest.param(
            ["own.py:raises_in_forward"], ["ValueError: own words", f"own.py:{RAISES}"], id="forward that raises"
        ),
        pytest.param(["own.py:number_in_output"], ["more than tensors", "int"], id="number in the output"),
        pytest.param(["own.py:make", "--seeds", "0"], ["--seeds"], id="no seeds"),
        pytest.param(["own.py:make", "--out", "own.py/evidence"], ["can't be written"], id="below a file"),
    ],
)
def test_bad_input_gets_one_clear_message(run, here, equipped, arguments, said):
    ran = run("port", "verify", *arguments)
    assert ran.code == 2, ran.err
    assert all(word in ran.err for word in said), ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert not (here / "evidence").exists()


@pytest.mark.parametrize(("module", "how"), [("not_exported", "run"), ("branches", "spawn")])
def test_a_module_that_cant_be_exported_says_why(request, here, equipped, module, how):
    """In a process of its own, since exporters write past the standard error that is captured here."""
    ran = request.getfixturevalue(how)("port", "verify", f"own.py:{module}")
    assert ran.code == 3
    assert "can't export" in ran.err
    assert len(ran.err.strip().splitlines()) == 1


CHOSEN = ["--level", "L0", "--level", "L1", "--level", "L3", "--runtime", "pytorch-fp32", "--runtime", "numpy-fp32"]


def test_the_verdict_the_table_and_the_page_are_written(run, here, equipped):
    ran = run("port", "verify", "own.py:make", *CHOSEN, "--out", "evidence")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("own.py:make: pass")
    assert {one.name for one in (here / "evidence").iterdir()} == {"evidence.json", "evidence.html"}
    page = (here / "evidence" / "evidence.html").read_text()
    told = json.loads((here / "evidence" / "evidence.json").read_text())
    assert told["sha256"] in page
    assert "Signature" in page


def test_json_is_the_evidence_and_nothing_else(run, here, equipped):
    ran = run("port", "verify", "own.py:make", *CHOSEN, "--json")
    told = json.loads(ran.out)
    assert told["verdict"] == "pass"
    assert {one["level"] for one in told["results"]} == {"L0", "L1", "L3"}
    assert all(one["placements" if "placements" in one else "name"] for one in told["runtimes"])


TWO = ["--runtime", "pytorch-fp32", "--runtime", "numpy-fp32"]


def test_what_the_users_code_prints_and_where_it_goes_leave_the_answer_alone(run, here, equipped):
    ran = run("port", "verify", "own.py:prints", "--level", "L3", *TWO, "--json", "--out", "evidence")
    assert json.loads(ran.out)["verdict"] == "pass"
    assert "words of the function" in ran.err
    assert "words of forward" in ran.err
    assert (here / "evidence" / "evidence.json").exists()


def test_an_output_without_a_number_is_to_be_looked_at(run, here, equipped):
    levels = ["--level", "L2", "--level", "L3", "--level", "L4", "--level", "L5", "--steps", "2", "--seeds", "1"]
    ran = run("port", "verify", "own.py:no_numbers", *levels, *TWO, "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told["verdicts"] == {"pytorch-fp32": "look", "numpy-fp32": "look"}
    assert {one["verdict"] for one in told["results"]} == {"look"}
    assert all("finite" in one["notes"][0] for one in told["results"])


def test_a_training_step_that_cant_be_compared_is_no_answer(run, here, equipped, monkeypatch):
    from polysilicon.porting.verifying import export
    from polysilicon.records.errors import Unsupported

    def refused(subject):
        raise Unsupported("PyTorch can't record the training step")

    monkeypatch.setattr(export, "step", refused)
    ran = run("port", "verify", "own.py:no_numbers", "--level", "L4", *TWO)
    assert ran.code == 3
    assert "can't record the training step" in ran.err
    assert ran.out == ""


def test_a_pytorch_that_cant_be_imported_says_why(run, here, equipped, monkeypatch):
    (here / "torch.py").write_text('raise ImportError("libtorch.so: cannot open shared object file")')
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.syspath_prepend(here)
    ran = run("port", "verify", "own.py:make")
    assert ran.code == 2
    assert "ImportError: libtorch.so" in ran.err
    assert "None is missing" not in ran.err


def test_a_wrong_runtime_ends_in_a_failure_with_its_operator_named(run, here, equipped, monkeypatch):
    from dataclasses import replace

    from benchmarks.planted_faults import FAULTS, faulty

    from polysilicon.porting.verifying import run_eager, run_numpy, runtimes

    fault = next(one for one in FAULTS if one.name.startswith("TF32"))
    plain = run_numpy.runtime("fp32")
    every = (run_eager.runtime("cpu", "fp32"), plain, replace(faulty(plain, fault), missing=lambda: ""))
    monkeypatch.setattr(runtimes, "known", lambda dtype: every)
    ran = run("port", "verify", "own.py:make", "--level", "L3", "--json")
    assert ran.code == 1
    told = json.loads(ran.out)
    assert told["verdicts"] == {"pytorch-fp32": "pass", "numpy-fp32": "pass", "ported": "fail"}
    assert told["deny"][0]["operator"] in fault.expected
    assert told["deny"][0]["reason"] == "accuracy"
