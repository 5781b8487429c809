"""Rewriting a few lines as a project of one file, or of several."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pytest

from polysilicon.facts import load
from polysilicon.porting.rewriting import Choice, Names, Rewritten, names, rewrite
from polysilicon.porting.rewriting.site import Site


@dataclass(frozen=True)
class Made:
    whole: Rewritten
    path: str

    @property
    def text(self) -> str:
        """The file as it would be, without its first line: the import that every case needs."""
        return self.of(self.path).partition("\n")[2]

    def of(self, path: str) -> str:
        """The text of a file as it would be."""
        after = {one.path: one.after for one in self.whole.outcomes if not one.skipped}
        return (after[path] if path in after else (self.whole.task.root / path).read_bytes()).decode()

    @property
    def sites(self) -> list[Site]:
        return [site for one in self.whole.outcomes if one.path == self.path for site in one.sites]

    def grade(self, found: str) -> str:
        return next(one.grade for one in self.sites if one.found == found)

    def why(self, found: str) -> str:
        return next(one.why for one in self.sites if one.found == found)


@pytest.fixture(scope="session")
def known() -> Names:
    return names(load(), "2.13")


@pytest.fixture
def made(known: Names, tmp_path: Path) -> Callable[..., Made]:
    """Rewrite lines that follow `import torch`, beside other files of the project."""

    def run(
        lines: str, *, grades: str = "S", modules: tuple[str, ...] = (), files: Mapping[str, str] = MappingProxyType({})
    ) -> Made:
        for name, text in {"main.py": f"import torch\n{lines}", **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        choice = Choice(frozenset(grades), modules=modules)  # type: ignore[arg-type]
        return Made(rewrite(tmp_path, known, choice), "main.py")

    return run
