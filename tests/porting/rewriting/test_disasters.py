"""What other converters broke. None of it may happen here, at any grade."""

import re

import pytest


@pytest.mark.parametrize("grades", ["S", "SR"])
@pytest.mark.parametrize(
    "line",
    [
        "if torch.version.cuda >= '12.8': fast = True",  # CUDA_VERSION -> MUSA_VERSION flipped guards
        "CUDA_VERSION = 12080",
        "ok = CUDA_VERSION >= 12080 and torch.version.cuda",
        "SOURCE = 'asm volatile(\"ld.global.nc.f32 %0, [%1];\" : : );'",  # asm volatile -> if(0) asm volatile
        "SOURCE = '''\n__global__ void k() { int lane = threadIdx.x % warpSize; __shfl_sync(0xffffffff, 1, 0); }\n'''",
        "warpSize = 32",
        "x = torch.cuda.DoubleTensor([1.0])",  # became a float
        "t = torch.cuda.DoubleTensor",
        "# see https://docs.nvidia.com/cuda and torch.cuda.is_available(), device='cuda', nccl",
        "URL = 'https://download.pytorch.org/whl/cuda/nccl'",
        'def f():\n    """Uses torch.cuda.synchronize() and "cuda"."""',
        "print('no cuda: torch.cuda.is_available() is False')",
        "logger.info('cuda')",
        "raise RuntimeError('needs nccl and cuda')",
        "class Model:\n    def cuda(self, device=None):\n        return self._apply(device)",
        "names = {'cuda': 'NVIDIA', 'nccl': 1}",
        "cap = torch.cuda.get_device_capability()[0] >= 8",  # torch.accelerator has the name and means otherwise
        "major, _ = torch.cuda.get_device_capability(0)",
        "torch.cuda.manual_seed_all(1)",  # torch.manual_seed would seed the CPU too
        "torch.backends.cudnn.benchmark = True",
        "import os\nos.environ['CUDA_VISIBLE_DEVICES'] = '0'",
        "lib = 'libcuda.so'",
        "from torch.utils.cpp_extension import CUDAExtension, CUDA_HOME",
    ],
)
def test_it_stays_as_it_is(made, line, grades):
    assert made(f"{line}\n", grades=grades).text == f"{line}\n"


@pytest.mark.parametrize("name", ["kernel.cu", "kernel.cuh", "bind.cpp", "common.h"])
def test_kernels_are_counted_and_never_touched(made, tmp_path, name):
    kernel = (
        '#if CUDA_VERSION >= 12080\nasm volatile("mov.u32 %0, %laneid;" : "=r"(lane));\n#endif\nint w = warpSize;\n'
    )
    (tmp_path / name).write_text(kernel)
    whole = made("x = torch.zeros(1, device='cuda')\n", grades="SR").whole
    assert whole.tree.kernels == 1
    assert [path for path, *_ in whole.changes()] == ["main.py"]
    assert (tmp_path / name).read_text() == kernel


def test_cuda_of_an_object_is_offered_and_never_done_unasked(made):
    lines = "model = Model().cuda()\n"
    assert made(lines).text == lines
    assert made(lines).grade("Model().cuda()") == "R"
    assert "Model().to(getattr(" in made(lines, grades="SR").text


def test_a_method_called_cuda_keeps_its_name_in_the_public_interface(made):
    lines = "class Wrapper:\n    def cuda(self):\n        return self\n\n\nw = Wrapper().cuda(1)\n"
    assert made(lines, grades="SR").text == lines


def test_a_cache_is_not_emptied_where_there_is_no_accelerator(made):
    # torch.accelerator.empty_cache raises in a build for CPUs, torch.cuda.empty_cache does not.
    lines = "torch.cuda.empty_cache()\n"
    assert made(lines).text == lines
    assert "raises RuntimeError" in made(lines).why("torch.cuda.empty_cache()")


def test_a_guard_does_not_let_other_chips_into_code_for_cuda(made):
    lines = "if torch.cuda.is_available():\n    x = torch.cuda.get_device_properties(0)\n"
    assert made(lines).text == lines
    assert "would still ask for CUDA behind it" in made(lines).why("torch.cuda.is_available()")
    assert made("if torch.cuda.is_available():\n    import cupy\n").text.startswith("if torch.cuda.is_available")


@pytest.mark.parametrize(
    "lines",
    [
        "if torch.cuda.is_available():\n    d = 1\nelif torch.xpu.is_available():\n    d = 2\n",
        "def is_cuda_available():\n    return torch.cuda.is_available()\n",
        "options(cuda=torch.cuda.is_available())\n",
    ],
)
def test_a_question_that_means_cuda_keeps_meaning_it(made, lines):
    assert made(lines).text == lines


@pytest.mark.parametrize(
    "lines",
    [
        "try:\n    scaler = torch.cuda.amp.GradScaler()\nexcept AttributeError:\n    scaler = None\n",
        "if torch.__version__ < '2':\n    scaler = torch.cuda.amp.GradScaler()\n",
        "if hasattr(torch, 'amp'):\n    scaler = torch.cuda.amp.GradScaler()\n",
        "try:\n    from torch.cuda.amp import GradScaler as G\nexcept ImportError:\n    G = None\ns = G()\n",
    ],
)
def test_version_guards_are_left_alone(made, lines):
    assert made(lines).text == lines


