"""The two verbs of this package, put together: measure a device into a facts file; check such a file on a device."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from polysilicon.facts.catalogue import load
from polysilicon.performance.measuring.campaign import Campaign
from polysilicon.performance.measuring.device import Device, chosen_dtype
from polysilicon.performance.measuring.journal import Journal
from polysilicon.performance.measuring.learned import Learned
from polysilicon.performance.measuring.record import Subject, checked_id, known_silicon, of_class, read, written
from polysilicon.performance.measuring.timing import CLOCKS
from polysilicon.performance.measuring.truth import Checked, check, jobs
from polysilicon.records.errors import InputError, Place

Said = Callable[[str, float], None]


@dataclass(frozen=True)
class Request:
    """What is to be measured: a device in a format, as which chip, for so long, and where timings are kept.

    An older journal is gone on from where it is to `resume`, and replaced where the request is to begin `anew`.

    `budget_s` is counted on the same `clock` as the times: a machine that others keep busy takes longer, and learns
    as much.
    """

    device: Device
    dtype: str
    chip: str
    clock: str
    budget_s: float
    journal: Path | None = None
    resume: bool = False
    anew: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of it; `text` is the facts file."""

    subject: Subject
    learned: Learned
    text: str


def measure(request: Request, said: Said) -> Outcome:
    """Time kernels until the budget is spent, learn from them, and put what was learned into a facts file.

    `said` hears what is being timed, and the share of the budget that is spent.

    Raises:
        InputError: the id is none or of a chip of another class, the journal is of something else, or the budget is
            too small.
    """
    from polysilicon.performance.measuring.probes import timer
    from polysilicon.performance.measuring.rooms import rooms

    device = request.device
    known = known_silicon(checked_id(request.chip), device.device_class)
    # The day that timings were taken is a fact about them; it is read here once and kept in the journal.
    day = time.strftime("%Y-%m-%d", time.gmtime())
    label = device.label() | {"clock": request.clock, "day": day}
    journal = Journal(request.journal, label, resume=request.resume, anew=request.anew)
    found = Campaign(
        timer(device, CLOCKS[request.clock]),
        request.dtype,
        journal,
        request.budget_s,
        units=device.units,
        cache_bytes=device.cache_bytes,
        memory_bytes=device.memory_bytes,
        peaks=device.dtypes,
        said=said,
        clock=CLOCKS[request.clock],
        transfers=device.asynchronous,
        silicon=known,
    ).run()
    subject = Subject(
        id=request.chip,
        described=device.described,
        device_class=device.device_class,
        day=str(journal.label["day"]),
        torch=str(device.torch.__version__),
        clock=request.clock,
        memory_bytes=device.memory_bytes,
        ours=known is not None,
    )
    subject = rooms(subject, found)
    return Outcome(subject, found, written(subject, found))


def check_facts(facts: Path, chip: str | None, device: Device, clock: str, said: Said) -> Checked:
    """Run a real transformer over shapes that were never measured, beside what the facts file predicts.

    Raises:
        InputError: the file can't be read, holds no measured chip or lacks parameters of it, or the chip is one of
            another class, format or number of threads.
    """
    from polysilicon.performance.measuring.probes import runner

    known = read(load(facts), chip)
    of_class(known.chip, device.device_class, Place(str(facts)))
    chosen_dtype(device, known.dtype)
    threads = known.chip.compute_units
    if device.name == "cpu" and known.chip.theirs and threads is not None and threads != device.units:
        raise InputError(
            "was measured with another number of threads",
            place=Place(str(facts)),
            found=int(device.units),
            remedy=f"check it with --threads {threads:g}",
        )
    every = jobs(known.dtype, known.parameters, known.silicon)
    return check(
        known.chip.id,
        known.dtype,
        known.parameters,
        known.silicon,
        every,
        runner(device, known.dtype, CLOCKS[clock]),
        said,
    )
