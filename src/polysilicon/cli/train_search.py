"""`polysilicon search train`."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from polysilicon.cli.options import PLACE, WORK, Cases, Facts, Json, Out, Whole, answer, catalogue, needs, sane
from polysilicon.cli.progress import shown
from polysilicon.cli.train import Job, mixed
from polysilicon.cli.train_layout import differing
from polysilicon.cli.train_recipe import Means, Software, recipe_for
from polysilicon.cli.train_run import Keep, whole_run
from polysilicon.cli.train_space import EVERY, Vary

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from polysilicon.facts import Catalogue
    from polysilicon.planning.shortlist import Place as Where


ADDRESS = re.compile(r"\w+://[^\s/:]+:\d+/?|\w+://\[[0-9a-fA-F:]+\]:\d+/?")


@Parameter(name="*", group=WORK)
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

    workers: Whole | None = None
    cluster: str | None = None
    folder: Path | None = None

    @contextmanager
    def crew(self) -> "Iterator[Executor | None]":
        """The executor that works.

        Raises:
            InputError: an absurd count, nobody answers at the address, Dask is not installed, or workers are lost.
        """
        from polysilicon.records.errors import InputError, Place
        from polysilicon.sweep import workers

        sane(workers=self.workers)
        needs((self.workers is not None and self.cluster is not None, "--workers", "no --cluster, whose workers work"))
        if self.cluster is not None and not ADDRESS.fullmatch(self.cluster):
            allowed = "an address such as tcp://host:8786"
            raise InputError("is no address", place=Place(field="--cluster"), found=self.cluster, allowed=allowed)
        if self.folder is not None and self.folder.exists() and not self.folder.is_dir():
            raise InputError("is no folder", place=Place(field="--folder"), found=str(self.folder))
        crew = workers(self.workers or os.cpu_count() or 1, self.cluster or "")
        try:
            executor = crew.__enter__()
        except ImportError as cause:
            remedy = "pip install 'polysilicon[cluster]'"
            raise InputError("needs Dask", place=Place(field="--cluster"), remedy=remedy) from cause
        except (OSError, ValueError) as cause:
            remedy = "is its scheduler up, and reachable from here?"
            raise InputError(
                "nobody answers", place=Place(field="--cluster"), found=self.cluster, remedy=remedy
            ) from cause
        try:
            yield executor
        except KeyboardInterrupt:
            if self.folder is not None:
                print(f"what is done is kept in {self.folder}: ask again to go on from there", file=sys.stderr)
            raise
        finally:
            with self._lost():
                crew.__exit__(*sys.exc_info())

    @contextmanager
    def _lost(self) -> "Iterator[None]":
        """Workers that are gone are told as such.

        Raises:
            InputError: they are.
        """
        from polysilicon.records.errors import InputError, Place
        from polysilicon.sweep import WorkersGone

        try:
            yield
        except WorkersGone as cause:
            kept = "ask again to go on from --folder" if self.folder else "with --folder what is done would be kept"
            if self.cluster is not None:
                problem, place, hint = "went away", Place(field="--cluster"), "is its scheduler up?"
            else:
                problem, place, hint = "one was killed", Place(field="--workers"), "fewer need less memory;"
            raise InputError(
                problem, place=place, found=self.cluster or self.workers, remedy=f"{hint} {kept}"
            ) from cause


@Parameter(name="*", group=PLACE)
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
    headquarters: str | None = None

    def place(self) -> "Where | None":
        """The place, if one is named.

        Raises:
            InputError: a country without a day or a day without a country, or no day of the calendar.
        """
        from polysilicon.planning.shortlist import Place as Where
        from polysilicon.records import dates
        from polysilicon.records.errors import InputError, Place

        if self.in_ is None and self.on is None:
            needs((self.headquarters is not None, "--headquarters", "--in and --on"))
            return None
        if self.in_ is None or self.on is None:
            missing = "--in" if self.in_ is None else "--on"
            raise InputError("is missing: prices and law are of a place and a day", place=Place(field=missing))
        return Where(self.in_.upper(), dates.day(self.on), (self.headquarters or "").upper())


ONE_SYSTEM = "one system in --chip"
_JOB, _VARY, _WORK, _HERE = Job(), Vary(), Work(), Here()
_MEANS, _SOFTWARE, _KEEP = Means(), Software(), Keep()


def search(
    model: str | None = None,
    /,
    *,
    job: Job = _JOB,
    vary: Vary = _VARY,
    means: Means = _MEANS,
    software: Software = _SOFTWARE,
    keep: Keep = _KEEP,
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
    from polysilicon.cli.cases import for_a_table, refuse_beside
    from polysilicon.cli.searches import trainings
    from polysilicon.performance.search import search_training
    from polysilicon.report.search import search_and_run, training_search

    for_a_table(cases, out, model, "MODEL")
    known, place, tokens = catalogue(facts), here.place(), keep.budget()
    if cases is not None:
        refuse_beside(differing(job, means, software, keep))
        alone = [f"--{name}" for name in ("by", "top", "front") if getattr(vary, name) != getattr(_VARY, name)]
        needs(*((True, option, "one model, not --cases") for option in (*alone, *differing(work, here))))
        trainings(known, vary.space(), cases, out, as_json=json)
        return
    if job.chip and (job.chip == EVERY or "," in job.chip):
        needs(
            (tokens is not None, "--tokens", ONE_SYSTEM),
            (vary.front, "--front", ONE_SYSTEM),
            (vary.top != _VARY.top, "--top", ONE_SYSTEM),
            (work.folder is not None, "--folder", ONE_SYSTEM),
        )
        _several(known, model, job, vary, means, software, work, place, as_json=json)
        return
    if place is not None:
        _refuse_place()
    asked = job.question(known, model, tokens)
    workload, task, cluster = asked[1:]
    experts = mixed(workload)
    forward, recipe = recipe_for(known, means, software, cluster, vary.where(task.sequence_length, experts=experts))
    space = vary.space(forward, experts=experts)
    with work.crew() as executor, shown("layouts") as progress:
        found = search_training(
            *asked,
            space,
            recipe,
            most=vary.top,
            by=vary.by,
            with_front=vary.front,
            executor=executor,
            folder=work.folder,
            progress=progress,
        )
    if tokens is None:
        answer(found.to_dict, lambda: training_search(found), as_json=json)
        return
    run = whole_run(known, workload, task, found.best, keep)
    runs = [run.to_dict(at) for at in range(len(found.best))]
    answer(lambda: found.to_dict() | {"runs": runs}, lambda: search_and_run(found, run), as_json=json)


def _several(
    known: "Catalogue",
    model: str | None,
    job: Job,
    vary: Vary,
    means: Means,
    software: Software,
    work: Work,
    place: "Where | None",
    *,
    as_json: bool,
) -> None:
    """Rank several systems, or all."""
    from polysilicon.planning.shortlist import shortlist as rank
    from polysilicon.records.errors import InputError, Place
    from polysilicon.report.search import shortlist

    names = () if job.chip == EVERY else tuple(one.strip() for one in (job.chip or "").split(",") if one.strip())
    if job.chip != EVERY and not names:
        raise InputError("names no system", place=Place(field="--chip"), found=job.chip)
    workload, task, chips = job.asked(known, model)
    experts = mixed(workload)
    forward, recipe = recipe_for(known, means, software, None, vary.where(task.sequence_length, experts=experts))
    space = vary.space(forward, experts=experts)
    with work.crew() as executor, shown("systems") as progress:
        found = rank(
            known,
            workload,
            task,
            chips,
            names,
            space,
            recipe,
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
