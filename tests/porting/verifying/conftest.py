"""Cases that are exported once, and runtimes by name. All of it is skipped where PyTorch or ONNX is not installed."""

import importlib.util

import pytest

NEEDED = ("torch", "onnx", "onnxscript")
if any(importlib.util.find_spec(one) is None for one in NEEDED):
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def exported():
    """A case by the example's name, and whether it is the forward pass or the training step."""
    from polysilicon.porting.verifying import export, subject

    made = {}

    def case(name, kind="forward"):
        if (name, kind) not in made:
            found = subject.find(name if ":" in name else f"example:{name}")
            made[name, kind] = (export.forward if kind == "forward" else export.step)(found)
        return made[name, kind]

    return case


@pytest.fixture(scope="session")
def runtime():
    """A runtime by name; the test is skipped where it is not installed."""
    from polysilicon.porting.verifying import run_eager
    from polysilicon.porting.verifying.runtimes import of_graphs

    def named(name):
        found = next(one for one in (*run_eager.runtimes(), *of_graphs()) if one.name == name)
        if why := found.missing():
            pytest.skip(why)
        return found

    return named
