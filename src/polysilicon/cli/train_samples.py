"""`polysilicon estimate train` of models whose unit is a sample: recommenders, image models and encoders."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from cyclopts import Parameter

from polysilicon.cli.options import TABLES, answer, answer_tree, sane
from polysilicon.cli.train_run import UPKEEP

if TYPE_CHECKING:
    from polysilicon.facts import Catalogue
    from polysilicon.performance.cluster import Cluster
    from polysilicon.performance.sample_jobs import SampleLayout, TableLayout
    from polysilicon.validation.training_table import Case
    from polysilicon.workloads.samples import Sampled

# What is said of every job, whatever its model.
QUESTION = ("chip", "chips", "global_batch")
NO_RUNS = "whole runs are modelled for transformers only so far"
REPLICATED = ("dp", "micro_batch", "zero", "recompute", "precision")


@Parameter(name="*", group=TABLES)
@dataclass(frozen=True)
class Tables:
    """How the embedding tables of a recommender are cut.

    Attributes
    ----------
    tables
        Whole embedding tables, columns of them, or rows of them lie on different chips.
    tables_in
        In the memory of the chips, or of their hosts.
    """

    tables: Literal["table", "column", "row"] = "column"
    tables_in: Literal["chip", "host"] = "chip"


def given(*groups: Any) -> dict[str, Any]:
    """The options of these groups that are not at their defaults, by name."""
    return {
        name: getattr(one, name)
        for one in groups
        for name, field in type(one).__dataclass_fields__.items()
        if name not in QUESTION and getattr(one, name) != field.default
    }


def refuse_tables(tables: Tables, model: str) -> None:
    """Options of embedding tables change nothing in a model without any.

    Raises:
        InputError: one is given.
    """
    _refuse(given(tables), (), f"{model} has no embedding tables")


def sample_layout(model: "Sampled", said: Mapping[str, Any], tables: Tables) -> "SampleLayout | TableLayout":
    """The layout that the options say.

    Raises:
        InputError: an option is given that changes nothing for the model, or has no meaning for it.
    """
    from polysilicon.performance.sample_jobs import SampleLayout, TableLayout
    from polysilicon.records.errors import InputError, Place
    from polysilicon.workloads.model import Recommender, UNet

    _refuse({name: said[name] for name in (*UPKEEP, "tokens", "blocking_checkpoints") if name in said}, (), NO_RUNS)
    precision = str(said.get("precision") or "bf16")
    if isinstance(model, Recommender):
        why = f"{model.name} is a recommender, whose tables --tables and --tables-in cut"
        _refuse(said, ("precision",), why)
        return TableLayout(sharding=tables.tables, in_host=tables.tables_in == "host", precision=precision)
    refuse_tables(tables, model.name)
    cut = () if isinstance(model, UNet) else ("tp", "cp")
    _refuse(said, (*REPLICATED, *cut), f"{model.name} takes {_options((*cut, *REPLICATED))}")
    if said.get("recompute") == "selective":
        place = Place(field="--recompute")
        raise InputError("is not modelled for this model", place=place, found="selective", allowed=["none", "full"])
    degrees: dict[str, Any] = {name: said[name] for name in ("tp", "cp", "dp", "micro_batch") if name in said}
    sane(**degrees)
    degrees |= {"zero_stage": said.get("zero"), "recompute": said.get("recompute") == "full"}
    return SampleLayout(precision=precision, **degrees)


def _refuse(said: Mapping[str, Any], allowed: tuple[str, ...], why: str) -> None:
    from polysilicon.records.errors import InputError, Place

    for name, value in said.items():
        if name not in allowed:
            raise InputError("changes nothing here", place=Place(field=_options((name,))), found=value, remedy=why)


def _options(names: tuple[str, ...]) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)


def estimate_of_samples(
    known: "Catalogue",
    model: "Sampled",
    global_batch: int,
    cluster: "Cluster",
    layout: "SampleLayout | TableLayout",
    *,
    explain: bool,
    as_json: bool,
) -> None:
    """One training step on standard output."""
    from polysilicon.performance.explain_samples import explain_samples
    from polysilicon.performance.sample_training import estimate_samples
    from polysilicon.report.samples import sample_training

    if explain:
        answer_tree(explain_samples(known, model, global_batch, cluster, layout), as_json=as_json)
        return
    made = estimate_samples(known, model, global_batch, cluster, layout)
    answer(made.to_dict, lambda: sample_training(made), as_json=as_json)


def answer_of_case(known: "Catalogue", case: "Case") -> dict[str, Any]:
    """What `--cases` says of a row of a model that works on samples."""
    from polysilicon.performance.sample_training import estimate_samples
    from polysilicon.validation.sample_cases import prepare

    one = prepare(known, case)
    told: dict[str, Any] = {"status": one.status, "why": one.why}
    if one.model is None or one.cluster is None:
        return told
    made = estimate_samples(known, one.model, int(one.global_batch), one.cluster, one.layout)
    figures = {
        "step_time_s": made.step_s.value,
        "low": made.step_s.low,
        "high": made.step_s.high,
        "samples_per_s": made.samples_per_s.value,
        "peak_mem_gib": made.memory_gib,
        "fits": made.fits,
        "unvalidated": made.unvalidated,
    }
    return figures | told
