"""One file: its sites, its rewritten bytes, and the proof that they are what was meant."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from polysilicon.facts.porting_names import Grade
from polysilicon.porting.rewriting.codemod import Naming, apply
from polysilicon.porting.rewriting.device_file import naming
from polysilicon.porting.rewriting.finding import find
from polysilicon.porting.rewriting.names import Names
from polysilicon.porting.rewriting.plugin import plugins
from polysilicon.porting.rewriting.site import Site
from polysilicon.porting.rewriting.source import Source, Unreadable, load, parse
from polysilicon.porting.rewriting.tree import Surroundings


@dataclass(frozen=True)
class Choice:
    """What is wanted: grades, rules (all where empty), and the modules of the targets that have to be imported."""

    grades: frozenset[Grade] = frozenset({"S"})
    rules: frozenset[str] = frozenset()
    modules: tuple[str, ...] = ()

    def takes(self, site: Site) -> bool:
        """Whether a site is to be changed."""
        return site.edit is not None and site.grade in self.grades and (not self.rules or site.rule in self.rules)


@dataclass(frozen=True)
class Task:
    """What every file of a tree is looked at with."""

    root: Path
    names: Names
    around: Surroundings
    choice: Choice
    paths: frozenset[str]
    entries: frozenset[str]


@dataclass(frozen=True)
class Outcome:
    """A file: what was found, and the bytes before and after. `skipped` is why it was left alone.

    `refused` is why a rewrite was thrown away: it could not be proved. `helper` is the path of the device.py it needs.
    """

    path: str
    sites: tuple[Site, ...] = ()
    before: bytes = b""
    after: bytes = b""
    skipped: str = ""
    refused: str = ""
    helper: str = ""

    @property
    def changed(self) -> bool:
        """Whether the file is rewritten."""
        return self.before != self.after


def look(task: Task, path: str) -> Outcome:
    """Find, rewrite and prove one file."""
    try:
        raw = load(task.root, path)
        source = parse(path, raw)
    except Unreadable as reason:
        return Outcome(path, skipped=str(reason))
    try:
        sites, chosen, name, helper = _plan(task, source)
    except RecursionError:
        return Outcome(path, skipped="nested too deeply")
    if not chosen:
        return Outcome(path, tuple(sites), raw, raw)
    try:
        after = apply(source, chosen, name)
        _prove(task, path, after)
    except Unreadable as reason:
        return Outcome(path, tuple(sites), raw, raw, refused=str(reason))
    except RecursionError:  # libcst and the compiler go deeper than the parser of Python
        return Outcome(path, tuple(sites), raw, raw, refused="nested too deeply")
    return Outcome(path, tuple(sites), raw, after, helper=helper)


def step(task: Task, path: str, raw: bytes, rules: frozenset[str]) -> tuple[bytes, str]:
    """The bytes of a file with some of the chosen rules alone, and the helper it then needs: one commit a rule."""
    source = parse(path, raw)
    _, chosen, name, helper = _plan(task, source)
    some = [one for one in chosen if one.rule in rules]
    return (apply(source, some, name), helper) if some else (raw, "")


def _plan(task: Task, source: Source) -> tuple[list[Site], list[Site], Naming, str]:
    """All sites, those that are to be changed, and how the accelerator is named in them."""
    sites, reader = find(source, task.names, task.around)
    if source.path in task.entries:
        sites += plugins(reader, task.choice.modules)
    chosen = [one for one in sites if task.choice.takes(one)]
    name, helper = naming(reader, chosen, task.root, task.paths, task.entries)
    return sites, chosen, name, helper


def _prove(task: Task, path: str, after: bytes) -> None:
    """The rewritten file parses, compiles, and would not be rewritten again.

    Raises:
        Unreadable: one of them fails.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(after, path, "exec", dont_inherit=True)
        again = parse(path, after)
    except (SyntaxError, ValueError, Unreadable) as cause:
        raise Unreadable("the rewritten file would not compile") from cause
    if _plan(task, again)[1]:
        raise Unreadable("a second run would change it again")


def rules_of(outcomes: Sequence[Outcome], choice: Choice) -> list[str]:
    """The rules that change something, in order of their names."""
    return sorted({site.rule for one in outcomes if one.changed for site in one.sites if choice.takes(site)})
