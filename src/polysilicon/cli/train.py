"""`polysilicon estimate train` and `polysilicon search train`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from polysilicon.cli.options import Cases, Explain, Facts, Json, Out, catalogue, sane

if TYPE_CHECKING:
    from polysilicon.facts import Catalogue
    from polysilicon.performance.cluster import Cluster
    from polysilicon.performance.training import TrainingEstimate
    from polysilicon.workloads import Training, Workload

Chip = Annotated[str | None, Parameter(name=["--chip", "--system"])]
Recompute = Literal["none", "selective", "full"]


def estimate(
    model: str | None = None,
    /,
    *,
    chip: Chip = None,
    chips: int | None = None,
    tp: int = 1,
    pp: int = 1,
    cp: int = 1,
    ep: int = 1,
    dp: int | None = None,
    micro_batch: int = 1,
    global_batch: int | None = None,
    sequence: int = 4096,
    interleave: int = 1,
    recompute: Recompute = "none",
    precision: str = "bf16",
    zero: Literal[0, 1, 2, 3] = 1,
    sequence_parallel: Annotated[bool, Parameter(show_default=False)] = False,
    facts: Facts = None,
    cases: Cases = None,
    out: Out = None,
    explain: Explain = False,
    json: Json = False,
) -> None:
    """Estimate one training step.

    Parameters
    ----------
    model
        A model of the catalogue (`polysilicon facts list model`), or the path of a config.json.
    chip
        A chip or a system of the catalogue.
    chips
        How many chips work together.
    tp
        Tensor-parallel degree.
    pp
        Pipeline stages.
    cp
        Context-parallel degree.
    ep
        Expert-parallel degree, inside the data-parallel ranks.
    dp
        Data-parallel degree; what the other degrees leave of the chips where it is not given.
    micro_batch
        Sequences of one replica at a time.
    global_batch
        Sequences of one step.
    sequence
        Tokens of one sequence.
    interleave
        Virtual stages of one pipeline rank.
    recompute
        Which activations are computed again.
    precision
        Of the matrix products: bf16, fp16, fp8, ...
    zero
        ZeRO stage: what is split over the replicas.
    sequence_parallel
        Split norms and residuals over the tensor-parallel ranks.
    """
    from polysilicon.cli.cases import required
    from polysilicon.performance.explain import explain_training
    from polysilicon.performance.layouts import Layouts
    from polysilicon.performance.training import estimate_training
    from polysilicon.report import explanation
    from polysilicon.report.estimate import training
    from polysilicon.report.files import to_json
    from polysilicon.report.terminal import console

    known = catalogue(facts)
    if cases is not None:
        _table(known, cases, out, as_json=json)
        return
    required(model=model, chip=chip, chips=chips, global_batch=global_batch)
    sane(tp=tp, pp=pp, cp=cp, ep=ep, dp=dp, micro_batch=micro_batch, interleave=interleave)
    asked = _question(known, model, chip, chips, sequence, global_batch)
    degrees = {"tp": tp, "pp": pp, "cp": cp, "ep": ep, "micro_batch": micro_batch, "interleave": interleave}
    layouts = Layouts.one(
        recompute=recompute,
        precision=precision,
        dp=dp if dp is not None else _replicas(chips or 0, tp * pp * cp),
        zero_stage=zero,
        sequence_parallel=float(sequence_parallel),
        **degrees,
    )
    if explain:
        tree = explain_training(*asked, layouts)
        print(to_json(explanation.to_dict(tree)), end="") if json else console().print(explanation.tree(tree))
        return
    made = estimate_training(*asked, layouts)
    if json:
        print(to_json(made.to_dict()), end="")
    else:
        console().print(training(made))


def search(
    model: str,
    /,
    *,
    chip: Annotated[str, Parameter(name=["--chip", "--system"])],
    chips: int,
    global_batch: int,
    sequence: int = 4096,
    precision: tuple[str, ...] = ("bf16",),
    recompute: tuple[Recompute, ...] = ("none", "full"),
    top: int = 10,
    facts: Facts = None,
    json: Json = False,
) -> None:
    """Try every layout on at most so many chips.

    Parameters
    ----------
    model
        A model of the catalogue, or the path of a config.json.
    chip
        A chip or a system of the catalogue.
    chips
        The most chips; fewer are tried too.
    global_batch
        Sequences of one step.
    sequence
        Tokens of one sequence.
    precision
        Of the matrix products; give the option again to allow several.
    recompute
        Which activations may be computed again.
    top
        How many of the best are shown.
    """
    from polysilicon.performance.search import search_training
    from polysilicon.performance.space import Space
    from polysilicon.report.estimate import training_search
    from polysilicon.report.files import to_json
    from polysilicon.report.terminal import console

    sane(top=top)
    asked = _question(catalogue(facts), model, chip, chips, sequence, global_batch)
    space = Space(precisions=precision, recompute=recompute)
    with console(err=True).status("trying layouts"):
        found = search_training(*asked, space, most=top)
    if json:
        print(to_json(found.to_dict()), end="")
    else:
        console().print(training_search(found))


def _replicas(chips: int, cut: int) -> int:
    """How many replicas of `cut` chips there are.

    Raises:
        InputError: they do not come out even.
    """
    from polysilicon.records.errors import InputError, Place

    if chips % cut:
        raise InputError(
            "are not a multiple of tp x pp x cp",
            place=Place(field="--chips"),
            found=chips,
            allowed=f"a multiple of {cut}",
            remedy="or say --dp",
        )
    return chips // cut


def _question(
    known: "Catalogue", model: str | None, chip: str | None, chips: int | None, sequence: int, batch: int | None
) -> "tuple[Catalogue, Workload, Training, Cluster]":
    """Catalogue, model, task and cluster, in the order the estimator takes them."""
    from polysilicon.performance.cluster import Cluster
    from polysilicon.workloads import Training, describe

    sane(chips=chips, global_batch=batch, sequence=sequence)
    task = Training(sequence_length=sequence, global_batch=batch or 0)
    return known, describe(known, model or ""), task, Cluster.from_catalogue(known, chip or "", chips or 0)


ANSWERS = (
    *("case_id", "model", "chip_id", "step_time_s", "low", "high", "tokens_per_s_per_chip", "mfu_pct"),
    *("peak_mem_gib", "fits", "status", "why"),
)


def _table(known: "Catalogue", cases: Path, out: Path | None, *, as_json: bool) -> None:
    """Every row of a table of training cases, all at once; the columns are those of `validate training`."""
    from polysilicon.cli.cases import publish
    from polysilicon.performance.training import doubt_widening, evaluate
    from polysilicon.validation.training_cases import jobs_of, prepare, read_cases

    made = [prepare(known, case) for case in read_cases(cases)]
    asked = [one for one in made if one.expressible]
    answers: dict[int, dict[str, Any]] = {}
    if asked:
        estimates = evaluate(*jobs_of(known, asked), "", known.hash, doubt_widening(known))
        answers = {id(one): _answer(estimates, at) for at, one in enumerate(asked)}
    rows = [
        {"case_id": one.case.id, "model": one.case.word("model"), "chip_id": one.case.word("chip_id")}
        | answers.get(id(one), {})
        | {"status": one.status, "why": one.why}
        for one in made
    ]
    publish(rows, ANSWERS, out, as_json=as_json)


def _answer(estimates: "TrainingEstimate", at: int) -> dict[str, Any]:
    import numpy as np

    from polysilicon.records.units import GIB

    def one(values: Any) -> float:
        return float(np.broadcast_to(values, len(estimates))[at])

    return {
        "step_time_s": one(estimates.step_s),
        "low": one(estimates.low_s),
        "high": one(estimates.high_s),
        "tokens_per_s_per_chip": one(estimates.tokens_per_s_per_chip),
        "mfu_pct": one(estimates.mfu_pct),
        "peak_mem_gib": one(estimates.memory.memory_bytes) / GIB,
        "fits": bool(one(estimates.fits)),
    }
