"""Installing never brings a vendor's libraries by surprise."""

import importlib.util
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def install():
    spec = importlib.util.spec_from_file_location("install_runtimes", ROOT / "scripts" / "install_runtimes.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_extras_of_verification_do_not_choose_a_build_of_pytorch():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = [
        *project["dependencies"],
        *(one for name in ("verify", "kernels") for one in project["optional-dependencies"][name]),
    ]
    assert not [one for one in listed if one.startswith(("torch", "nvidia", "cuda"))]


def test_the_extras_name_each_runtime_once_with_a_range():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for one in (*extras["verify"], *extras["kernels"]):
        assert ">=" in one
        assert ",<" in one


def test_a_build_that_brings_a_vendors_libraries_is_refused(install, monkeypatch):
    monkeypatch.setattr(install, "would_install", lambda what: ["torch", "nvidia-cublas"])
    assert not install.clean(["torch"])
    monkeypatch.setattr(install, "would_install", lambda what: ["torch", "sympy"])
    assert install.clean(["torch"])
    monkeypatch.setattr(install, "would_install", lambda what: None)
    assert not install.clean(["torch"])


def test_where_no_cpu_build_is_in_reach_nothing_is_installed_and_that_is_said(install, monkeypatch, capsys):
    monkeypatch.setattr(install, "would_install", lambda what: ["torch", "nvidia-cublas"])
    monkeypatch.setattr(install.subprocess, "run", lambda *_, **__: pytest.fail("it installed"))
    assert install.main() == 0
    assert "will be skipped" in capsys.readouterr().err


def test_the_base_commands_import_neither_pytorch_nor_onnx():
    import subprocess
    import sys

    code = "import polysilicon.cli.app as app, sys; app.build(); sys.exit(bool({'torch', 'onnx'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
