"""The runtimes of this machine: that they agree, and that one that crashes is an answer."""

import os
import signal
import sys

import numpy as np
import pytest

from polysilicon.porting.verifying import curve, evidence, export, isolation, levels, probes, runtimes, subject
from polysilicon.porting.verifying.interpreter import evaluate
from polysilicon.porting.verifying.trial import Bench, attempt
from polysilicon.porting.verifying.verify import Request, verify
from polysilicon.records.errors import InputError, Unsupported

FIVE = ("pytorch-fp64", "pytorch-fp32", "onnxruntime", "openvino", "iree", "numpy-fp64")
BAR = 10.0


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A user's own model: two layers and a loss."""
    path = tmp_path_factory.mktemp("own") / "own_model.py"
    path.write_text(
        "import torch\n"
        "def make():\n"
        "    inner = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.SiLU(), torch.nn.Linear(8, 3))\n"
        "    return inner, torch.randn(4, 6), torch.nn.functional.cross_entropy, torch.tensor([0, 2, 1, 0])\n"
        "def alone():\n"
        "    return torch.nn.Linear(3, 2), (torch.randn(5, 3),), lambda answer: answer.square().mean()\n"
    )
    return path


@pytest.fixture(scope="session")
def small_step(small):
    return export.step(subject.find(f"{small}:make"))


def test_all_runtimes_agree_on_a_forward_pass_and_a_training_step(small, small_step, runtime):
    """The bar of all five examples is `benchmarks/porting_verify.py`; this is its smallest case."""
    found = subject.find(f"{small}:make")
    bench = Bench([*(runtime(one) for one in FIVE), runtime("numpy-fp32")])
    for level, case in (("L3", export.forward(found)), ("L4", small_step)):
        for result in levels.whole(bench, level, case):
            assert result.worst is not None, result.notes
            assert result.worst.ratio <= BAR, (result.runtime, result.worst)


@pytest.mark.parametrize("name", ["experts", "convolution", "diffusion"])
def test_the_exported_graph_is_the_module(exported, runtime, name):
    """Our interpreter of the graph and PyTorch running the module, both in 64 bits: only constants are of 32."""
    case = exported(name)
    found = runtime("pytorch-fp64").prepare(case, case.graph).run(case.feeds)
    wanted = evaluate(case.graph, case.feeds)
    for one in case.graph.outputs:
        assert np.linalg.norm(found[one] - wanted[one]) <= 2e-8 * np.linalg.norm(wanted[one])


def test_a_training_step_with_convolutions_has_pytorchs_gradients(exported, runtime):
    case = exported("convolution", "training step")
    found = runtime("pytorch-fp64").prepare(case, case.graph).run(case.feeds)
    wanted = evaluate(case.graph, case.feeds)
    gradients = [one for one in case.graph.outputs if one.startswith("gradient")]
    assert len(gradients) == len(case.changed)
    for one in ("loss", *gradients):
        assert np.linalg.norm(found[one] - wanted[one]) <= 1e-7 * np.linalg.norm(wanted[one]) + 1e-12


def test_the_loss_goes_down_alike_on_every_runtime(small_step, runtime):
    case = small_step
    bench = Bench([runtime(one) for one in ("pytorch-fp32", "onnxruntime", "numpy-fp32")])
    results, courses = curve.curves(bench, case, steps=5, seeds=2)
    assert [one.verdict for one in results] == ["pass"] * 3
    assert {one.losses.shape for one in courses} == {(2, 5)}


def test_a_curve_that_leaves_the_band_fails(small_step, runtime):
    from dataclasses import replace

    case = small_step
    ort = runtime("onnxruntime")

    def prepare(case, graph):
        made = ort.prepare(case, graph)

        class Biased:
            def run(self, feeds):
                given = made.run(feeds)
                return {one: value * 1.5 if one == "loss" else value for one, value in given.items()}

        return Biased()

    biased = replace(ort, name="biased", prepare=prepare, consensus=False)
    bench = Bench([runtime("pytorch-fp32"), ort, runtime("numpy-fp32"), biased])
    results, _ = curve.curves(bench, case, steps=3, seeds=2)
    assert [one.verdict for one in results] == ["pass", "pass", "pass", "fail"]
    assert "leaves the band" in results[-1].notes[0]


