"""The example kernels in every language that can run here, against PyTorch, in units of the noise floor."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")
FOLDER = Path(__file__).parents[2] / "examples" / "porting"
NEEDS = ("kernels_cuda", "kernels_opencl")
KERNELS = ("norm_rope", "bag_sum", "quantised_matmul")
MOST = 3.0


@pytest.fixture(scope="module")
def check():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYOPENCL_NO_CACHE", "1")
        patch.syspath_prepend(str(FOLDER))
        spec = importlib.util.spec_from_file_location("check", FOLDER / "check.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    for name in NEEDS:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def interpreted():
    """Triton interprets only where it was told so before anything imported it: in a process of its own."""
    pytest.importorskip("triton")
    code = (
        "import check, json\n"
        "tried = [(k, s) for k in check.REFERENCES for s in (1.0, 1e-3)]\n"
        "print(json.dumps([[k, s, check.ratio('kernels_triton', k, s)] for k, s in tried]))"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=FOLDER,
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return {(kernel, small): ratio for kernel, small, ratio in json.loads(ran.stdout)}


def runs(language):
    """Skips where a language has nothing to run on."""
    if language == "kernels_cuda" and shutil.which("g++") is None:
        pytest.skip("no C++ compiler here")
    if language == "kernels_opencl":
        pyopencl = pytest.importorskip("pyopencl")
        try:
            pyopencl.get_platforms()
        except pyopencl.Error:
            pytest.skip("no OpenCL device here")


@pytest.mark.parametrize("small", [1.0, 1e-3], ids=["normal", "small"])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("language", NEEDS)
@pytest.mark.filterwarnings("ignore::Warning")  # of compilers and of what they import
def test_a_kernel_is_as_near_as_pytorch(check, language, kernel, small):
    runs(language)
    assert check.ratio(language, kernel, small) <= MOST


@pytest.mark.parametrize("small", [1.0, 1e-3], ids=["normal", "small"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_triton_kernel_is_as_near_as_pytorch(interpreted, kernel, small):
    assert interpreted[kernel, small] <= MOST


@pytest.mark.filterwarnings("ignore::Warning")
def test_a_wrong_epsilon_is_seen_on_small_inputs_alone(check, monkeypatch):
    """What the page on kernels warns of: on normal inputs the floor hides it."""
    runs("kernels_cuda")
    import kernels_cuda

    right = kernels_cuda.norm_rope
    monkeypatch.setattr(kernels_cuda, "norm_rope", lambda *given: right(*given[:-1], 0.0))
    assert check.ratio("kernels_cuda", "norm_rope", 1e-3) > 1000 * MOST
    assert check.ratio("kernels_cuda", "norm_rope") < 100 * MOST


@pytest.mark.parametrize("device", ["cuda"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_kernel_is_as_near_on_a_gpu(check, device, kernel):
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no GPU here")
    assert check.ratio("kernels_cuda", kernel, device=device) <= MOST
