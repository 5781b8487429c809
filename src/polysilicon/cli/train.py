"""`polysilicon estimate train`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from polysilicon.cli.options import (
    LAYOUT,
    QUESTION,
    Cases,
    Explain,
    Facts,
    Json,
    Out,
    Whole,
    answer,
    answer_tree,
    catalogue,
    needs,
    sane,
)
from polysilicon.cli.train_layout import Cut, Kept, differing, layouts
from polysilicon.cli.train_recipe import Means, Software, Where, one_precision, recipe_for
from polysilicon.cli.train_run import Keep, whole_run
from polysilicon.cli.train_samples import Tables, estimate_of_samples, given, refuse_tables, sample_layout

if TYPE_CHECKING:
    from polysilicon.facts import Catalogue
    from polysilicon.performance.cluster import Cluster
    from polysilicon.performance.recipe import Recipe
    from polysilicon.workloads import Training, Workload

Chip = Annotated[str | None, Parameter(name=["--chip", "--system"])]
Precision = Annotated[
    str | None,
    Parameter(
        group=LAYOUT, help="Of the matrix products: bf16, fp16, fp8, ...; bf16, or the recipe's, where it is not given."
    ),
]


@Parameter(name="*", group=QUESTION)
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
    chips: Whole | None = None
    global_batch: Whole | None = None
    sequence: Annotated[Whole, Parameter(name=["--sequence", "--seq-len"])] = 4096

    def question(
        self, known: "Catalogue", model: str | None, tokens: float | None = None
    ) -> "tuple[Catalogue, Workload, Training, Cluster]":
        """Catalogue, model, task and cluster, in the order the estimator takes them.

        Raises:
            InputError: something is not said, unknown or absurd.
        """
        from polysilicon.performance.cluster import Cluster

        workload, task, chips = self.asked(known, model, tokens)
        return known, workload, task, Cluster.from_catalogue(known, self.chip or "", chips)

    def asked(
        self, known: "Catalogue", model: str | None, tokens: float | None = None
    ) -> "tuple[Workload, Training, int]":
        """Model, task and number of chips; `tokens` are those of a whole run.

        Raises:
            InputError: something is not said, unknown or absurd.
        """
        from polysilicon.cli.cases import required
        from polysilicon.workloads import Training, describe

        given = {"--chip": self.chip, "--chips": self.chips, "--global-batch": self.global_batch}
        required({"MODEL": model, **given})
        sane(chips=self.chips, global_batch=self.global_batch, sequence=self.sequence)
        task = Training(sequence_length=self.sequence, global_batch=self.global_batch or 0, tokens=tokens)
        return describe(known, model or ""), task, self.chips or 0


_JOB, _CUT, _KEPT, _MEANS, _SOFTWARE, _KEEP = Job(), Cut(), Kept(), Means(), Software(), Keep()
_TABLES = Tables()


def estimate(
    model: str | None = None,
    /,
    *,
    job: Job = _JOB,
    cut: Cut = _CUT,
    precision: Precision = None,
    kept: Kept = _KEPT,
    means: Means = _MEANS,
    software: Software = _SOFTWARE,
    keep: Keep = _KEEP,
    tables: Tables = _TABLES,
    facts: Facts = None,
    cases: Cases = None,
    out: Out = None,
    explain: Explain = False,
    json: Json = False,
) -> None:
    """Estimate one training step, or a whole run.

    Parameters
    ----------
    model
        A model of the catalogue (`polysilicon facts list model`), or the path of a config.json.
    """
    from polysilicon.cli.cases import for_a_table
    from polysilicon.cli.train_cases import refuse_options, table
    from polysilicon.performance.explain import explain_training
    from polysilicon.performance.fitting import nearest_fit
    from polysilicon.performance.training import estimate_training
    from polysilicon.report.estimate import instead, training
    from polysilicon.report.run import with_run
    from polysilicon.workloads import Transformer

    for_a_table(cases, out, model, "MODEL")
    known, tokens = catalogue(facts), keep.budget(table=cases is not None)
    if cases is not None:
        needs((explain, "--explain", "one question instead of --cases"))
        refuse_options(differing(job, cut, kept, means, software, tables) + ["--precision"] * (precision is not None))
        table(known, cases, out, keep, as_json=json)
        return
    needs((explain and tokens is not None, "--tokens", "to be asked without --explain, which walks back the step"))
    asked = job.question(known, model, tokens)
    workload, task, cluster = asked[1:]
    if not isinstance(workload, Transformer):
        said = given(job, cut, kept, means, software, keep) | ({"precision": precision} if precision else {})
        chosen = sample_layout(workload, said, tables)
        estimate_of_samples(known, workload, job.global_batch or 0, cluster, chosen, explain=explain, as_json=json)
        return
    refuse_tables(tables, workload.name)
    experts = mixed(workload)
    where = _where(cut, kept, precision, task.sequence_length, experts=experts)
    forward, recipe = recipe_for(known, means, software, cluster, where)
    _refuse_idle(cut, kept, recipe)
    layout = layouts(cut, kept, one_precision(precision, forward), job.chips or 0, experts=experts)
    if explain:
        answer_tree(explain_training(*asked, layout, recipe), as_json=json)
        return
    made = estimate_training(*asked, layout, recipe)
    near = None if made.fits[0] else nearest_fit(known, workload, task, cluster, layout, recipe)
    remedy = "" if made.fits[0] else instead(made, near)
    plain = made.to_dict() | {"instead": near and near.said(0)}
    if tokens is None:
        answer(lambda: plain, lambda: training(made, remedy=remedy), as_json=json)
        return
    found = whole_run(known, workload, task, made, keep)
    answer(lambda: plain | {"run": found.to_dict()}, lambda: with_run(made, found, remedy), as_json=json)


def _where(cut: Cut, kept: Kept, precision: str | None, sequence: int, *, experts: bool) -> Where:
    """What of one layout options of the recipe can rest on; `experts` says whether the model has any."""
    asked_for = () if precision is None else (precision,)
    cuts = experts and cut.ep > 1, cut.cp > 1, cut.pp > 1, cut.zero == 3, cut.zero in (None, 1)
    return Where(experts, *cuts, (kept.recompute,), asked_for, sequence)


def _refuse_idle(cut: Cut, kept: Kept, recipe: "Recipe") -> None:
    """A working copy of the weights is there to be said something of.

    Raises:
        InputError: ZeRO splits the weights and keeps their master copy alone, or none stays that has a size of its own.
    """
    alone = cut.zero == 3 and not recipe.frozen
    needs(
        (bool(recipe.shard_bytes) and not alone, "--shard-bytes", "--zero 3, and weights that are trained"),
        (
            kept.offload_weights > 0.0 and alone and not recipe.shard_bytes,
            "--offload-weights",
            "a working copy beside the master copy, which --offload-optimizer takes: --zero below 3, or --shard-bytes",
        ),
    )


def mixed(workload: "Workload") -> bool:
    """Whether a model has experts."""
    from polysilicon.workloads.model import Transformer

    return isinstance(workload, Transformer) and workload.experts > 0
