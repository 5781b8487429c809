"""`polysilicon estimate train`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from polysilicon.cli.options import Cases, Explain, Facts, Json, Out, answer, answer_tree, catalogue, sane
from polysilicon.cli.train_samples import (
    Tables,
    answer_of_case,
    estimate_of_samples,
    given,
    refuse_tables,
    sample_layout,
)

if TYPE_CHECKING:
    from polysilicon.facts import Catalogue
    from polysilicon.performance.cluster import Cluster
    from polysilicon.performance.layouts import Layouts
    from polysilicon.performance.training import TrainingEstimate
    from polysilicon.workloads import Training, Workload

Chip = Annotated[str | None, Parameter(name=["--chip", "--system"])]
Recompute = Literal["none", "selective", "full"]


@Parameter(name="*")
@dataclass(frozen=True)
class Job:
    """What is trained on what.

    Attributes
    ----------
    chip
        A chip or a system of the catalogue.
    chips
        How many chips work together; a search tries fewer too.
    global_batch
        Sequences of one step.
    sequence
        Tokens of one sequence.
    """

    chip: Chip = None
    chips: int | None = None
    global_batch: int | None = None
    sequence: int = 4096

    def question(self, known: "Catalogue", model: str | None) -> "tuple[Catalogue, Workload, Training, Cluster]":
        """Catalogue, model, task and cluster, in the order the estimator takes them.

        Raises:
            InputError: something is not said, unknown or absurd.
        """
        from polysilicon.performance.cluster import Cluster

        workload, task, chips = self.asked(known, model)
        return known, workload, task, Cluster.from_catalogue(known, self.chip or "", chips)

    def asked(self, known: "Catalogue", model: str | None) -> "tuple[Workload, Training, int]":
        """Model, task and number of chips.

        Raises:
            InputError: something is not said, unknown or absurd.
        """
        from polysilicon.cli.cases import required
        from polysilicon.workloads import Training, describe

        given = {"--chip": self.chip, "--chips": self.chips, "--global-batch": self.global_batch}
        required({"MODEL": model, **given})
        sane(chips=self.chips, global_batch=self.global_batch, sequence=self.sequence)
        task = Training(sequence_length=self.sequence, global_batch=self.global_batch or 0)
        return describe(known, model or ""), task, self.chips or 0


@Parameter(name="*")
@dataclass(frozen=True)
class Cut:
    """How the job is cut over the chips.

    Attributes
    ----------
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

    tp: int = 1
    pp: int = 1
    cp: int = 1
    ep: int = 1
    dp: int | None = None
    micro_batch: int = 1
    interleave: int = 1
    recompute: Recompute = "none"
    precision: str = "bf16"
    zero: Literal[0, 1, 2, 3] = 1
    sequence_parallel: Annotated[bool, Parameter(show_default=False)] = False

    def layouts(self, chips: int) -> "Layouts":
        """A table of this one layout.

        Raises:
            InputError: a degree is absurd, or the chips are no multiple of them.
        """
        from polysilicon.performance.layouts import Layouts

        names = ("tp", "pp", "cp", "ep", "micro_batch", "interleave")
        degrees = {name: getattr(self, name) for name in names}
        sane(**degrees, dp=self.dp)
        return Layouts.one(
            recompute=self.recompute,
            precision=self.precision,
            dp=self.dp if self.dp is not None else _replicas(chips, self.tp * self.pp * self.cp),
            zero_stage=self.zero,
            sequence_parallel=float(self.sequence_parallel),
            **degrees,
        )


_JOB, _CUT, _TABLES = Job(), Cut(), Tables()


def estimate(
    model: str | None = None,
    /,
    *,
    job: Job = _JOB,
    cut: Cut = _CUT,
    tables: Tables = _TABLES,
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
    """
    from polysilicon.cli.cases import for_a_table
    from polysilicon.performance.explain import explain_training
    from polysilicon.performance.training import estimate_training
    from polysilicon.report.estimate import training
    from polysilicon.workloads import Transformer

    for_a_table(cases, out, model, "MODEL")
    known = catalogue(facts)
    if cases is not None:
        _table(known, cases, out, as_json=json)
        return
    asked = job.question(known, model)
    if not isinstance(workload := asked[1], Transformer):
        chosen = sample_layout(workload, given(job, cut), tables)
        batch = job.global_batch or 0
        estimate_of_samples(known, workload, batch, asked[3], chosen, explain=explain, as_json=json)
        return
    refuse_tables(tables, workload.name)
    layouts = cut.layouts(job.chips or 0)
    if explain:
        answer_tree(explain_training(*asked, layouts), as_json=json)
        return
    made = estimate_training(*asked, layouts)
    answer(made.to_dict, lambda: training(made), as_json=json)


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


ANSWERS = (
    *("case_id", "model", "chip_id", "step_time_s", "low", "high", "tokens_per_s_per_chip", "mfu_pct"),
    *("samples_per_s", "peak_mem_gib", "fits", "unvalidated", "status", "why"),
)


def _table(known: "Catalogue", cases: Path, out: Path | None, *, as_json: bool) -> None:
    """Every row of a table of training cases, all at once; the columns are those of `validate training`."""
    from polysilicon.cli.cases import publish
    from polysilicon.performance.training import doubt_widening, evaluate
    from polysilicon.validation.sample_cases import by_samples
    from polysilicon.validation.training_cases import Prepared, jobs_of, prepare, read_cases

    every = read_cases(cases)
    sampled = {id(case): answer_of_case(known, case) for case in every if by_samples(known, case)}
    made = [Prepared(case) if id(case) in sampled else prepare(known, case) for case in every]
    asked = [one for one in made if one.expressible]
    answers: dict[int, dict[str, Any]] = {}
    if asked:
        estimates = evaluate(*jobs_of(known, asked), "", known.hash, doubt_widening(known))
        answers = {id(one): _answer(estimates, at) for at, one in enumerate(asked)}
    rows = [
        {"case_id": one.case.id, "model": one.case.word("model"), "chip_id": one.case.word("chip_id")}
        | answers.get(id(one), {})
        | sampled.get(id(one.case), {"status": one.status, "why": one.why})
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
