import pytest

from polysilicon.facts.porting import SHAPES, PortRule, PortTarget

TORCH = "import torch\n"


def test_all_categories_have_rules(catalogue):
    from typing import get_args

    from polysilicon.facts.porting import Category

    assert {one.category for one in catalogue.every(PortRule)} == set(get_args(Category))


def test_every_rule_names_its_category_and_a_known_target(catalogue):
    known = {*catalogue.ids(PortTarget), "cuda-named", "renamed", "graph"}
    for rule in catalogue.every(PortRule):
        assert rule.id.partition("-")[0].upper() == rule.category
        assert rule.verdicts.keys() <= known, rule.id


def test_every_stack_that_a_target_charges_exists(catalogue):
    from polysilicon.facts.hardware import SoftwareStack

    for target in catalogue.every(PortTarget):
        assert target.stack is None or target.stack in catalogue.ids(SoftwareStack)


def test_cuda_in_python_runs_where_devices_are_named_as_cudas(found):
    text = TORCH + "x = torch.zeros(3, device='cuda')\ntorch.cuda.synchronize()"
    assert not [one for one in found(text, "rocm") if one.counts]
    assert {one.verdict for one in found(text, "musa") if one.counts} == {"change"}


def test_a_table_decides_by_chip(found):
    text = TORCH + "y = torch.cuda.memory_summary()"
    told = {target: found(text, target)[0].verdict for target in ("ascend@910b", "ascend@950dt")}
    assert told == {"ascend@910b": "change", "ascend@950dt": "blocked"}


def test_a_table_decides_by_version(found):
    text = "from torch.nn.functional import embedding_bag\n"
    one = next(one for one in found(text, "ascend@910b:torch-2.7.1") if one.rule == "num-bag")
    assert one.verdict == "blocked"
    assert "2.7.1" in one.why


def test_what_has_a_device_agnostic_twin_is_told_so(found):
    assert "torch.accelerator.synchronize" in found(TORCH + "torch.cuda.synchronize()")[0].why


def test_an_operator_that_runs_on_the_cpu_is_slow(found):
    assert {one.verdict for one in found(TORCH + "torch.linalg.eigh(x)", "xpu")} <= {"slow", "check"}


def test_a_library_is_no_tie_in_its_own_source(scanned):
    own = scanned({"bitsandbytes/nn.py": "x = 1\n", "bitsandbytes/a.py": "import bitsandbytes.nn\n"})
    assert not [one for one in own.findings if one.rule == "qnt-library"]
    assert [one for one in scanned({"train.py": "import bitsandbytes\n"}).findings if one.rule == "qnt-library"]


def test_repetitions_are_counted_with_their_cause(found):
    told = [one for one in found("import flash_attn\nflash_attn.a()\nflash_attn.b()\n") if one.rule == "att-flash"]
    assert [(one.line, one.repeats) for one in told] == [(1, 2)]


def test_tests_of_a_folder_that_ask_for_one_device_are_one_cause(scanned):
    files = {f"tests/test_{name}.py": "x.cuda()\ny.cuda()\n" for name in "abc"}
    told = [one for one in scanned(files).findings if one.rule == "dev-method"]
    assert [(one.path, one.repeats) for one in told] == [("tests/test_a.py", 5)]


def test_notes_are_listed_when_wanted(found):
    text = TORCH + "torch.backends.cudnn.benchmark = True"
    assert not found(text)
    assert {one.verdict for one in found(text, notes=True)} == {"note"}


@pytest.mark.parametrize("comment", ["port: allow dev-method -- measured on purpose", "port: allow: a demo"])
def test_a_suppression_needs_a_reason(found, comment):
    kept = [one for one in found(f"x.cuda()  # {comment}") if one.rule == "dev-method"]
    assert [one.suppressed for one in kept] == [comment.split("-- ")[-1].split(": ")[-1]]
    bare = [one for one in found("x.cuda()  # port: allow dev-method") if one.rule == "dev-method"]
    assert [one.suppressed for one in bare] == [""]


