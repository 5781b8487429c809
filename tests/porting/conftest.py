"""A small tree of code, scanned."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from polysilicon.facts import Catalogue, load
from polysilicon.porting import Finding, Options, Scan, scan


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load()


@pytest.fixture
def scanned(tmp_path: Path, catalogue: Catalogue) -> Callable[..., Scan]:
    """Scan files given as `{path: text}` for one target or several."""

    def ran(files: dict[str, str | bytes], *targets: str, **options: object) -> Scan:
        root = tmp_path / "tree"
        shutil.rmtree(root, ignore_errors=True)
        for path, content in files.items():
            whole = root / path
            whole.parent.mkdir(parents=True, exist_ok=True)
            whole.write_bytes(content.encode() if isinstance(content, str) else content)
        chosen = Options(**{"cached": False, **options})  # type: ignore[arg-type]
        return scan(catalogue, root, targets or ("ascend",), options=chosen)

    return ran


@pytest.fixture
def found(scanned: Callable[..., Scan]) -> Callable[..., list[Finding]]:
    """The findings in one Python file, for one target."""

    def ran(text: str, target: str = "ascend", path: str = "model.py", **options: object) -> list[Finding]:
        return list(scanned({path: text}, target, **options).findings)

    return ran


@pytest.fixture
def rules(found: Callable[..., list[Finding]]) -> Callable[..., set[str]]:
    """The rules that speak of a file, the place for an import apart."""

    def ran(text: str, target: str = "ascend", path: str = "model.py", **options: object) -> set[str]:
        return {one.rule for one in found(text, target, path, **options)} - {"ent-import"}

    return ran
