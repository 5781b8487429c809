HELPER = "import torch\n\ndef get_current_device():\n    return torch.device('cuda', torch.cuda.current_device())\n"
CALLER = "from tools import get_current_device\n\ndef build():\n    return make(device=get_current_device())\n"


def test_callers_of_a_helper_follow_across_files(scanned):
    told = scanned({"tools.py": HELPER, "train.py": CALLER})
    assert [(one.name, one.path, one.used) for one in told.helpers] == [("get_current_device", "tools.py", 2)]
    follows = [(one.path, one.line) for one in told.findings if one.role == "follows"]
    assert follows == [("train.py", 1), ("train.py", 4)]


def test_only_the_definition_counts_as_work(scanned):
    told = scanned({"tools.py": HELPER, "train.py": CALLER})
    assert {one.path for one in told.counted} == {"tools.py"}


def test_a_mended_helper_frees_its_callers(scanned):
    mended = "import torch\n\ndef get_current_device():\n    return torch.accelerator.current_accelerator()\n"
    told = scanned({"tools.py": mended, "train.py": CALLER})
    assert not told.helpers
    assert not told.findings


def test_a_constant_and_an_attribute_carry_ties_too(scanned):
    told = scanned(
        {"a.py": "import torch\nIS_GPU_AVAILABLE = torch.cuda.is_available()\nclass A:\n    gpu_type = 'cuda'\n"}
    )
    assert {one.name for one in told.helpers} == {"IS_GPU_AVAILABLE", "gpu_type"}


def test_a_name_that_says_nothing_of_devices_carries_nothing(scanned):
    told = scanned(
        {"a.py": "import torch\n\ndef step():\n    torch.cuda.synchronize()\n", "b.py": "from a import step\nstep()\n"}
    )
    assert not told.helpers
    assert {one.path for one in told.findings} == {"a.py"}


def test_helpers_of_tests_serve_tests_alone(scanned):
    assert not scanned({"tests/tools.py": HELPER}).helpers


def test_a_name_with_an_implementation_for_each_vendor_ties_nobody(scanned):
    other = HELPER.replace("cuda", "npu")
    files = {"backend/cuda_backend.py": HELPER, "backend/npu_backend.py": other, "train.py": CALLER}
    assert not scanned(files, "musa").helpers
    assert scanned({**files, "tools.py": HELPER}, "musa").helpers