def test_a_suppression_speaks_of_its_rule_alone(found):
    told = found("import torch\nx = torch.cuda.current_device()  # port: allow dst-* -- no\n")
    assert [one for one in told if one.counts]


def test_every_name_that_a_rule_lists_is_seen(catalogue):
    from polysilicon.porting.patterns import compiled
    from polysilicon.porting.reading import read_bytes

    patterns = compiled(catalogue.every(PortRule), catalogue.every(PortTarget))
    forms = {
        "names": "import {root}\nx = {text}\n",
        "attributes": "x = y.{text}\n",
        "methods": "y.{text}()\n",
        "keywords": "f({text}=g)\n",
        "strings": "x = {text!r}\n",
        "words": "x = my_{text}_y\n",
        "ladder": "x = my_{text}_y\n",
    }
    silent = []
    for rule in catalogue.every(PortRule):
        for kind, form in forms.items():
            for text in rule.python.get(kind, ()):
                code = form.format(root=text.split(".")[0], text=text.replace("*", ""))
                if not read_bytes(patterns, "a.py", "python", code.encode()).sightings:
                    silent.append(f"{rule.id}: {text}")
    # Some words count only in the company of others: `my` and `y` are none of theirs.
    assert [one for one in silent if not one.startswith("dev-gpu-word")] == []


def test_every_shape_has_a_rule(catalogue):
    named = [one for rule in catalogue.every(PortRule) for one in rule.python.get("shapes", ())]
    assert sorted(named) == sorted(SHAPES)


def test_every_shape_that_a_rule_names_is_one_that_a_reader_knows(catalogue):
    from pathlib import Path

    import polysilicon.porting

    source = "\n".join(one.read_text() for one in Path(polysilicon.porting.__file__).parent.glob("*.py"))
    for rule in catalogue.every(PortRule):
        for shape in rule.python.get("shapes", ()):
            assert f'"{shape}"' in source or shape == "follows", f"{rule.id}: {shape}"


def test_a_name_of_cuda_without_a_counterpart_blocks_where_names_are_translated(scanned):
    code = "int f() { return cuCoredumpGetAttribute(0, 0, 0) + cudaMalloc(0, 0); }\n"
    told = {target: scanned({"a.cpp": code}, target).findings for target in ("rocm", "musa")}
    assert [(one.symbol, one.verdict) for one in told["rocm"]] == [("cuCoredumpGetAttribute", "blocked")]
    assert not told["musa"]


def test_a_user_adds_a_rule_and_mends_another(scanned, catalogue, tmp_path):
    from polysilicon.facts import load
    from polysilicon.porting import Options, scan

    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "porting/rules:\n"
        "  dev-ours: {from: [user], confidence: estimate, category: DEV, what: our launcher, "
        "python: {names: [acme.launch]}, verdicts: {rocm: blocked}}\n"
        "  dev-method: {verdicts: {rocm: check}}\n"
    )
    (tmp_path / "code.py").write_text("import acme\nacme.launch()\nx.cuda()\n")
    told = scan(load(mine), tmp_path / "code.py", ["rocm"], options=Options(cached=False))
    assert {(one.rule, one.verdict) for one in told.counted} == {("dev-ours", "blocked"), ("dev-method", "check")}


def test_a_graph_takes_no_kernels(scanned):
    told = scanned({"k.cu": "__global__ void k() {\n}\n", "a.py": "x.cuda()\n"}, "onnx")
    assert {(one.rule, one.verdict) for one in told.findings} == {("cux-kernel", "blocked")}


def test_repetitions_in_a_folder_of_tests_are_counted_over_its_files(scanned):
    text = "import flash_attn\nflash_attn.a()\nflash_attn.b()\n"
    told = scanned({"tests/test_a.py": text, "tests/test_b.py": text}).findings
    assert [(one.path, one.line, one.repeats) for one in told if one.rule == "att-flash"] == [("tests/test_a.py", 1, 5)]


