import pytest

KERNEL = "__global__ void scale(float *x) {\n}\n"
LOADED = "import ctypes\n\ndef get_library():\n    return ctypes.CDLL('libours.so')\n\nlib = get_library()\n"
OPS = "from .loading import lib\n\ndef scale(x):\n    return lib.scale(x)\n\ndef plain(x):\n    return x + 1\n"
TREE = {"csrc/scale.cu": KERNEL, "ours/loading.py": LOADED, "ours/ops.py": OPS}
TESTS = """\
import pytest
from ours import ops

@pytest.mark.parametrize("size", [1, 2])
def test_scale(size):
    assert ops.scale(size)

def test_plain():
    assert ops.plain(1)
"""


@pytest.fixture
def judged(scanned):
    """The tests of native code in a tree, as path, line and symbol."""

    def ran(files, target="rocm", tree=TREE):
        told = scanned({**tree, **files}, target).findings
        return [(one.path, one.line, one.symbol) for one in told if one.rule == "ci-kernel-test"]

    return ran


def test_a_test_that_reaches_a_loaded_library_is_found_where_its_decorators_begin(judged):
    assert judged({"tests/test_ops.py": TESTS}) == [("tests/test_ops.py", 4, "scale")]


def test_a_tree_without_kernels_of_its_own_has_no_such_tests(judged):
    tree = {path: text for path, text in TREE.items() if not path.endswith(".cu")}
    assert not judged({"tests/test_ops.py": TESTS}, tree=tree)


@pytest.mark.parametrize(("target", "count"), [("rocm", 1), ("metax", 1), ("ascend", 0), ("musa", 0), ("onnx", 0)])
def test_it_is_asked_where_tests_run_as_they_are(judged, target, count):
    assert len(judged({"tests/test_ops.py": TESTS}, target)) == count


def test_a_class_reaches_what_its_methods_call(judged):
    layer = "import ours.ops as F\n\nclass Layer:\n    def forward(self, x):\n        return F.scale(x)\n"
    tests = "import ours\n\nclass TestLayer:\n    def test_it(self):\n        ours.nn.Layer()\n"
    assert judged({"ours/nn.py": layer, "tests/test_nn.py": tests}) == [("tests/test_nn.py", 4, "Layer")]


def test_an_extension_that_the_tree_compiles_is_native(judged):
    files = {
        "csrc/scale.cu": KERNEL,
        "setup.py": "setup(ext_modules=[CUDAExtension(name='ours_cuda', sources=['csrc/scale.cu'])])\n",
        "ours/ops.py": "import ours_cuda\n\ndef scale(x):\n    return ours_cuda.scale(x)\n",
        "tests/test_ops.py": "from ours.ops import scale\n\ndef test_scale():\n    scale(1)\n",
    }
    assert judged(files, tree={}) == [("tests/test_ops.py", 3, "scale")]


def test_an_extension_whose_name_is_no_text_stops_nothing(scanned):
    assert scanned({"a.cu": KERNEL, "setup.py": 'CUDAExtension("\\ud800", [])\n'}).findings


def test_a_kernel_in_triton_is_native_beside_kernels_in_cuda(judged):
    triton = "import triton\n\n@triton.jit\ndef kernel(x):\n    pass\n\ndef add(x):\n    kernel[(1,)](x)\n"
    tests = "from ours.add import add\n\ndef test_add():\n    add(1)\n"
    assert judged({"ours/add.py": triton, "tests/test_add.py": tests}) == [("tests/test_add.py", 3, "add")]


def test_a_function_of_another_package_of_the_same_name_is_none_of_ours(judged):
    tests = "import torch\nfrom numpy import scale\n\ndef test_scale():\n    torch.scale(1)\n    scale(2)\n"
    assert not judged({"tests/test_ops.py": tests})


def test_a_test_that_deals_with_the_target_is_left_alone(judged):
    skipped = TESTS.replace("@pytest", "@pytest.mark.skipif(HIP_ENVIRONMENT, reason='not yet')\n@pytest", 1)
    assert not judged({"tests/test_ops.py": skipped})
    inside = TESTS.replace("    assert ops.scale", "    if is_rocm():\n        return\n    assert ops.scale")
    assert not judged({"tests/test_ops.py": inside})


def test_a_test_follows_its_kernel_and_is_no_work_of_its_own(scanned):
    told = scanned({**TREE, "tests/test_ops.py": TESTS}, "rocm").findings
    (one,) = [each for each in told if each.rule == "ci-kernel-test"]
    assert (one.role, one.verdict, one.counts, one.listed) == ("follows", "check", False, True)


def test_a_suppressed_test_keeps_its_reason(scanned):
    kept = TESTS.replace("@pytest", "# port: allow ci-kernel-test -- runs on both\n@pytest", 1)
    told = scanned({**TREE, "tests/test_ops.py": kept}, "rocm").findings
    assert [one.suppressed for one in told if one.rule == "ci-kernel-test"] == ["runs on both"]


def test_what_changes_in_the_library_is_seen_in_tests_that_were_not_read_again(tmp_path, catalogue):
    from polysilicon.porting import Options, scan

    for path, text in {**TREE, "tests/test_ops.py": TESTS}.items():
        (tmp_path / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / path).write_text(text)
    kept = Options(cache=tmp_path / "cache")
    scan(catalogue, tmp_path / "tree", ["rocm"], options=kept)
    (tmp_path / "tree/ours/ops.py").write_text("from .loading import lib\n\ndef scale(x):\n    return -x\n")
    again = scan(catalogue, tmp_path / "tree", ["rocm"], options=kept)
    fresh = scan(catalogue, tmp_path / "tree", ["rocm"], options=Options(cached=False))
    assert again.reread == 1
    assert again.findings == fresh.findings
    assert not [one for one in again.findings if one.rule == "ci-kernel-test"]