def test_what_a_test_replaces_is_still_called(made):
    lines = "n = torch.cuda.device_count()\n"
    patch = "from unittest import mock\nwith mock.patch('torch.cuda.device_count', return_value=2):\n    pass\n"
    assert made(lines, files={"test_it.py": patch}).text == lines
    assert "replaces torch.cuda.device_count" in made(lines, files={"test_it.py": patch}).why(
        "torch.cuda.device_count()"
    )


def test_torchscript_is_not_given_what_it_cannot_compile(made):
    lines = "@torch.jit.script\ndef f(x):\n    return x.to('cuda')\n"
    assert made(lines).text == lines
    forward = "class M(torch.nn.Module):\n    def forward(self, x):\n        return x.to('cuda')\n"
    assert made(forward, files={"other.py": "import torch\ntorch.jit.script(1)\n"}).text == forward


def test_a_scaler_that_others_test_for_keeps_its_class(made):
    lines = "s = torch.cuda.amp.GradScaler()\n"
    other = "import torch\nassert isinstance(s, torch.cuda.amp.GradScaler)\n"
    assert made(lines, files={"other.py": other}).text == lines


def test_a_default_that_somebody_sets_is_heeded_as_before(made):
    lines = "c = torch.cuda.amp.autocast()\n"
    assert made(lines, files={"other.py": "import torch\ntorch.set_autocast_gpu_dtype(torch.bfloat16)\n"}).text == lines


@pytest.mark.parametrize(
    "use",
    ["d == 'cuda'", "'cuda' in d", "d in ('cuda', 'cpu')", "d.startswith('cuda')", "{'cuda': 1}[d]", "d != 'cuda:0'"],
)
def test_a_device_that_is_compared_with_a_text_is_left(made, use):
    lines = f"d = 'cuda' if torch.cuda.is_available() else 'cpu'\nif {use}:\n    pass\n"
    assert made(lines).text == lines


def test_a_text_within_an_f_string_is_left(made):
    lines = """s = f"{torch.device('cuda')} {torch.device(f'cuda:{1}')}"\n"""
    assert made(lines, grades="SR").text == lines


def test_the_tables_of_a_checkpoint_keep_the_devices_that_it_was_written_on(made):
    lines = "x = torch.load(p, map_location={'cuda:0': 'cuda:1'})\n"
    assert made(lines, grades="SR").text == lines


@pytest.mark.parametrize("bound", ["torch = None\n", "def f(torch):\n    return torch.cuda.device_count()\n"])
def test_a_name_of_another_meaning_is_not_read_as_pytorch(made, bound):
    lines = f"{bound}x = torch.zeros(1, device='cuda')\n"
    assert made(lines).text == lines


def test_no_grade_takes_away_a_comment_or_a_text(made):
    lines = "# cuda nccl torch.cuda\nx = y.to('cuda')  # to cuda:0 by NCCL\nprint('cuda')\n'''cuda'''\n"
    text = made(lines, grades="SR").text
    assert re.findall("#.*", text) == re.findall("#.*", lines)
    assert "print('cuda')\n'''cuda'''\n" in text


@pytest.mark.parametrize("grades", ["S", "SR"])
@pytest.mark.parametrize(
    "lines",
    [
        "x = (torch\n  .cuda  # keep: reason\n  .is_available)()\n",
        "x = (torch\n  .cuda  # keep: reason\n  .is_available())\n",
        "x = (torch.cuda.  # keep: reason\n  amp.GradScaler(2.0))\n",
        "torch.cuda.set_device(device=  # keep: reason\n  3)\n",
        "class F:\n    @(torch.cuda.amp.  # keep: reason\n      custom_fwd)\n    def forward(ctx): ...\n",
        "x = torch.zeros(1, device='cu'  # keep: reason\n  'da')\n",
    ],
)
def test_a_place_with_a_comment_within_is_left_to_a_person(made, lines, grades):
    ran = made(f"{lines}y = torch.device('cuda')\n", grades=grades)
    assert ran.whole.refused == {}
    assert ran.text.startswith(lines)
    assert "y = torch.device(getattr(" in ran.text


@pytest.mark.parametrize(
    "lines",
    [
        "x = torch.cuda.amp.GradScaler(  # where\n    2.0,  # how much\n)  # end\n",
        "x = torch.zeros(1, device=(  # where\n    'cuda'  # there\n))\n",
        "x = (y  # what\n     .to(  # where\n    'cuda'))\n",
    ],
)
def test_comments_around_a_place_stay(made, lines):
    text = made(lines).text
    assert "current_accelerator" in text
    assert re.findall("#.*", text) == re.findall("#.*", lines)


@pytest.mark.parametrize("grades", ["S", "SR"])
@pytest.mark.parametrize(
    "line",
    [
        """x = torch.zeros(1, device=("cu" "da"))""",
        """x = torch.device(f"cuda:" f"{r}")""",
        """x = torch.device("cuda" ":" + str(r))""",
        """ok = "cu" "da" == d""",
        """torch.distributed.init_process_group("nc" "cl")""",
        """x = torch.device("cu" "da" if use else "cpu")""",
    ],
)
def test_a_text_in_several_pieces_is_left_alone(made, line, grades):
    ran = made(f"{line}\nx = y.to('cuda')\n", grades=grades)
    assert ran.whole.refused == {}
    assert ran.text.startswith(f"{line}\n")
    assert ran.text.startswith("x = y.to(getattr(", len(line) + 1)