def test_a_suppressed_place_stands_for_no_other(scanned):
    said = "  # port: allow dev-string -- only this test"
    plain = "import torch\nx = torch.ones(1, device='cuda')"
    told = scanned({"tests/test_a.py": f"{plain}{said}\n", "tests/test_b.py": f"{plain}\ny = {plain[17:]}\n"})
    kept = [one for one in told.findings if one.rule == "dev-string"]
    assert [(one.path, bool(one.suppressed), one.repeats) for one in kept] == [
        ("tests/test_a.py", True, 0),
        ("tests/test_b.py", False, 1),
    ]
    include = "#include <cuda_runtime.h>\n#include <cublas_v2.h>"
    told = scanned({"a.cpp": f"{include} // port: allow cux-* -- ours\n"}, "rocm")
    assert [one.line for one in told.counted if one.rule == "cux-include"] == [1]


def test_a_suppressed_place_repeats_none(found):
    text = "x.cuda()\ny.cuda()  # port: allow dev-method -- a demo\n\nz.cuda()\n"
    told = [one for one in found(text, path="tests/test_a.py") if one.rule == "dev-method"]
    assert [(one.line, one.repeats, one.suppressed) for one in told] == [(1, 1, ""), (2, 0, "a demo")]


@pytest.mark.parametrize("said", ["dev-strin", "d", "dev", "dev-string-x"])
def test_a_suppression_names_a_rule_in_full_or_with_a_star(scanned, said):
    text = f"import torch\nx = torch.ones(1, device='cuda')  # port: allow {said} -- x\n"
    told = scanned({"a.py": text})
    assert [one.suppressed for one in told.findings if one.rule == "dev-string"] == [""]
    assert [(one.why, one.named) for one in told.doubted] == [
        (f"a suppression names no rule: {said}", ("a.py",)),
    ]
    starred = scanned({"a.py": text.replace(f"allow {said} ", "allow dev-str* ")})
    assert [one.suppressed for one in starred.findings if one.rule == "dev-string"] == ["x"]
    assert not starred.doubted


def test_what_is_blocked_is_not_counted_with_what_is_only_changed(found, scanned):
    change, blocked = "torch.cuda.get_device_capability()", "torch.cuda.get_gencode_flags()"
    text = f"{TORCH}x = {change}\ny = {blocked}\nz = {blocked}\n"
    told = [one for one in found(text, "mps") if one.rule == "mem-capability"]
    assert {(one.verdict, one.line, one.repeats) for one in told} == {("change", 2, 0), ("blocked", 3, 1)}
    tests = scanned({"tests/test_a.py": f"{TORCH}{change}\n", "tests/test_b.py": f"{TORCH}{blocked}\n"}, "mps")
    assert {(one.verdict, one.path) for one in tests.counted} == {
        ("change", "tests/test_a.py"),
        ("blocked", "tests/test_b.py"),
    }


def test_a_keyword_alone_blocks_nothing_and_a_name_that_the_table_knows_does(found):
    told = found("import pandas as pd\nx = pd.get_dummies(df, sparse=True)\n")
    assert {(one.rule, one.verdict) for one in told} == {("num-sparse", "check")}
    named = found(TORCH + "e = torch.nn.Embedding(3, 3, sparse=True)\nx = torch.sparse_bsc_tensor(1)\n")
    assert {one.verdict for one in named} >= {"check", "blocked"}


def test_an_error_of_every_accelerator_is_told_by_its_name(found):
    told = found(TORCH + "x = isinstance(e, torch.cuda.OutOfMemoryError)\n")
    assert [one.why for one in told] == ["torch.cuda.OutOfMemoryError: write torch.OutOfMemoryError"]


def test_a_joint_of_the_body_is_no_accelerator(rules):
    pose = "class Pose:\n    def hip_angle(self):\n        return self.joints['hip'] - self.left_hip\n"
    assert rules(pose) == set()
    assert rules("x.cuda()\n\n" + pose.replace("['hip']", "[0]")) == rules("x.cuda()\n")
    for code in (
        "x = is_hip()",
        "x = hip_configs",
        "import torch\nx = torch.version.hip",
        "x.cuda()\nif backend == 'hip':\n    pass",
    ):
        assert rules(code) & {"dev-ladder", "grd-torch"}, code
