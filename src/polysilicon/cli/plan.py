"""`polysilicon plan` and `polysilicon explain`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from polysilicon.cli.options import Facts, Json, answer, answer_tree, catalogue

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

    opened = read(scenario, catalogue(facts))
    progress = console(err=True)
    with progress.status(text(f"reading {opened.scenario.name}")) as status:
        made = decide(opened, progress=lambda words: status.update(text(words)))
    folder = out or (None if json else Path("plan-out"))
    if folder is not None:
        write(made, folder / PLAN)
        files.write(folder / PAGE, page.render(made, recorded()))
    if json:
        print(to_json(made.to_dict()), end="")
        return
    screen = console()
    screen.print(render(made))
    screen.print(text(f"\nwrote {folder}/{PLAN} and {folder}/{PAGE}"), soft_wrap=True)
    screen.print(text(f"polysilicon explain {folder}/{PLAN} cost_musd", "dim"), soft_wrap=True)


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
