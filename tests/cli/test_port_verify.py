"""`polysilicon port verify` as a user calls it. What needs PyTorch and ONNX runs only where they are."""

import json
import sys

import pytest

OWN = """
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
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(OWN)
    yield tmp_path
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


def test_a_module_that_cant_be_exported_says_why(run, here, equipped):
    ran = run("port", "verify", "own.py:not_exported")
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
