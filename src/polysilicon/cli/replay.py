"""`polysilicon replay`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from polysilicon.cli.options import FILES, QUESTION, Cases, Facts, Json, Whole, answer, catalogue, needs, within
from polysilicon.cli.serve import Engine, Replica

if TYPE_CHECKING:
    from polysilicon.facts import Catalogue
    from polysilicon.performance.replays.assembly import Policies
    from polysilicon.performance.replays.summary import Replay, Targets
    from polysilicon.performance.replays.trace import Trace
    from polysilicon.performance.replays.traffic import Traffic

TRAFFIC, CLUSTER = Group("Traffic", sort_key=1), Group("Cluster", sort_key=3)
POISSON_REQUESTS = 10_000
# As many complaints about single lines as a screen shows.
NAMED = 20


@Parameter(name="*", group=TRAFFIC)
@dataclass(frozen=True)
class Arrivals:
    """What arrives when.

    Attributes
    ----------
    rate_scale
        Replay the trace so many times as fast.
    requests
        How many: the first of the trace, or as many laps of it. All of the trace where it is not given, and 10,000
        without one.
    poisson
        Requests a second, drawn at random; the trace then only says how long they are.
    input_
        Tokens of every prompt, without a trace.
    output
        Tokens of every answer, without a trace.
    seed
        Of the random arrivals.
    until_s
        Stop so many seconds after the first arrival; with the last token where it is not given.
    bad_lines
        Whether lines of a trace that can't be read end the replay, or are named and skipped.
    """

    rate_scale: float | None = None
    requests: Whole | None = None
    poisson: float | None = None
    input_: Annotated[Whole | None, Parameter(name="--input")] = None
    output: Whole | None = None
    seed: Whole = 0
    until_s: float | None = None
    bad_lines: Literal["stop", "skip"] = "stop"

    def traffic(self, trace: "Trace | None") -> "Traffic":
        """The requests to replay.

        Raises:
            InputError: an option is missing, changes nothing, or is absurd.
        """
        from polysilicon.cli.cases import required
        from polysilicon.performance.replays.traffic import alike

        within(0, 2**62, seed=self.seed)
        lengths = self.input_ is not None or self.output is not None
        needs((self.rate_scale is not None and self.poisson is not None, "--rate-scale", "a trace's own arrivals"))
        if trace is None:
            required({"TRACE or --poisson": self.poisson, "--input": self.input_, "--output": self.output})
            needs((self.rate_scale is not None, "--rate-scale", "a trace"))
            count = POISSON_REQUESTS if self.requests is None else self.requests
            return alike(self.input_ or 0, self.output or 0, count, self.poisson or 0.0, self.seed)
        needs((lengths, "--input and --output", "no trace: the trace says how long each request is"))
        made = trace.traffic if self.requests is None else trace.traffic.of_length(self.requests)
        if self.poisson is not None:
            return made.poisson(self.poisson, self.seed)
        return made if self.rate_scale is None else made.faster(self.rate_scale)


@Parameter(name="*", group=CLUSTER)
@dataclass(frozen=True)
class Served:
    """How requests are shared out, admitted and kept.

    Attributes
    ----------
    replicas
        Equal replicas of the model.
    routing
        To each in turn, to the one with the fewest tokens outstanding, or counting of a prompt only what a replica
        does not hold already.
    max_batch
        Sequences that a replica has in place at most; what the engine allows where it is not given.
    queue_limit
        Requests that may wait at a replica; whoever comes beyond is turned away. Any number where it is not given.
    no_prefix_cache
        Read every prompt in full, whatever a replica still holds of it.
    ttft_ms
        Target for the time to the first token, for goodput.
    tpot_ms
        Target for the time of each later token, for goodput.
    """

    replicas: Whole = 1
    routing: Literal["round-robin", "least-loaded", "prefix-affinity"] = "least-loaded"
    max_batch: Whole | None = None
    queue_limit: Whole | None = None
    no_prefix_cache: Annotated[bool, Parameter(show_default=False)] = False
    ttft_ms: float | None = None
    tpot_ms: float | None = None

    def policies(self) -> "Policies":
        """The policies.

        Raises:
            InputError: an absurd count; names the option.
        """
        from polysilicon.performance.replays.assembly import MOST_REPLICAS, NO_LIMIT, Policies

        within(1, MOST_REPLICAS, replicas=self.replicas)
        within(1, NO_LIMIT, max_batch=self.max_batch)
        within(0, NO_LIMIT, queue_limit=self.queue_limit)
        return Policies(
            self.replicas, self.routing, self.max_batch, self.queue_limit, prefix_cache=not self.no_prefix_cache
        )

    def targets(self) -> "Targets":
        """The targets.

        Raises:
            InputError: one is absurd.
        """
        from polysilicon.performance.replays.summary import Targets

        within(1e-6, 1_000_000_000, ttft_ms=self.ttft_ms, tpot_ms=self.tpot_ms)
        return Targets(self.ttft_ms, self.tpot_ms)


@Parameter(name="*", group=FILES)
@dataclass(frozen=True)
class Kept:
    """What is written where.

    Attributes
    ----------
    out
        Where each request's times are written, as CSV; with --cases, where the answers are.
    chart
        Where a page with charts is written (HTML).
    checkpoint
        Where the state is kept meanwhile: a replay that was killed goes on from it. It is removed at the end.
    checkpoint_every
        Arrivals between two times that the state is kept.
    """

    out: Path | None = None
    chart: Path | None = None
    checkpoint: Path | None = None
    checkpoint_every: Whole = 250_000

    def check(self, trace: Path | None) -> None:
        """No file replaces another.

        Raises:
            InputError: one would, or has the wrong kind of name.
        """
        from polysilicon.cli.validate import page_at
        from polysilicon.records.errors import InputError, Place

        page_at(self.chart)
        within(1, 1_000_000_000, checkpoint_every=self.checkpoint_every)
        named = {"TRACE": trace, "--out": self.out, "--chart": self.chart, "--checkpoint": self.checkpoint}
        seen: dict[Path, str] = {}
        for option, path in named.items():
            if path is None:
                continue
            place = path.resolve()
            if place in seen:
                raise InputError(f"would replace the file of {seen[place]}", place=Place(field=option), found=str(path))
            seen[place] = option


_ARRIVALS, _REPLICA, _SERVED, _KEPT = Arrivals(), Replica(), Served(), Kept()


def replay(
    trace: Annotated[str | None, Parameter(name="TRACE", show_default=False)] = None,
    model: Annotated[str | None, Parameter(name="MODEL", show_default=False)] = None,
    /,
    *,
    arrivals: Arrivals = _ARRIVALS,
    replica: Annotated[Replica, Parameter(group=QUESTION)] = _REPLICA,
    engine: Annotated[Engine, Parameter(group=QUESTION)] = "vllm",
    served: Served = _SERVED,
    kept: Kept = _KEPT,
    facts: Facts = None,
    cases: Cases = None,
    json: Json = False,
) -> None:
    """Replay a trace of requests.

    Parameters
    ----------
    trace
        A trace: Azure's CSV, Mooncake's JSON lines or plain CSV, gzip or not. Left out where --poisson draws arrivals.
    model
        A model of the catalogue (`polysilicon facts list model`), or the path of a config.json.
    """
    from polysilicon.cli.cases import for_a_table, required

    if trace is not None and model is None:
        trace, model = None, trace
    for_a_table(cases, kept.out if cases else None, model, "MODEL")
    known = catalogue(facts)
    if cases is not None:
        from polysilicon.cli.replay_cases import table

        needs(*((getattr(kept, one) is not None, f"--{one}", "one replay") for one in ("chart", "checkpoint")))
        table(known, arrivals, replica, engine, served, cases, kept.out, as_json=json)
        return
    required({"MODEL": model, "--chip": replica.chip})
    kept.check(Path(trace) if trace else None)
    read = read_named(Path(trace), arrivals.bad_lines) if trace else None
    made = ask(known, read, arrivals, model or "", replica, engine, served, kept)
    _publish(made, read, kept, as_json=json)


def ask(
    known: "Catalogue",
    read: "Trace | None",
    arrivals: Arrivals,
    model: str,
    replica: Replica,
    engine: str,
    served: Served,
    kept: Kept = _KEPT,
) -> "Replay":
    """One replay.

    Raises:
        PolysiliconError: as `performance.replay`.
    """
    from polysilicon.cli.progress import shown
    from polysilicon.performance import Cluster
    from polysilicon.performance.replays.replay import replay as replayed
    from polysilicon.workloads import transformer

    traffic, policies, targets = arrivals.traffic(read), served.policies(), served.targets()
    described = transformer(known, model)
    layout = replica.layout(described.precision)
    chips = Cluster.from_catalogue(known, replica.chip or "", layout.chips)
    within(1e-6, 1e12, until_s=arrivals.until_s)
    with shown("requests") as progress:
        return replayed(
            known,
            described,
            traffic,
            chips,
            layout,
            policies=policies,
            engine=engine,
            targets=targets,
            trace=read,
            until_s=arrivals.until_s or float("inf"),
            checkpoint=kept.checkpoint,
            every=kept.checkpoint_every,
            progress=progress,
        )


def read_named(path: Path, bad_lines: Literal["stop", "skip"]) -> "Trace":
    """The trace; lines that are skipped are named on standard error.

    Raises:
        InputError: as `read_trace`.
    """
    from polysilicon.performance.replays.trace import read_trace
    from polysilicon.report.terminal import console, text

    read = read_trace(path, bad_lines)
    screen = console(err=True)
    for line in read.skipped[:NAMED]:
        screen.print(text(f"skipped {line}"), soft_wrap=True)
    if len(read.skipped) > NAMED:
        screen.print(text(f"skipped {len(read.skipped) - NAMED:,} more lines; --json names each"), soft_wrap=True)
    return read


def _publish(made: "Replay", read: "Trace | None", kept: Kept, *, as_json: bool) -> None:
    from polysilicon.records import files
    from polysilicon.report import replay as report
    from polysilicon.report.files import table_to_csv
    from polysilicon.report.terminal import console, text

    page = report.page(made) if kept.chart is not None else ""
    if kept.out is not None:
        files.write(kept.out, table_to_csv(made.requests))
    if kept.chart is not None:
        files.write(kept.chart, page)
    answer(
        lambda: made.to_dict() | {"skipped": read.skipped if read else ()},
        lambda: report.terminal(made),
        as_json=as_json,
    )
    if kept.checkpoint is not None:
        kept.checkpoint.unlink(missing_ok=True)
    if not as_json:
        for what, path in (("requests", kept.out), ("charts", kept.chart)):
            if path is not None:
                console().print(text(f"{what}: {path}"), soft_wrap=True)
