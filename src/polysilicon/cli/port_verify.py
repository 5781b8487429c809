"""`polysilicon port verify`: does a model give the same numbers on every runtime of this machine?"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from polysilicon.cli.options import FILES, QUESTION, Json, Whole, answer, within
from polysilicon.cli.progress import told

if TYPE_CHECKING:
    from polysilicon.porting.verifying.runtimes import Runtime

LEVELS = ("L0", "L1", "L2", "L3", "L4", "L5")
MOST_STEPS, MOST_SEEDS = 1000, 100


@Parameter(name="*", group=QUESTION)
@dataclass(frozen=True)
class Asked:
    """What is verified, and where.

    Attributes
    ----------
    runtime
        Only these runtimes; all that are here where not given. May be given several times.
    level
        Only these levels, L0 to L5; all where not given. May be given several times.
    dtype
        Also compare eager PyTorch, on each of its devices, in a format of 16 bits, against a floor measured in it.
    steps
        Steps of the loss curve (L5).
    seeds
        How many times the loss curve is run, over other batches each time.
    """

    runtime: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    level: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    dtype: Literal["fp32", "bf16", "fp16"] = "fp32"
    steps: Whole = 12
    seeds: Whole = 3


_ASKED = Asked()


def verify(
    model: Annotated[str | None, Parameter(name="MODEL", show_default=False)] = None,
    /,
    *,
    asked: Asked = _ASKED,
    out: Annotated[Path | None, Parameter(group=FILES)] = None,
    json: Json = False,
) -> int:
    """Run one exported graph on every runtime of this machine and hold each answer against the noise floor.

    Parameters
    ----------
    model
        example:NAME, package.module:function or path/to/file.py:function; the function takes nothing and returns
        (module, inputs), (module, inputs, loss) or (module, inputs, loss, wanted).
    out
        A folder for the evidence: evidence.json, and evidence.html for a reviewer to sign.
    """
    import sys
    from contextlib import redirect_stdout

    from polysilicon.cli.app import ANSWERED, FAULTS
    from polysilicon.porting.verifying import subject
    from polysilicon.records.errors import InputError, Place

    within(1, MOST_STEPS, steps=asked.steps)
    within(1, MOST_SEEDS, seeds=asked.seeds)
    if model is None:
        raise InputError("is not said", place=Place(field="MODEL"), remedy="name one, such as example:transformer")
    levels = _levels(asked.level)
    _writable(out)
    # The user's code may go to another folder.
    folder = out.resolve() if out is not None else None
    subject.imported()
    runtimes = _runtimes(asked)
    # Standard output is the answer's: what the user's code prints goes beside it.
    with redirect_stdout(sys.stderr):
        found = subject.find(model)
        from polysilicon.porting.verifying.verify import Request, verify
        from polysilicon.report import evidence

        with told() as said:
            verified = verify(found, runtimes, Request(levels, asked.steps, asked.seeds), said)
    if folder is not None:
        evidence.write(verified, folder)
    answer(lambda: evidence.to_dict(verified), lambda: evidence.shown(verified, out), as_json=json)
    return FAULTS if verified.verdict == "fail" else ANSWERED


def _levels(asked: tuple[str, ...]) -> tuple[str, ...]:
    from polysilicon.records.errors import UnknownName
    from polysilicon.records.names import nearest

    for one in asked:
        if one not in LEVELS:
            raise UnknownName(f"unknown level {one!r}", allowed=LEVELS, nearest=nearest(one, LEVELS, 1))
    return asked or LEVELS


def _runtimes(asked: Asked) -> "tuple[Runtime, ...]":
    """The runtimes asked for.

    Raises:
        UnknownName: no runtime is so called.
        InputError: one that is asked for by name is not here.
    """
    from polysilicon.porting.verifying.runtimes import elsewhere, known
    from polysilicon.records.errors import InputError, Place, UnknownName
    from polysilicon.records.names import nearest

    every = {one.name: one for one in known(asked.dtype)}
    named = every | ({one.name: one for one in elsewhere(asked.dtype)} if asked.runtime else {})
    for name in asked.runtime:
        if name not in named:
            raise UnknownName(f"unknown runtime {name!r}", allowed=list(every), nearest=nearest(name, named, 1))
        if why := named[name].missing():
            raise InputError("is not here", place=Place(field="--runtime"), found=name, remedy=why)
    return tuple(one for name, one in every.items() if not asked.runtime or name in asked.runtime)


def _writable(out: Path | None) -> None:
    """The folder can be written, which is found before minutes are spent.

    Raises:
        InputError: it can't.
    """
    import os

    from polysilicon.records.errors import InputError, Place

    if out is None:
        return
    folder = out.resolve()
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InputError("can't be written", place=Place(str(out)), remedy="choose another folder")
