"""`polysilicon search train`."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from polysilicon.cli.options import Cases, Facts, Json, Out, answer, catalogue, sane
from polysilicon.cli.train import Job, Recompute

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from polysilicon.facts import Catalogue
    from polysilicon.performance.space import Space
    from polysilicon.planning.shortlist import Place as Where

EVERY = "all"


@Parameter(name="*")
@dataclass(frozen=True)
class Vary:
    """What is varied, and what is wanted of it.

    Attributes
    ----------
    precision
        Of the matrix products; give the option again to allow several.
    recompute
        Which activations may be computed again.
    vary
        The common choices of a layout, or all: partial recomputation, sharding groups, zero-bubble schedules,
        context parallelism, experts' own tensor degree, offload.
    tp
        Only these tensor-parallel degrees; the option may be given again, as the next four may.
    pp
        Only so many pipeline stages.
    cp
        Only these context-parallel degrees.
    ep
        Only these expert-parallel degrees.
    micro_batch
        Only so many sequences of one replica at a time.
    by
        What makes a layout the best: time of a step, cost (chip-seconds, or rent where --chip names several), energy.
    top
        How many of the best are shown.
    front
        Also the layouts that no other equals or beats in time, memory and energy at once.
    """

    precision: tuple[str, ...] = ("bf16",)
    recompute: tuple[Recompute, ...] = ("none", "full")
    vary: Literal["common", "all"] = "common"
    tp: tuple[int, ...] = ()
    pp: tuple[int, ...] = ()
    cp: tuple[int, ...] = ()
    ep: tuple[int, ...] = ()
    micro_batch: tuple[int, ...] = ()
    by: Literal["time", "cost", "energy"] = "time"
    top: int = 10
    front: Annotated[bool, Parameter(show_default=False)] = False

    def space(self) -> "Space":
        """What the search varies.

        Raises:
            InputError: a precision that nobody knows, or an absurd count.
        """
        from polysilicon.performance.space import Space
        from polysilicon.performance.values import PRECISIONS
        from polysilicon.records.errors import InputError, Place

        sane(top=self.top)
        for one in self.precision:
            if one not in PRECISIONS:
                raise InputError("is no precision", place=Place(field="--precision"), found=one, allowed=PRECISIONS)
        degrees = {name: getattr(self, name) for name in ("tp", "pp", "cp", "ep", "micro_batch")}
        for name, asked in degrees.items():
            for one in asked:
                sane(**{name: one})
        make = Space.wide if self.vary == EVERY else Space
        asked_for = {name: asked for name, asked in degrees.items() if asked}
        return make(precisions=self.precision, recompute=self.recompute, **asked_for)


@Parameter(name="*")
@dataclass(frozen=True)
class Work:
    """Who works, and where what is done is kept.

    Attributes
    ----------
    workers
        Processes that share a large search; every core where it is not given. Small searches need one.
    cluster
        Address of a Dask cluster (tcp://host:8786) that works instead; needs polysilicon[cluster].
    folder
        Keep what is done here. A search that was stopped goes on from it when it is asked again.
    """

    workers: int | None = None
    cluster: str = ""
    folder: Path | None = None

    @contextmanager
    def crew(self) -> "Iterator[Executor | None]":
        """The executor that works.

        Raises:
            InputError: an absurd count, nobody answers at the address, or Dask is not installed.
        """
        from polysilicon.records.errors import InputError, Place
        from polysilicon.sweep import workers

        sane(workers=self.workers)
        crew = workers(self.workers or os.cpu_count() or 1, self.cluster)
        try:
            executor = crew.__enter__()
        except ImportError as cause:
            remedy = "pip install 'polysilicon[cluster]'"
            raise InputError("needs Dask", place=Place(field="--cluster"), remedy=remedy) from cause
        except (OSError, ValueError) as cause:
            raise InputError("nobody answers", place=Place(field="--cluster"), found=self.cluster) from cause
        try:
            yield executor
        except KeyboardInterrupt:
            if self.folder is not None:
                print(f"what is done is kept in {self.folder}: ask again to go on from there", file=sys.stderr)
            raise
        finally:
            crew.__exit__(*sys.exc_info())


@Parameter(name="*")
@dataclass(frozen=True)
class Here:
    """Where and when several systems are compared.

    Attributes
    ----------
    in_
        The country they would work in (an ISO code such as SG); prices and law are then read.
    on
        The day whose prices and law count, YYYY-MM-DD. There is no hidden today.
    headquarters
        Where the user, or its ultimate parent, has its headquarters; the country where it is not said.
    """

    in_: Annotated[str | None, Parameter(name="--in")] = None
    on: str | None = None
    headquarters: str = ""

    def place(self) -> "Where | None":
        """The place, if one is named.

        Raises:
            InputError: a country without a day or a day without a country, or no day of the calendar.
        """
        from polysilicon.planning.shortlist import Place as Where
        from polysilicon.records import dates
        from polysilicon.records.errors import InputError, Place

        if self.in_ is None and self.on is None:
            return None
        if self.in_ is None or self.on is None:
            missing = "--in" if self.in_ is None else "--on"
            raise InputError("is missing: prices and law are of a place and a day", place=Place(field=missing))
        return Where(self.in_.upper(), dates.day(self.on), self.headquarters.upper())


_JOB, _VARY, _WORK, _HERE = Job(), Vary(), Work(), Here()


def search(
    model: str | None = None,
    /,
    *,
    job: Job = _JOB,
    vary: Vary = _VARY,
    work: Work = _WORK,
    here: Here = _HERE,
    facts: Facts = None,
    cases: Cases = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Try every layout on at most so many chips, of one system, of several (--chip a,b), or of all (--chip all).

    Parameters
    ----------
    model
        A model of the catalogue, or the path of a config.json.
    """
    from polysilicon.cli.cases import for_a_table
    from polysilicon.cli.searches import trainings
    from polysilicon.performance.search import search_training
    from polysilicon.report.search import training_search

    for_a_table(cases, out, model, "MODEL")
    known, space, place = catalogue(facts), vary.space(), here.place()
    if cases is not None:
        trainings(known, space, cases, out, as_json=json)
        return
    if job.chip and (job.chip == EVERY or "," in job.chip):
        _several(known, model, job, vary, work, place, as_json=json)
        return
    if place is not None:
        _refuse_place()
    asked = job.question(known, model)
    with work.crew() as executor, _shown("layouts") as progress:
        found = search_training(
            *asked,
            space,
            most=vary.top,
            by=vary.by,
            with_front=vary.front,
            executor=executor,
            folder=work.folder,
            progress=progress,
        )
    answer(found.to_dict, lambda: training_search(found), as_json=json)


def _several(
    known: "Catalogue",
    model: str | None,
    job: Job,
    vary: Vary,
    work: Work,
    place: "Where | None",
    *,
    as_json: bool,
) -> None:
    """Rank several systems, or all."""
    from polysilicon.planning.shortlist import shortlist as rank
    from polysilicon.report.search import shortlist

    names = () if job.chip == EVERY else tuple(one.strip() for one in (job.chip or "").split(",") if one.strip())
    workload, task, chips = job.asked(known, model)
    with work.crew() as executor, _shown("systems") as progress:
        found = rank(
            known,
            workload,
            task,
            chips,
            names,
            vary.space(),
            by=vary.by,
            place=place,
            executor=executor,
            progress=progress,
        )
    answer(found.to_dict, lambda: shortlist(found), as_json=as_json)


def _refuse_place() -> None:
    from polysilicon.records.errors import InputError, Place

    raise InputError(
        "compares several systems",
        place=Place(field="--in"),
        remedy="name them with --chip a,b or --chip all; `polysilicon judge` asks of one chip",
    )


@contextmanager
def _shown(what: str) -> "Iterator[Callable[[int, int], None]]":
    """A bar on standard error that says how much of how much is done; it goes when it is full."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from polysilicon.report.terminal import console

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    screen = console(err=True)
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, whole: bar.update(task, completed=done, total=whole)
