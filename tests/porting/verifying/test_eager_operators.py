"""Operators as eager PyTorch runs them. No accelerator is at hand in CI: the meta of one is the CPU in another role."""

from dataclasses import replace

import pytest

from polysilicon.porting.verifying import eager_operators, run_eager


@pytest.fixture
def device():
    return replace(run_eager.runtime("cpu", "fp32"), name="device", consensus=False)


def test_every_operator_of_the_module_is_compared_by_itself(exported, device):
    result, blames = eager_operators.operators(device, [exported("diffusion")])
    assert result.verdict == "pass", result.worst
    assert not blames
    tried = {one.node for one in result.compared}
    assert {"aten.linear.default", "aten.scaled_dot_product_attention.default", "aten.layer_norm.default"} <= tried
    assert {one.probe for one in result.compared} == {"values of the run", "small", "edges"}


def test_operators_of_the_backward_pass_are_compared_too(exported, device):
    result, blames = eager_operators.operators(device, [exported("convolution", "training step")])
    assert not blames
    assert result.verdict == "pass", result.notes
    assert any("convolution_backward" in one.node for one in result.compared)


def test_an_operator_that_a_device_gets_wrong_is_named(exported, device, monkeypatch):
    called = eager_operators._called
    wrong = replace(device, device="privateuseone")

    def on_device(target, given, where, dtype):
        answer = called(target, given, "cpu", dtype)
        off = where == wrong.device and "layer_norm" in str(target)
        return answer * 1.001 if off else answer

    monkeypatch.setattr(eager_operators, "_called", on_device)
    result, blames = eager_operators.operators(wrong, [exported("diffusion")])
    assert result.verdict == "fail"
    assert blames[0].operators == ("aten.layer_norm.default",)
    assert "norms" in blames[0].scope


def test_a_narrow_format_is_held_to_a_floor_of_its_own(exported):
    narrow = replace(run_eager.runtime("cpu", "bf16"), consensus=False)
    result, _ = eager_operators.operators(narrow, [exported("diffusion")])
    assert result.verdict in ("pass", "look")
    linear = next(one for one in result.compared if "linear" in one.node)
    assert 1e-4 < linear.floor < 1e-2


def test_an_operator_that_a_device_lacks_is_told(exported, device, monkeypatch):
    called = eager_operators._called

    def lacking(target, given, where, dtype):
        if where == "privateuseone" and "layer_norm" in str(target):
            raise NotImplementedError("aten::native_layer_norm is not implemented for this device")
        return called(target, given, "cpu", dtype)

    monkeypatch.setattr(eager_operators, "_called", lacking)
    result, _ = eager_operators.operators(replace(device, device="privateuseone"), [exported("diffusion")])
    assert result.verdict == "unsupported"
    assert any("not implemented" in one for one in result.notes)
