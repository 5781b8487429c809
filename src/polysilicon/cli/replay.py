"""`polysilicon replay`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from polysilicon.cli.options import QUESTION, Cases, Facts, Json, answer, asked_by, catalogue, needs, within
from polysilicon.cli.replay_options import Arrivals, Kept, Served
from polysilicon.cli.serve import OPTIONS, Engine, Replica

if TYPE_CHECKING:
    from polysilicon.facts import Catalogue
    from polysilicon.performance.replays.summary import Replay
    from polysilicon.performance.replays.trace import Trace

# As many complaints about single lines as a screen shows.
NAMED = 20
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
    needs((trace is None and arrivals.bad_lines != "stop", "--bad-lines", "a TRACE"))
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
    within(1e-6, 1e12, until_s=arrivals.until_s)
    with asked_by(OPTIONS), shown("requests") as progress:
        layout = replica.layout(known, described.asked_precision)
        chips = Cluster.from_catalogue(known, replica.chip or "", layout.chips)
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
