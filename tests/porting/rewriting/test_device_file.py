"""The constant of device.py is there before the first line that needs it."""

import importlib.util
import itertools
import json
import subprocess
import sys

import pytest

from polysilicon.porting.rewriting import Choice, rewrite

USES = "def f():\n    return torch.zeros(1, device='cuda'), torch.ones(1).to('cuda'), torch.device('cuda')\n"
# What may stand between two imports, and names the device while the module is imported.
BETWEEN = [
    "torch.set_default_device('cuda')\ntorch.set_default_device('cpu')",
    "try:\n    torch.zeros(1, device='cuda')\nexcept (AssertionError, RuntimeError):\n    pass",
    "if torch.cuda.is_available():\n    torch.zeros(1, device='cuda')\nelse:\n    torch.device('cuda')",
    "from . import c; d = torch.device('cuda')",
    "import json; from . import (\n    c,\n); torch.device('cuda')",
    "import json",
]
HEADS = ["import torch", '"""Says what."""\nfrom __future__ import annotations\nimport torch']
MODULES = {
    f"m{at}": "\n".join([head, *between[:1], "from . import b", *between[1:], USES])
    for at, (head, between) in enumerate(itertools.product(HEADS, itertools.permutations(BETWEEN, 2)))
}
# Every module of a package: how its import ends, what it says of itself, and how its function ends.
RUN = """
import importlib, json, sys

def ended(call):
    try:
        return repr(call())
    except Exception as cause:
        return repr(cause)

said = {}
for name in sys.argv[1:]:
    imported = ended(lambda: importlib.import_module(f"pk.{name}").__doc__)
    said[name] = [imported, ended(lambda: importlib.import_module(f"pk.{name}").f())]
print(json.dumps(said))
"""


def said(folder):
    """What the modules of a package do in a process of their own."""
    command = [sys.executable, "-c", RUN, *MODULES]
    ran = subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    return json.loads(ran.stdout)


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs PyTorch")
def test_modules_that_name_their_device_between_imports_do_the_same(known, tmp_path):
    for name, text in ({"__init__": "", "b": "", "c": ""} | MODULES).items():
        (tmp_path / "pk").mkdir(exist_ok=True)
        (tmp_path / "pk" / f"{name}.py").write_text(text + "\n")
    before = said(tmp_path)
    made = rewrite(tmp_path, known, Choice())
    assert len(made.changed) == len(MODULES)
    assert sum(b"import ACCELERATOR" in one.after for one in made.changed) > len(MODULES) / 2
    assert made.refused == {}
    for path, _, after in made.changes():
        (tmp_path / path).write_bytes(after or b"")
    assert said(tmp_path) == before


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ("import torch", "torch.set_default_device('cuda')\nfrom . import b"),
        ("import torch", "try:\n    x = torch.device('cuda')\nfinally:\n    pass\nfrom . import b"),
        ("import torch", "if torch.cuda.is_available():\n    torch.zeros(1, device='cuda')\nfrom . import b"),
        ("import torch", "from . import b; x = torch.device('cuda')"),
        ("import torch\nfrom . import b", "import json; from . import (\n    c\n); torch.device('cuda')"),
        ("import torch\nfrom . import b; from . import c", ""),
    ],
)
def test_the_constant_is_imported_above_its_first_use(made, above, below):
    body = f"{above}\n{below}\n{USES}"
    ran = made("", files={"pk/__init__.py": "", "pk/b.py": "", "pk/c.py": "", "pk/main.py": body})
    assert ran.of("pk/main.py").startswith(f"{above}\nfrom .device import ACCELERATOR\n")


@pytest.mark.parametrize(
    "body",
    [
        f"import torch; x = torch.device('cuda')\nfrom . import b\n{USES}",  # no import stands above the first use
        f"import torch\nfrom . import b\nfrom .b import *\n{USES}",  # which may bring a name ACCELERATOR
    ],
)
def test_no_constant_where_no_place_for_its_import_is_sure(made, body):
    ran = made("", files={"pk/__init__.py": "", "pk/b.py": "", "pk/main.py": body})
    assert ran.whole.helpers == ()
    assert "ACCELERATOR" not in ran.of("pk/main.py")


def test_a_constant_that_is_imported_further_down_is_not_used(made):
    body = "import torch\nx = torch.device('cuda')\nfrom .device import ACCELERATOR\ny = torch.device('cuda')\n"
    ran = made("", files={"pk/__init__.py": "", "pk/device.py": "ACCELERATOR = 'cuda'\n", "pk/main.py": body})
    assert "torch.device(ACCELERATOR)" not in ran.of("pk/main.py")
