"""Grade S: what users of CUDA and of CPUs can't tell from the original."""

from textwrap import indent

import pytest

ACC = 'getattr(torch.accelerator.current_accelerator(), "type", "cuda")'
HERE = "torch.accelerator.current_accelerator().type"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("d = torch.device('cuda')", f"d = torch.device({ACC})"),
        ("d = torch.device('cuda:1')", f"""d = torch.device(f"{{{ACC.replace('"', "'")}}}:1")"""),
        ("d = torch.device('cuda', rank)", f"d = torch.device({ACC}, rank)"),
        ('d = torch.device(f"cuda:{r}")', f"""d = torch.device(f"{{{ACC.replace('"', "'")}}}:{{r}}")"""),
        ("d = torch.device(f'cuda:{r}')", f"d = torch.device(f'{{{ACC}}}:{{r}}')"),
        ("d = torch.device('cuda:' + str(r))", f"""d = torch.device(f"{{{ACC.replace('"', "'")}}}:" + str(r))"""),
        ("x = x.to('cuda')", f"x = x.to({ACC})"),
        ("x = x.to('cuda', torch.float16)", f"x = x.to({ACC}, torch.float16)"),
        ("x = torch.zeros(2, device='cuda')", f"x = torch.zeros(2, device={ACC})"),
        ("x = y.new_zeros(2, device='cuda')", f"x = y.new_zeros(2, device={ACC})"),
        ("x = torch.load(p, map_location='cuda')", f"x = torch.load(p, map_location={ACC})"),
        (
            "d = 'cuda' if torch.cuda.is_available() else 'cpu'",
            f"d = {HERE} if torch.accelerator.is_available() else 'cpu'",
        ),
        (
            "d = torch.device('cuda' if torch.cuda.is_available() and not a.cpu else 'cpu')",
            f"d = torch.device({HERE} if torch.accelerator.is_available() and not a.cpu else 'cpu')",
        ),
        ("d = torch.device('cuda' if use else 'cpu')", f"d = torch.device({ACC} if use else 'cpu')"),
        ("n = torch.cuda.device_count()", "n = torch.accelerator.device_count()"),
        ("s = torch.cuda.amp.GradScaler()", f"s = torch.amp.GradScaler({ACC})"),
        ("s = torch.cuda.amp.GradScaler(2.0, enabled=e)", f"s = torch.amp.GradScaler({ACC}, 2.0, enabled=e)"),
        ("c = torch.cuda.amp.autocast()", f"c = torch.amp.autocast({ACC})"),
        ("c = torch.cuda.amp.autocast(e)", f"c = torch.amp.autocast({ACC}, enabled=e)"),
        (
            "c = torch.cuda.amp.autocast(True, torch.bfloat16)",
            f"c = torch.amp.autocast({ACC}, enabled=True, dtype=torch.bfloat16)",
        ),
        ("c = torch.autocast('cuda')", f"c = torch.autocast({ACC})"),
        ("c = torch.autocast(device_type='cuda')", f"c = torch.autocast(device_type={ACC})"),
        (
            "torch.distributed.init_process_group('nccl')",
            f"torch.distributed.init_process_group(torch.distributed.get_default_backend_for_device({ACC}))",
        ),
    ],
)
def test_a_name_becomes_one_of_the_same_value(made, before, after):
    assert made(f"{before}\n").text == f"{after}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("torch.cuda.synchronize()", "torch.accelerator.synchronize()"),
        ("torch.cuda.set_device(device=3)", "torch.accelerator.set_device_index(3)"),
        ("i = torch.cuda.current_device()", "i = torch.accelerator.current_device_index()"),
        ("torch.cuda.empty_cache()", "torch.accelerator.empty_cache()"),
        ("m = torch.cuda.max_memory_allocated(device=d)", "m = torch.accelerator.max_memory_allocated(d)"),
        ("f, t = torch.cuda.mem_get_info()", "f, t = torch.accelerator.get_memory_info()"),
    ],
)
def test_what_fails_without_an_accelerator_is_rewritten_where_one_was_asked_for(made, before, after):
    under = f"if torch.cuda.is_available():\n    {before}\n"
    assert made(under).text == f"if torch.accelerator.is_available():\n    {after}\n"
    bare = made(f"{before}\n")
    assert bare.text == f"{before}\n"
    assert {one.grade for one in bare.sites} == {"R"}


