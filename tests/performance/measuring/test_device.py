import sys

import pytest

from polysilicon.performance.measuring.device import chosen_dtype, open_device
from polysilicon.records.errors import InputError


def test_a_misspelt_device_is_told_the_nearest():
    with pytest.raises(InputError, match="did you mean cuda"):
        open_device("cdua")


def test_without_pytorch_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match=r"pip install torch --index-url https://download\.pytorch\.org/whl/cpu"):
        open_device("cpu")


@pytest.mark.parametrize("threads", [0, -1, 1_000_000])
def test_no_number_of_threads_is_refused_before_pytorch_is_loaded(threads):
    with pytest.raises(InputError, match="--threads"):
        open_device("cpu", threads)


def test_threads_are_of_a_cpu():
    with pytest.raises(InputError, match="needs --device cpu"):
        open_device("cuda", 1)


class TestWithPyTorch:
    @pytest.fixture(autouse=True)
    def pytorch(self):
        pytest.importorskip("torch")

    def test_the_cpu_says_what_it_is(self):
        device = open_device("cpu", 1)
        assert device.units == 1.0
        assert "fp32" in device.dtypes
        assert device.memory_bytes > 1e8
        assert not device.asynchronous
        assert device.described
        device.synchronise()

    def test_a_device_that_is_not_there_says_which_are(self):
        with pytest.raises(InputError, match=r"torch_mlu|no such device"):
            open_device("mlu")

    def test_a_format_is_chosen_or_refused(self):
        device = open_device("cpu", 1)
        assert chosen_dtype(device, None) == "fp32"
        assert chosen_dtype(device, "bf16") == "bf16"
        with pytest.raises(InputError, match="did you mean fp16"):
            chosen_dtype(device, "fp61")
