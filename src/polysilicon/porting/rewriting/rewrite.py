"""A tree: every file found, rewritten and proved, on as many cores as asked for."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from polysilicon.porting.rewriting.device_file import TEXT
from polysilicon.porting.rewriting.names import Names, number
from polysilicon.porting.rewriting.one_file import Choice, Outcome, Task, look, rules_of, step
from polysilicon.porting.rewriting.patches import patch
from polysilicon.porting.rewriting.site import Site
from polysilicon.porting.rewriting.tree import Tree, survey
from polysilicon.sweep import workers

# A handful of files is done before a second process has started.
FEW = 60
PART = 25


@dataclass(frozen=True)
class Rewritten:
    """A tree as it would be. `outcomes` has each file that names CUDA; `helpers` the device.py files that are new."""

    task: Task
    tree: Tree
    outcomes: tuple[Outcome, ...]
    helpers: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def changed(self) -> list[Outcome]:
        """The files that are rewritten."""
        return [one for one in self.outcomes if one.changed]

    @property
    def read(self) -> int:
        """Python files that were read and understood."""
        return self.tree.read - sum(bool(one.skipped) for one in self.outcomes)

    @property
    def skipped(self) -> dict[str, int]:
        """How many files were left alone, by reason."""
        reasons = Counter(self.tree.skipped)
        reasons.update(one.skipped for one in self.outcomes if one.skipped)
        return dict(reasons)

    @property
    def refused(self) -> dict[str, str]:
        """Files whose rewrite was thrown away, and why."""
        return {one.path: one.refused for one in self.outcomes if one.refused}

    def sites(self, *, taken: bool) -> list[tuple[str, Site]]:
        """The sites that are changed, or those that are only told, with their files."""
        takes = self.task.choice.takes
        return [
            (one.path, site)
            for one in self.outcomes
            for site in one.sites
            if (takes(site) and not one.refused) == taken
        ]

    def changes(self) -> list[tuple[str, bytes | None, bytes | None]]:
        """Every file with its bytes before and after; new ones have none before."""
        new: list[tuple[str, bytes | None, bytes | None]] = [(path, None, TEXT.encode()) for path in self.helpers]
        return new + [(one.path, one.before, one.after) for one in self.changed]

    def diff(self) -> bytes:
        """The rewrite as a unified diff."""
        return patch(self.changes())

    def undo(self) -> bytes:
        """The diff that takes the rewrite back."""
        return patch((path, after, before) for path, before, after in self.changes())

    def by_rule(self) -> list[tuple[str, bytes]]:
        """One patch a rule, to be applied in this order; together they are the whole diff."""
        patches = []
        rules = rules_of(self.outcomes, self.task.choice)
        state: dict[str, bytes | None] = {one.path: one.before for one in self.changed}
        for count, rule in enumerate(rules, 1):
            after: dict[str, bytes | None] = {}
            for one in self.changed:
                after[one.path], helper = step(self.task, one.path, one.before, frozenset(rules[:count]))
                if helper:
                    after[helper] = TEXT.encode()
            patches.append((rule, patch((path, state.get(path), after[path]) for path in sorted(after))))
            state = state | after
        return patches


Progress = Callable[[int, int], None]


def rewrite(
    root: Path, names: Names, choice: Choice, *, cores: int = 1, progress: Progress = lambda done, whole: None
) -> Rewritten:
    """Find and rewrite what names CUDA below `root`, a folder or a file. Nothing is written."""
    tree = survey(root)
    task = Task(tree.root, names, tree.surroundings, choice, tree.paths, tree.entries)
    outcomes = _all(task, tree.candidates, cores, progress)
    helpers = tuple(sorted({one.helper for one in outcomes if one.helper and one.changed}))
    return Rewritten(task, tree, tuple(outcomes), helpers, _warnings(tree, names))


def _all(task: Task, paths: Sequence[str], cores: int, progress: Progress) -> list[Outcome]:
    """The outcome of every file, in the order of the paths."""
    parts = [paths[at : at + PART] for at in range(0, len(paths), PART)]
    found: dict[str, Outcome] = {}
    with workers(cores if len(paths) > FEW else 1) as pool:
        if pool is None:
            for part in parts:
                found.update((one.path, one) for one in _part(task, part))
                progress(len(found), len(paths))
        else:
            for done in as_completed([pool.submit(partial(_part, task), part) for part in parts]):
                found.update((one.path, one) for one in done.result())
                progress(len(found), len(paths))
    return [found[path] for path in paths]


def _part(task: Task, paths: Sequence[str]) -> list[Outcome]:
    return [look(task, path) for path in paths]


def _warnings(tree: Tree, names: Names) -> tuple[str, ...]:
    """What the user should know before the diff is applied."""
    if tree.wants is None or number(tree.wants[0]) >= number(names.release):
        return ()
    wanted, file = tree.wants
    return (f"{file} allows PyTorch {wanted}; the rewrite is for {names.release} (--torch-version), so raise it there",)