@pytest.mark.parametrize(
    "guard",
    [
        "x = torch.cuda.memory_allocated() if torch.cuda.is_available() else 0",
        "x = torch.cuda.is_available() and torch.cuda.memory_allocated()",
        "if not torch.cuda.is_available():\n    pass\nelse:\n    torch.cuda.memory_allocated()",
        "use = torch.cuda.is_available()\nif use and wanted:\n    torch.cuda.memory_allocated()",
        "def f():\n    if not torch.cuda.is_available():\n        return 0\n    return torch.cuda.memory_allocated()",
    ],
)
def test_a_question_guards_in_every_form(made, guard):
    assert "torch.cuda" not in made(f"{guard}\n").text


@pytest.mark.parametrize(
    "lines",
    [
        "if not torch.cuda.is_available():\n    print(1)\ntorch.cuda.memory_allocated()\n",
        "if torch.cuda.is_available() or wanted:\n    torch.cuda.memory_allocated()\n",
        "while not torch.cuda.is_available():\n    pass\nelse:\n    torch.cuda.memory_allocated()\n",
        "x = torch.cuda.memory_allocated() and torch.cuda.is_available()\n",
    ],
)
def test_what_runs_without_an_accelerator_too_is_not_guarded(made, lines):
    assert "torch.cuda.memory_allocated" in made(lines).text


def test_a_name_that_is_bound_twice_guards_nothing(made):
    assert (
        "torch.cuda.memory_allocated"
        in made("use = torch.cuda.is_available()\nuse = True\nif use:\n    torch.cuda.memory_allocated()\n").text
    )


ASKS = "use = torch.cuda.is_available()"
GUARDED = "if use:\n    torch.cuda.memory_allocated()"


def within(function, *lines):
    return f"def {function}():\n" + indent("\n".join(lines), "    ") + "\n"


@pytest.mark.parametrize(
    "lines",
    [
        f"{ASKS}\n{within('f', GUARDED)}",
        within("f", ASKS, GUARDED),
        within("f", ASKS, within("g", GUARDED)),
        f"class C:\n    {ASKS}\n    if use:\n        torch.cuda.memory_allocated()\n",
    ],
)
def test_a_name_guards_where_its_one_binding_is_seen(made, lines):
    assert "torch.cuda" not in made(lines).text


@pytest.mark.parametrize(
    "lines",
    [
        f"from cfg import use\n{within('f', ASKS)}{GUARDED}\n",
        f"import use\n{within('f', ASKS)}{GUARDED}\n",
        f"def use(): ...\n{within('f', ASKS)}{GUARDED}\n",
        f"{within('f', ASKS)}{within('g', GUARDED)}",  # bound by whoever imports the module, or not at all
        f"{ASKS}\nfrom cfg import *\n{GUARDED}\n",
        f"match x:\n    case {{**use}}:\n        pass\n{within('f', ASKS)}{GUARDED}\n",
        f"class C:\n    {ASKS}\n    def f(self):\n        if use:\n            torch.cuda.memory_allocated()\n",
    ],
)
def test_a_name_guards_nothing_where_another_may_be_meant(made, lines):
    assert "torch.cuda.memory_allocated" in made(lines).text


def test_aliases_are_followed(made):
    text = made(
        "import torch.distributed as dist\nfrom torch.cuda import amp\ns = amp.GradScaler()\n"
        "dist.init_process_group(backend='nccl')\n"
    ).text
    assert f"s = torch.amp.GradScaler({ACC})" in text
    assert f"dist.init_process_group(backend=dist.get_default_backend_for_device({ACC}))" in text


def test_an_imported_name_moves_with_its_import(made):
    text = made(
        "from torch.cuda.amp import autocast, GradScaler\ns = GradScaler()\nwith autocast(False):\n    pass\n"
    ).text
    assert text == (
        f"from torch.amp import autocast, GradScaler\ns = GradScaler({ACC})\n"
        f"with autocast({ACC}, enabled=False):\n    pass\n"
    )


