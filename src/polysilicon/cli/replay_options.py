"""The options of `polysilicon replay`: what arrives, who serves it, what is written where."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from polysilicon.cli.options import FILES, Whole, needs, within

if TYPE_CHECKING:
    from polysilicon.performance.replays.assembly import Policies
    from polysilicon.performance.replays.summary import Targets
    from polysilicon.performance.replays.trace import Trace
    from polysilicon.performance.replays.traffic import Traffic

TRAFFIC, CLUSTER = Group("Traffic", sort_key=1), Group("Cluster", sort_key=3)
POISSON_REQUESTS = 10_000


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
        needs(
            (self.rate_scale is not None and self.poisson is not None, "--rate-scale", "a trace's own arrivals"),
            (self.seed != 0 and self.poisson is None, "--seed", "--poisson: a trace's own arrivals are not drawn"),
        )
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
        """No file replaces another, nor is a folder named for one: a long replay would be for nothing.

        Raises:
            InputError: one would, has the wrong kind of name or is a folder, or nothing is kept that often.
        """
        from polysilicon.cli.validate import page_at
        from polysilicon.records.errors import InputError, Place

        page_at(self.chart)
        within(1, 1_000_000_000, checkpoint_every=self.checkpoint_every)
        often = self.checkpoint_every != type(self).checkpoint_every
        needs((often and self.checkpoint is None, "--checkpoint-every", "--checkpoint"))
        named = {"TRACE": trace, "--out": self.out, "--chart": self.chart, "--checkpoint": self.checkpoint}
        seen: dict[Path, str] = {}
        for option, path in named.items():
            if path is None:
                continue
            place = path.resolve()
            if option != "TRACE" and place.is_dir():
                raise InputError("is a folder", place=Place(field=option), found=str(path), remedy="name a file")
            if place in seen:
                raise InputError(f"would replace the file of {seen[place]}", place=Place(field=option), found=str(path))
            seen[place] = option
