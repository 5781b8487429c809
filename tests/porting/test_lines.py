import time

import pytest

from polysilicon.porting import kernels

KERNEL = """\
// cudaMalloc, and asm("x") in a comment
#include <cub/cub.cuh>
template <int N>
__global__ void scale(float *x) {
  float y = __shfl_down_sync(0xffffffff, x[0], 16);
  asm volatile("mma.sync;");
  x[threadIdx.x % 32] = y;
}
"""


@pytest.mark.parametrize(
    ("path", "text", "rule"),
    [
        ("CMakeLists.txt", "project(x LANGUAGES CXX CUDA)\n", "cux-cmake"),
        ("Dockerfile", "FROM nvidia/cuda:12.2-devel\n", "img-base"),
        ("deploy/pod.yaml", "limits:\n  nvidia.com/gpu: 8\n", "img-device"),
        ("conf/train.yaml", "device: cuda\n", "cux-config"),
        ("requirements.txt", "torch==2.7.1+cu126\n", "req-wheel"),
        ("requirements.txt", "flash-attn>=2\n", "req-package"),
        ("run.sh", "export CUDA_VISIBLE_DEVICES=0,1\n", "flg-env"),
        ("job.slurm", "#SBATCH --gres=gpu:8\n", "img-slurm"),
        (".github/workflows/ci.yml", "jobs:\n  build-cuda:\n", "ci-job"),
    ],
)
def test_files_beside_the_code_are_read(scanned, path, text, rule):
    assert rule in {one.rule for one in scanned({path: text}).findings}


@pytest.mark.parametrize(
    ("path", "text", "place"),
    [
        ("Dockerfile", "FROM nvidia/cuda:12.2-devel\n", ("img-base", 1)),
        ("job.slurm", "#SBATCH --gres=gpu:8\n", ("img-slurm", 1)),
        ("requirements.txt", "flash-attn>=2\n", ("req-package", 1)),
    ],
)
def test_a_mark_of_byte_order_hides_nothing(scanned, path, text, place):
    plain, marked = (
        [(one.rule, one.line, one.column) for one in scanned({path: start + text}).findings] for start in ("", "\ufeff")
    )
    assert marked == plain
    assert place in [one[:2] for one in plain]


def test_a_comment_is_no_finding(scanned):
    assert not scanned({"run.sh": "# export CUDA_VISIBLE_DEVICES=0\n"}).findings


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("Dockerfile", "FROM nvidia/cuda:12.2-devel "),
        ("conf/train.yaml", "device: cuda "),
        ("a.cpp", "#include <cub/cub.cuh> "),
    ],
)
def test_a_line_of_any_length_is_read_at_its_beginning_and_told(scanned, path, text):
    told = scanned({path: f"{text}{'x' * 2_000}\n"})
    assert {one.line for one in told.findings} == {1}
    assert [(one.why, one.files) for one in told.doubted] == [("a line longer than 2,000 characters, read in part", 1)]


def test_a_long_comment_is_no_line_read_in_part(scanned):
    long = "x" * 3_000
    assert not scanned({"run.sh": f"ls # {long}\n", "a.cpp": f"int a; // {long}\n"}).doubted


@pytest.mark.parametrize("piece", ["cuda ", " # ", "/*", "'\"", '\\"', 'R"(', "#if cuda "])
def test_a_line_of_megabytes_takes_no_longer_than_its_length(scanned, monkeypatch, piece):
    monkeypatch.setattr(kernels, "_grammar", lambda: None)
    text = piece * (1_500_000 // len(piece))
    start = time.process_time()
    scanned({"run.sh": text, "a.cpp": text})
    assert time.process_time() - start < 10


@pytest.mark.parametrize("text", ["#if CUDA\n" * 60_000 + "#endif\n" * 60_000, "__global__ {\n" * 120_000])
def test_nesting_takes_no_longer_than_its_lines(scanned, monkeypatch, text):
    monkeypatch.setattr(kernels, "_grammar", lambda: None)
    start = time.process_time()
    scanned({"a.cu": text})
    assert time.process_time() - start < 10


def test_a_line_is_guarded_by_each_conditional_around_it(scanned):
    text = "#if CUDA\n#ifdef USE_ROCM\n#include <cuda_fp16.h>\n#elif USE_MUSA\n#endif\n\n\n#include <cuda.h>\n#endif\n"
    told = {
        target: [one.line for one in scanned({"a.h": text}, target).findings if one.rule == "cux-include"]
        for target in ("rocm", "musa", "ascend")
    }
    assert told == {"rocm": [8], "musa": [8], "ascend": [3, 8]}


@pytest.fixture(params=[kernels.GRAMMAR, kernels.BY_LINES])
def read_by(request, monkeypatch):
    if request.param == kernels.BY_LINES:
        monkeypatch.setattr(kernels, "_grammar", lambda: None)
    elif kernels.reader() != kernels.GRAMMAR:
        pytest.skip("the extra `cpp` is not installed")
    return request.param


def test_a_kernel_is_read_the_same_with_the_grammar_and_without(scanned, read_by):
    told = scanned({"scale.cu": KERNEL}, "rocm")
    assert told.kernels_by == read_by
    assert {(one.rule, one.line) for one in told.findings} >= {
        ("cux-include", 2),
        ("wrp-shuffle", 5),
        ("wrp-mask", 5),
        ("ptx-asm", 6),
        ("wrp-size", 7),
    }
    assert not [one for one in told.findings if one.line == 1]


@pytest.mark.parametrize(
    "before",
    [
        'glob("csrc/*.cu");',
        "char quote = '\"';",
        'auto text = R"x(/* )" )x";',
        "int many = 1'000;",
        'glob("a/*" "*/");',
        'auto text = "\\\\";',
    ],
)
def test_what_a_string_holds_opens_no_comment(scanned, read_by, before):
    text = f'{before} // asm("x");\nfetch("http://x"); asm("ptx"); // asm("y");\nint a; /* "\nasm("z");\n*/\n'
    assert [one.line for one in scanned({"a.cu": text}, "rocm").findings if one.rule == "ptx-asm"] == [2]


def test_a_kernel_knows_its_lines(scanned, read_by):
    one = next(one for one in scanned({"scale.cu": KERNEL}, "ascend").findings if one.rule == "cux-kernel")
    assert (one.line, one.verdict) == (4, "blocked")
    assert one.size == 5


def test_a_preprocessor_ladder_with_a_branch_for_the_target_is_done(scanned):
    text = "#if defined(USE_ROCM)\n#include <hip/hip_bf16.h>\n#else\n#include <cuda_bf16.h>\n#endif\n"
    assert not [one for one in scanned({"a.h": text}, "rocm").findings if one.rule == "cux-include"]
    assert [one for one in scanned({"a.h": text}, "musa").findings if one.rule == "cux-include"]


def test_neighbouring_lines_are_one_place(scanned):
    text = "#include <cuda.h>\n#include <cuda_fp16.h>\n#include <cublas_v2.h>\n\n\n\n#include <curand.h>\n"
    told = [one for one in scanned({"a.h": text}, "rocm").findings if one.rule == "cux-include"]
    assert [(one.line, one.repeats) for one in told] == [(3, 2), (7, 0)]