def test_decorators_get_the_device_as_a_keyword(made):
    text = made(
        "from torch.cuda.amp import custom_bwd, custom_fwd\n@custom_fwd\ndef a(): ...\n"
        "@custom_fwd(cast_inputs=torch.float16)\ndef b(): ...\n@custom_bwd\ndef c(): ...\n"
    ).text
    assert f"@custom_fwd(device_type={ACC})\ndef a()" in text
    assert f"@custom_fwd(cast_inputs=torch.float16, device_type={ACC})\ndef b()" in text
    assert f"@custom_bwd(device_type={ACC})\ndef c()" in text
    assert "from torch.amp import custom_bwd, custom_fwd" in text


def test_layout_and_comments_stay(made):
    before = "d = torch.device(  # where\n    'cuda'  # the GPU, not cuda:1\n"
    before += "    if torch.cuda.is_available()\n    else 'cpu')\n"
    after = before.replace("'cuda'  #", f"{HERE}  #").replace("torch.cuda.is", "torch.accelerator.is")
    assert made(before).text == after


def test_a_package_that_names_its_device_often_gets_one_constant(made):
    body = "import torch\nfrom .other import x\n\ny = x.to('cuda')\nz = x.to('cuda')\nw = x.to('cuda:0')\n"
    ran = made("", files={"pkg/__init__.py": "", "pkg/other.py": "x = 1\n", "pkg/main.py": body})
    after = ran.of("pkg/main.py")
    assert ran.whole.helpers == ("pkg/device.py",)
    assert after.startswith(
        "import torch\nfrom .other import x\nfrom .device import ACCELERATOR\n\ny = x.to(ACCELERATOR)\n"
    )
    assert after.endswith('w = x.to(f"{ACCELERATOR}:0")\n')


@pytest.mark.parametrize(
    "others",
    [
        {"pkg/device.py": "x = 1\n"},  # the project has its own
        {"pkg/device/__init__.py": "x = 1\n"},
        {"pkg/__init__.py": "device = 1\n"},  # which the module would replace
        {"pkg/main.py": "import torch\nfrom .other import x\nnames = list(globals())\n" + "y = x.to('cuda')\n" * 3},
        {"pkg/main.py": "import torch\n" + "y = x.to('cuda')\n" * 3},  # how it is imported is not plain
    ],
)
def test_no_constant_where_it_is_not_needed_or_not_plain(made, others):
    body = "import torch\nfrom .other import x\n" + "y = x.to('cuda')\n" * 3
    ran = made("", files={"pkg/__init__.py": "", "pkg/other.py": "x = 1\n", "pkg/main.py": body} | others)
    assert ran.whole.helpers == ()
    assert ran.of("pkg/main.py").count(ACC) == 3


def test_the_import_of_a_device_is_added_to_entry_points_alone(made):
    main = "x = 1\nif __name__ == '__main__':\n    print(torch.zeros(1, device='cuda'))\n"
    text = made(
        main, modules=("torch_musa",), files={"other.py": "import torch\nprint(torch.cuda.device_count)\n"}
    ).text
    assert text.startswith(
        'import importlib.util\nif importlib.util.find_spec("torch_musa"):\n    import torch_musa  # noqa'
    )
    assert "torch_musa" not in made(main).text


LADDER = """def count(device, is_hip, use_tpu, input):
    if {condition}:
        return 1
    elif torch.cuda.is_available():
        return torch.cuda.device_count()
"""


@pytest.mark.parametrize(
    "condition", ["is_hip", "IS_ROCM", "device.type == 'npu'", "torch.xpu.is_available()", "use_tpu"]
)
def test_a_ladder_of_vendors_is_left_for_review(made, condition):
    ladder = LADDER.format(condition=condition)
    assert made(ladder).text == ladder


def test_a_word_that_only_contains_a_vendors_tells_none_apart(made):
    """`input` contains npu."""
    assert "elif torch.accelerator.is_available():" in made(LADDER.format(condition="input")).text
