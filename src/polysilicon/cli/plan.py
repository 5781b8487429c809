"""`polysilicon plan` and `polysilicon explain`."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from polysilicon.cli.options import Facts, Json, answer, answer_tree, catalogue, sane

PLAN, PAGE = "plan.json", "report.html"


def plan(
    scenario: Path,
    /,
    *,
    out: Annotated[Path | None, Parameter(name="--out")] = None,
    facts: Facts = None,
    json: Json = False,
) -> None:
    """Plan one scenario.

    Parameters
    ----------
    scenario
        The scenario file (YAML); `polysilicon init` writes one to start from.
    out
        The folder that plan.json and report.html are written to; plan-out beside you where it is not given.
    """
    from polysilicon.planning import plan as decide
    from polysilicon.planning import write
    from polysilicon.records import files
    from polysilicon.report import page
    from polysilicon.report.files import to_json
    from polysilicon.report.scores import recorded
    from polysilicon.report.summary import render
    from polysilicon.report.terminal import console, text
    from polysilicon.scenario import read

    folder = out or (None if json else Path("plan-out"))
    if folder is not None:
        _writable(folder)
    opened = read(scenario, catalogue(facts))
    progress = console(err=True)
    with progress.status(text(f"reading {opened.scenario.name}")) as status:
        made = decide(opened, progress=lambda words: status.update(text(words)))
    if folder is not None:
        rendered = page.render(made, recorded())
        write(made, folder / PLAN)
        files.write(folder / PAGE, rendered)
    if json:
        print(to_json(made.to_dict()), end="")
        return
    screen = console()
    screen.print(render(made))
    screen.print(text(f"\nwrote {folder}/{PLAN} and {folder}/{PAGE}"), soft_wrap=True)
    screen.print(text(f"polysilicon explain {folder}/{PLAN} cost_musd", "dim"), soft_wrap=True)


def _writable(folder: Path) -> None:
    """Both files can be put in `folder`: better known before a minute of solving than after it.

    Raises:
        InputError: something else stands there, or it may not be written.
    """
    from polysilicon.records.errors import InputError, Place

    def refuse(problem: str, path: Path) -> InputError:
        return InputError(f"{path} {problem}", place=Place(field="--out"), remedy="choose another folder")

    standing = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not standing.is_dir():
        raise refuse("is not a folder", standing)
    if not os.access(standing, os.W_OK | os.X_OK):
        raise refuse("may not be written", standing)
    for target in (folder / PLAN, folder / PAGE):
        if target.is_dir():
            raise refuse("is a folder", target)


def explain(
    plan: Path, figure: str | None = None, /, *, depth: int | None = None, facts: Facts = None, json: Json = False
) -> None:
    """Explain one figure of a plan, or list the figures that can be explained.

    Parameters
    ----------
    plan
        A plan.json.
    figure
        The figure's name, such as cost_musd or carbon_t/2027-Q1; every name is listed where none is given.
    depth
        How many levels of the tree are shown; all of them where it is not given.
    """
    from polysilicon.planning import explain_figure, read
    from polysilicon.records.table import Table
    from polysilicon.report.terminal import table

    sane(depth=depth)
    made = read(plan)
    if figure is None:
        every = sorted(made.figures.values(), key=lambda one: one.id.count("/"))
        columns = {
            name: [getattr(one, name) for one in every] for name in ("id", "label", "value", "low", "high", "unit")
        }
        listed = Table(f"{len(every)} figures of {made.name}", columns)
        answer(listed.to_dict, lambda: table(listed), as_json=json)
        return
    answer_tree(explain_figure(made, figure, catalogue(facts)), depth, as_json=json)
