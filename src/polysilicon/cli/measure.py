"""`polysilicon measure`: calibrate the user's own chip, and check what was learned against a real transformer."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from polysilicon.cli.options import FILES, QUESTION, Json, Whole, answer, needs, within
from polysilicon.cli.progress import told

if TYPE_CHECKING:
    from polysilicon.performance.measuring.device import Device

LEAST_S, MOST_S, BUDGET_S = 1.0, 86_400.0, 240.0


@Parameter(name="*", group=QUESTION)
@dataclass(frozen=True)
class Subject:
    """What is measured.

    Attributes
    ----------
    device
        What PyTorch calls it: cpu, cuda, npu, musa, mlu or xpu.
    id_
        The chip's id in the facts file; our-DEVICE where not given. That of a chip of the catalogue calibrates it.
    dtype
        fp32, bf16 or fp16; fp32 on a CPU and bf16 elsewhere where not given.
    threads
        Threads of a CPU; as many as PyTorch takes where not given.
    clock
        `cpu` counts only while the one thread runs: for a machine that other programs keep busy.
    """

    device: str = "cpu"
    id_: Annotated[str | None, Parameter(name="--id")] = None
    dtype: str | None = None
    threads: Whole | None = None
    clock: Literal["wall", "cpu"] = "wall"


@Parameter(name="*", group=FILES)
@dataclass(frozen=True)
class Kept:
    """Where things are kept.

    Attributes
    ----------
    out
        The facts file to write (YAML).
    force
        Write over a facts file, and begin a journal anew, that are there already.
    journal
        Where each finished timing is kept; OUT.journal where not given.
    resume
        Go on from the journal of a run that was stopped.
    """

    out: Path | None = None
    force: Annotated[bool, Parameter(show_default=False)] = False
    journal: Path | None = None
    resume: Annotated[bool, Parameter(show_default=False)] = False

    def timings(self, out: Path) -> Path:
        """Where the timings behind `out` are kept.

        Raises:
            InputError: that is `out` itself.
        """
        from polysilicon.records.errors import InputError, Place

        journal = self.journal or out.with_name(f"{out.name}.journal")
        if journal.resolve() == out.resolve():
            raise InputError("would replace the file of --out", place=Place(field="--journal"), found=str(journal))
        return journal


_SUBJECT, _KEPT = Subject(), Kept()


def measure(
    *,
    subject: Subject = _SUBJECT,
    budget_s: Annotated[float, Parameter(group=QUESTION)] = BUDGET_S,
    check: Annotated[Path | None, Parameter(group=QUESTION)] = None,
    kept: Kept = _KEPT,
    json: Json = False,
) -> None:
    """Time kernels of your own device through PyTorch, and write a facts file that calibrates it.

    Parameters
    ----------
    budget_s
        Seconds to measure for, on the clock that times are read from.
    check
        A facts file of an earlier run: a real transformer is run on the device beside what the file predicts.
    """
    from polysilicon.performance.measuring.device import open_device

    within(LEAST_S, MOST_S, budget_s=budget_s)
    alone = subject.device == "cpu" and subject.threads == 1
    needs((subject.clock == "cpu" and not alone, "--clock cpu", "--device cpu --threads 1"))
    if check is not None:
        needs(
            *(
                (value not in (None, False), f"--{name}", "to be asked without --check")
                for name, value in vars(kept).items()
            ),
            (subject.dtype is not None, "--dtype", "to be asked without --check"),
            (budget_s != BUDGET_S, "--budget-s", "to be asked without --check"),
        )
        _readable(check)
        _check(check, subject, open_device(subject.device, subject.threads), as_json=json)
        return
    out = _free(kept)
    _measure(out, subject, kept, open_device(subject.device, subject.threads), budget_s, as_json=json)


def _measure(out: Path, subject: Subject, kept: Kept, device: "Device", budget_s: float, *, as_json: bool) -> None:
    from polysilicon.performance.measuring.device import chosen_dtype
    from polysilicon.performance.measuring.measure import Request, measure
    from polysilicon.records import files
    from polysilicon.report import measured

    journal = kept.timings(out)
    request = Request(
        device,
        chosen_dtype(device, subject.dtype),
        subject.id_ or f"our-{subject.device}",
        subject.clock,
        budget_s,
        journal,
        kept.resume,
        kept.force,
    )
    _warn_of_others(device, subject.clock)
    try:
        with told() as said:
            found = measure(request, said)
    except KeyboardInterrupt:
        print(f"what was timed is kept in {journal}: ask again with --resume to go on from there", file=sys.stderr)
        raise
    files.write(out, found.text)
    answer(lambda: measured.to_dict(found, out), lambda: measured.measured(found, out), as_json=as_json)


def _check(facts: Path, subject: Subject, device: "Device", *, as_json: bool) -> None:
    from polysilicon.performance.measuring.measure import check_facts
    from polysilicon.report import measured

    _warn_of_others(device, subject.clock)
    with told() as said:
        found = check_facts(facts, subject.id_, device, subject.clock, said)
    answer(lambda: measured.checked_dict(found), lambda: measured.checked(found), as_json=as_json)


def _free(kept: Kept) -> Path:
    """The file to write, found writable before minutes are spent.

    Raises:
        InputError: none is named, it exists already, or it can't be written.
    """
    import os

    from polysilicon.records.errors import InputError, Place

    if kept.out is None:
        raise InputError(
            "is not said", place=Place(field="--out"), remedy="name the facts file to write, or one to --check"
        )
    if kept.out.exists() and not kept.force:
        raise InputError(
            "exists already", place=Place(str(kept.out)), remedy="name another --out, or --force to write over it"
        )
    folder = kept.out.resolve().parent
    while not folder.exists():
        folder = folder.parent
    if kept.out.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InputError("can't be written", place=Place(str(kept.out)), remedy="choose another place")
    kept.timings(kept.out)
    return kept.out


def _readable(facts: Path) -> None:
    """Whatever is wrong with the file is told before PyTorch is loaded."""
    from polysilicon.facts import load

    load(facts)


def _warn_of_others(device: "Device", clock: str) -> None:
    """Say so where other programs want the processors that are to be timed."""
    import os

    if device.asynchronous or clock == "cpu" or not hasattr(os, "getloadavg"):
        return
    busy, cores = os.getloadavg()[0], os.cpu_count() or 1
    if busy + device.units > cores + 0.5:
        print(
            f"the last minute's load was {busy:.1f} on {cores} processors: beside others, times are long and spread; "
            "--threads 1 --clock cpu counts only the time that one thread runs",
            file=sys.stderr,
        )
