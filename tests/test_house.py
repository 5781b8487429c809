"""The house keeps its own rules: rooms explain themselves, names say something, facts stay out of the code."""

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "polysilicon"
MODULES = sorted(SOURCE.rglob("*.py"))
ROOMS = sorted(one.parent.name for one in SOURCE.glob("*/__init__.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_opens_with_its_architecture(room: str) -> None:
    text = importlib.import_module(f"polysilicon.{room}").__doc__ or ""
    assert len(text.split()) > 40, f"polysilicon.{room} does not say how it is built"


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = re.compile(r"utils?|helpers?|common|misc|manager|base|stuff|lib")
    assert not [one for one in MODULES if vague.fullmatch(one.stem)]


def test_every_module_fits_one_idea() -> None:
    assert not [str(one) for one in MODULES if len(one.read_text(encoding="utf-8").splitlines()) > 500]


def test_public_names_carry_a_docstring() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in MODULES
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert not bare


def test_nothing_asks_the_clock_what_day_it_is() -> None:
    asked = re.compile(r"\b(date\.today|datetime\.now|utcnow|time\.time)\(")
    assert not [str(one) for one in MODULES if asked.search(one.read_text(encoding="utf-8"))]


def test_nothing_random_is_drawn_without_a_seed() -> None:
    unseeded = re.compile(r"default_rng\(\)|np\.random\.(rand|seed)|\brandom\.(random|choice)\(")
    assert not [str(one) for one in MODULES if unseeded.search(one.read_text(encoding="utf-8"))]


def test_no_chip_or_place_is_named_in_the_code() -> None:
    named = re.compile(
        r"""["'][^"'\n]*\b(nvidia|huawei|ascend|hopper|h100|h200|mi300|tpu-v|novamind|guizhou|johor)\b""", re.IGNORECASE
    )
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in MODULES
        if path.parent.name not in ("cli", "report")  # their help shows worked examples
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and "\n" not in node.value
        and named.search(f"'{node.value}'")
    ]
    assert not found


def test_nothing_listens_and_only_the_lookout_fetches_what_it_is_told_to() -> None:
    network = re.compile(r"^\s*(import|from)\s+(socket|http|urllib\.request|httpx|requests)\b", re.MULTILINE)
    found = [one for one in MODULES if network.search(one.read_text(encoding="utf-8"))]
    assert found == [SOURCE / "watch" / "network.py"]