def test_a_runtime_that_crashes_is_an_answer_and_is_started_again(exported, runtime):
    case, apart = exported("recommender"), isolation.isolated(runtime("onnxruntime"))
    made = apart.prepare(case, case.graph)
    wanted = made.run(case.feeds)
    os.kill(made.worker.process.pid, signal.SIGSEGV)
    answered = attempt(Bench([apart]), [apart], case, case.graph, case.feeds, probes.AS_RUN)
    assert "SIGSEGV" in answered.failed[0].why
    again = apart.prepare(case, case.graph).run(case.feeds)
    assert all(np.array_equal(again[one], wanted[one]) for one in wanted)
    made.worker.stop()


def test_what_a_runtime_refuses_is_told_in_its_own_words(exported, runtime):
    case, apart = exported("recommender"), isolation.isolated(runtime("onnxruntime"))
    made = apart.prepare(case, case.graph)
    with pytest.raises(isolation.Refused, match="INVALID_ARGUMENT"):
        made.run({one: value[:1] for one, value in case.feeds.items()})
    made.worker.stop()


def test_evidence_is_the_same_again_and_says_what_it_rests_on(small, runtime):
    names = ("pytorch-fp32", "onnxruntime", "numpy-fp32")
    request = Request(("L0", "L3"))
    first, second = (verify(subject.find(f"{small}:alone"), [runtime(one) for one in names], request) for _ in range(2))
    assert first.verdict == "pass"
    assert evidence.plain(first) == evidence.plain(second)
    assert len(first.sha256) == 64
    assert [one.name for one in first.runtimes] == list(names)
    assert all(one.version and one.precision for one in first.runtimes)
    assert first.placements["onnxruntime"][0].device == "CPUExecutionProvider"


def test_a_runtime_that_is_installed_and_broken_is_absent_with_the_reason(tmp_path, monkeypatch):
    broken = ("onnxruntime", "openvino", "iree", "tinygrad")
    for name in broken:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text('raise ImportError("libcore.so: cannot open shared object file")')
        for one in [one for one in sys.modules if one == name or one.startswith(f"{name}.")]:
            monkeypatch.delitem(sys.modules, one)
    monkeypatch.syspath_prepend(tmp_path)
    missing = {one.name: one.missing() for one in runtimes.known()}
    assert not missing["numpy-fp32"]
    for name in ("onnxruntime", "openvino"):
        assert missing[name] == (
            f"{name} is installed and can't be imported: ImportError: libcore.so: cannot open shared object file"
        )
    assert all(missing[name] for name in broken)


def test_devices_that_are_not_here_are_known_by_name_and_say_so():
    missing = {one.name: one.missing() for one in runtimes.elsewhere("bf16")}
    here = {one.name for one in runtimes.known()}
    assert not here & missing.keys()
    assert all(missing.values())
    assert {"pytorch-npu-fp32", "pytorch-npu-bf16"} <= missing.keys()


def test_nothing_is_passed_where_every_runtime_refuses(small, runtime):
    from dataclasses import replace

    def refused(case, graph):
        raise ValueError("no such operator here")

    stubborn = [replace(runtime(one), prepare=refused) for one in ("pytorch-fp32", "numpy-fp32")]
    with pytest.raises(Unsupported, match=r"nothing could be compared: .*no such operator here"):
        verify(subject.find(f"{small}:alone"), stubborn, Request(("L0",)))


def test_one_runtime_has_no_floor(small, runtime):
    with pytest.raises(InputError, match="fewer than two"):
        verify(subject.find(f"{small}:make"), [runtime("pytorch-fp32")], Request(("L3",)))


def test_batches_of_a_curve_are_drawn_from_the_models_own_inputs(small_step):
    case = small_step
    one, other = curve.batch(case, 0, 0), curve.batch(case, 0, 1)
    assert sorted(one) == ["input.0", "wanted"]
    assert not np.array_equal(one["input.0"], other["input.0"])
    np.testing.assert_array_equal(np.sort(one["wanted"]), np.sort(case.feeds["wanted"]))
