"""`polysilicon port rewrite`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from polysilicon.cli.options import FILES, Json, Whole, needs, within

if TYPE_CHECKING:
    from polysilicon.porting.rewriting import Rewritten

WHAT = Group("What is rewritten", sort_key=1)
FAULTS = 1
_Path = Annotated[Path | None, Parameter(show_default=False)]


def rewrite(
    path: _Path = None,
    /,
    *,
    target: Annotated[str | None, Parameter(group=WHAT)] = None,
    torch_version: Annotated[str | None, Parameter(group=WHAT)] = None,
    rule: Annotated[tuple[str, ...], Parameter(group=WHAT, show_default=False)] = (),
    grade: Annotated[Literal["S", "R"], Parameter(group=WHAT)] = "S",
    out: Annotated[Path | None, Parameter(group=FILES)] = None,
    write: Annotated[bool, Parameter(group=FILES, show_default=False)] = False,
    undo: Annotated[Path, Parameter(group=FILES)] = Path("port-rewrite-undo.patch"),
    by_rule: Annotated[Path | None, Parameter(group=FILES)] = None,
    check: Annotated[bool, Parameter(group=FILES, show_default=False)] = False,
    workers: Annotated[Whole | None, Parameter(group=FILES)] = None,
    json: Json = False,
) -> int:
    """Print a diff that turns code for CUDA into code for the accelerator at hand. No file is touched without --write.

    Parameters
    ----------
    path
        A folder or a Python file.
    target
        Where the code shall run next (musa, mlu, ascend, xpu, rocm, ...), as for `port scan`: adds the import that
        its device needs.
    torch_version
        The oldest PyTorch that the code must run with; the installed one where it is not said.
    rule
        Only this rule, such as AMP; may be given several times.
    grade
        S: what changes nothing for users of CUDA and of CPUs. R: also what is offered for review.
    out
        Where the diff is written instead of standard output.
    write
        Change the files, each beside itself and renamed; the undo patch is written first.
    undo
        The undo patch of --write.
    by_rule
        A folder for one patch a rule, to be applied and committed in their order.
    check
        Print no diff; exit code 1 if something would change.
    workers
        How many processes; as many as there are cores where it is not said.
    """
    needs((write and out is not None, "--out", "a run without --write"), (check and write, "--check", "no --write"))
    within(1, 256, workers=workers)
    made = _made(_there(path), torch_version, target, rule, grade, workers or os.cpu_count() or 1)
    if write:
        from polysilicon.porting.rewriting.writing import write as put

        put(made, undo)
    if by_rule is not None:
        _patches(made, by_rule)
    _publish(made, out, shown=not (write or check or by_rule), as_json=json)
    return FAULTS if check and made.changed else 0


def _made(
    path: Path, torch_version: str | None, target: str | None, rule: tuple[str, ...], grade: str, workers: int
) -> "Rewritten":
    """The rewrite of a tree."""
    from polysilicon.cli.progress import shown
    from polysilicon.facts import load
    from polysilicon.porting.rewriting import Choice, names, rewrite
    from polysilicon.porting.targets import targets
    from polysilicon.records.errors import Place, UnknownName
    from polysilicon.records.names import nearest

    catalogue = load()
    known, asked = names(catalogue, torch_version), targets(catalogue, [target] if target else [])
    for one in rule:
        if one not in known.rules:
            close = nearest(one, known.rules, 1)
            raise UnknownName(
                "unknown rule", place=Place(field="--rule"), found=one, allowed=known.rules, nearest=close
            )
    modules = known.modules(asked[0].record if asked else None)
    choice = Choice(frozenset({"S"} if grade == "S" else {"S", "R"}), frozenset(rule), modules)
    with shown("files") as progress:
        return rewrite(path, known, choice, cores=workers, progress=progress)


def _there(path: Path | None) -> Path:
    """The path, if there is something to read.

    Raises:
        InputError: there is nothing, or no folder and no Python file.
    """
    from polysilicon.records.errors import InputError, Place

    if path is None:
        raise InputError("PATH is missing", remedy="give a folder or a Python file, such as . for this folder")
    if not path.exists():
        raise InputError("no such file or folder", place=Place(field="PATH"), found=str(path))
    if path.is_file() and path.suffix not in (".py", ".pyw"):
        raise InputError("is no Python file", place=Place(field="PATH"), found=str(path), allowed="a folder, or *.py")
    return path


def _patches(made: "Rewritten", folder: Path) -> None:
    """One patch a rule, numbered in the order in which they apply."""
    from polysilicon.records.files import write

    for count, (rule, patch) in enumerate(made.by_rule(), 1):
        write(folder / f"{count:02}-{rule}.patch", patch)


def _publish(made: "Rewritten", out: Path | None, *, shown: bool, as_json: bool) -> None:
    """The diff where it was wanted, and the summary: on standard output, or beside the diff on standard error."""
    import sys

    from polysilicon.records.files import write
    from polysilicon.report.files import to_json
    from polysilicon.report.port_rewrite import render, to_dict
    from polysilicon.report.terminal import console

    if out is not None:
        write(out, made.diff())
    if as_json:
        print(to_json(to_dict(made)), end="")
        return
    printed = shown and out is None
    if printed:
        sys.stdout.flush()
        sys.stdout.buffer.write(made.diff())
        sys.stdout.buffer.flush()
    console(err=printed).print(render(made))
