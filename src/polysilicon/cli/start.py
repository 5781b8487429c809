"""`polysilicon init`."""

from importlib.resources import files as resources
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from polysilicon.cli.options import Json

SCENARIO = "scenario.yaml"


def init(
    folder: Annotated[Path, Parameter(name="FOLDER")] = Path(),
    /,
    *,
    force: Annotated[bool, Parameter(name="--force", show_default=False)] = False,
    json: Json = False,
) -> None:
    """Write a small scenario to start from.

    Parameters
    ----------
    folder
        Where scenario.yaml is written; it is made where it does not exist.
    force
        Write over a scenario.yaml that is there already.
    """
    from polysilicon.records import files
    from polysilicon.records.errors import InputError, Place
    from polysilicon.report.files import to_json
    from polysilicon.report.terminal import console, text

    target = folder / SCENARIO
    if target.exists() and not force:
        raise InputError(
            "exists already", place=Place(str(target)), remedy="choose another folder, or --force to write over it"
        )
    files.write(target, (resources("polysilicon.cli") / "small.yaml").read_text(encoding="utf-8"))
    if json:
        print(to_json({"wrote": str(target)}), end="")
    else:
        console().print(text(f"wrote {target}; next: polysilicon plan {target}"), soft_wrap=True)
