"""Fourteen planted faults, each to be caught and its operator named; and two that no plant is needed for."""

import numpy as np
import pytest
from benchmarks.planted_faults import FAULTS, faulty

from polysilicon.porting.verifying import bisection, levels, probes
from polysilicon.porting.verifying.interpreter import evaluate
from polysilicon.porting.verifying.runtimes import Placed
from polysilicon.porting.verifying.trial import Bench, attempt


@pytest.fixture(scope="module")
def judges(runtime):
    return [runtime(one) for one in ("pytorch-fp32", "onnxruntime", "numpy-fp32")]


@pytest.fixture(scope="module")
def values(exported):
    return {one: evaluate((case := exported(one)).graph, case.feeds, "fp32") for one in ("transformer", "recommender")}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: one.name)
def test_a_planted_fault_is_caught_and_its_operator_named(fault, exported, runtime, judges, values):
    case, ported = exported(fault.example), faulty(runtime("onnxruntime"), fault)
    bench = Bench([*judges, ported])
    blocks = next(one for one in levels.blocks(bench, case) if one.runtime == "ported")
    assert blocks.verdict == "fail"
    blame = bisection.first_bad(bench, ported, case, case.graph, values[fault.example])
    assert blame is not None
    assert len(blame.operators) == 1
    assert blame.operators[0] in fault.expected


def test_nobody_is_blamed_where_nothing_is_wrong(exported, runtime, judges, values):
    case = exported("transformer")
    assert bisection.first_bad(Bench(judges), judges[1], case, case.graph, values["transformer"]) is None


def test_a_fault_of_several_operators_together_is_narrowed_to_them(exported, judges, values):
    """A fusion that goes wrong: each operator by itself is right."""
    from dataclasses import replace

    case = exported("transformer")

    softmax = next(at for at, one in enumerate(case.graph.nodes) if one.op == "Softmax")
    partner = case.graph.nodes[softmax + 1].name

    def fused(case, graph):
        made = judges[1].prepare(case, graph)
        outputs = {value for one in graph.nodes if one.name == partner for value in one.outputs}
        wrong = any(one.name == partner and not one.inputs[0].endswith(".given") for one in graph.nodes)

        class Fused:
            def run(self, feeds):
                given = made.run(feeds)
                return {
                    one: value * np.float32(1.01) if wrong and (one in outputs or not outputs & given.keys()) else value
                    for one, value in given.items()
                }

        return Fused()

    ported = replace(judges[1], name="ported", prepare=fused, consensus=False)
    blame = bisection.first_bad(Bench([*judges, ported]), ported, case, case.graph, values["transformer"])
    assert blame is not None
    assert partner in blame.nodes
    assert 1 < len(blame.nodes) <= 4


def test_a_provider_that_leaves_every_node_to_the_cpu_fails_its_placement(exported):
    """The plain build of ONNX Runtime has such a provider; it takes no node, and says nothing."""
    onnxruntime = pytest.importorskip("onnxruntime")
    from polysilicon.porting.verifying import run_onnxruntime

    name = "AzureExecutionProvider"
    if name not in onnxruntime.get_available_providers():
        pytest.skip("this build has no provider that takes no node")
    claimed = run_onnxruntime.runtime(name)
    result, placed = levels.placement(Bench([claimed]), exported("recommender"), claimed)
    assert result.verdict == "fail"
    assert {one.device for one in placed} == {"CPUExecutionProvider"}
    assert any("ran on CPUExecutionProvider" in note for note in result.notes)
    # Its numbers are right all the same: only placement tells.
    case = exported("recommender")
    found = attempt(Bench([claimed]), [claimed], case, case.graph, case.feeds, probes.AS_RUN)
    assert all(one.distance.relative < 1e-6 for one in found.compared)


def test_arithmetic_narrower_than_asked_for_fails_its_placement(exported, runtime):
    runtime("openvino")
    from polysilicon.porting.verifying import run_openvino

    case = exported("recommender")
    default = run_openvino.runtime("CPU", {"INFERENCE_PRECISION_HINT": "bf16"})
    result, placed = levels.placement(Bench([default]), case, default)
    if not any(one.dtype == "bf16" for one in placed):
        pytest.skip("this CPU has no bfloat16 arithmetic")
    assert result.verdict == "fail"
    assert any("computed in bf16" in note for note in result.notes)


def test_an_operator_that_warns_of_falling_back_ran_on_the_cpu(exported):
    import warnings
    from dataclasses import replace

    from polysilicon.porting.verifying import run_eager

    case = exported("recommender")

    def eager(device, dtype):
        run = case.eager(device, dtype)

        def warned(*given):
            warnings.warn("aten::isin will fall back to run on the CPU", UserWarning, stacklevel=1)
            return run(*given)

        return warned

    faked = replace(case, eager=eager)
    device = replace(run_eager.runtime("cpu", "fp32"), name="device")
    placed = device.prepare(faked, faked.graph).placement(faked.feeds)
    assert Placed("aten::isin will fall back to run on the CPU", "fallback", "cpu") in placed


def test_a_device_whose_operators_run_elsewhere_fails_its_placement(exported):
    from dataclasses import replace

    from polysilicon.porting.verifying import run_eager

    claimed = replace(run_eager.runtime("cpu", "fp32"), device="npu")
    result, _ = levels.placement(Bench([claimed]), exported("recommender"), claimed)
    assert result.verdict == "fail"


def test_a_fault_of_a_released_compiler_that_nobody_planted_is_named(runtime, tmp_path):
    """IREE 3.13 computes an Einsum of three operands wrong; where a later release is right there is nothing to name."""
    from polysilicon.porting.verifying import export, subject

    (tmp_path / "shares.py").write_text(
        "import torch\n"
        "class Shares(torch.nn.Module):\n"
        "    def forward(self, inner, fall, shares):\n"
        "        return torch.einsum('ebti,eiw,bte->btw', inner.tanh(), fall, shares)\n"
        "def make():\n"
        "    return Shares(), (torch.randn(4, 2, 8, 16), torch.randn(4, 16, 12), torch.rand(2, 8, 4))\n"
    )
    iree, case = runtime("iree"), export.forward(subject.find(f"{tmp_path}/shares.py:make"))
    bench = Bench([runtime("pytorch-fp32"), runtime("onnxruntime"), runtime("numpy-fp32"), iree])
    verdicts = {one.runtime: one.verdict for one in levels.whole(bench, "L3", case)}
    if verdicts["iree"] == "pass":
        pytest.skip("this release computes it right")
    assert verdicts == {"pytorch-fp32": "pass", "onnxruntime": "pass", "numpy-fp32": "pass", "iree": "fail"}
    blame = bisection.first_bad(bench, iree, case, case.graph, evaluate(case.graph, case.feeds, "fp32"))
    assert blame is not None
    assert blame.operators == ("Einsum",)
