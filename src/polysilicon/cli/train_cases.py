"""`estimate train` asked for every row of a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polysilicon.cli.train_run import Keep
    from polysilicon.facts import Catalogue
    from polysilicon.performance.layouts import Layouts
    from polysilicon.performance.recipe import Recipe
    from polysilicon.performance.run import Upkeep
    from polysilicon.performance.training import TrainingEstimate
    from polysilicon.validation.training_cases import Prepared

# Columns that `validate training` does not read, in the words of the options; a row that fills one is asked alone.
CHOSEN = {"schedule": "1f1b", "context": "ring"}
NUMBERS = ("shard", "expert_tp", "recomputed_share", "offload_optimizer", "offload_activations", "offload_weights")
# How a column says which end of the 90 % interval it is.
ENDS = {"": "value", "_low": "low", "_high": "high"}
OWN = (*CHOSEN, *NUMBERS, "recipe", "tokens")
# The column that says what an option says; the others have none.
COLUMN_OF = {
    **{f"--{name}": name for name in ("chips", "tp", "pp", "cp", "ep", "dp", "interleave", "recompute", "precision")},
    **{f"--{name.replace('_', '-')}": name for name in ("global_batch", "micro_batch", *OWN)},
    "--chip": "chip_id",
    "--sequence": "seq_len",
    "--zero": "zero_stage",
    "--sequence-parallel": "seq_parallel",
}
RUN = tuple(f"{name}{end}" for name in ("days", "goodput_pct", "chip_hours", "energy_mwh") for end in ENDS)
ANSWERS = (
    *("case_id", "model", "chip_id", "step_time_s", "low", "high", "tokens_per_s_per_chip", "mfu_pct"),
    *("samples_per_s", "peak_mem_gib", "fits", "unvalidated", *RUN, "outside", "status", "why"),
)


def refuse_options(options: Sequence[str]) -> None:
    """A table says what its rows ask, in columns where there is one.

    Raises:
        InputError: an option is given that would be overheard; says its column, or that there is none.
    """
    from polysilicon.cli.cases import refuse_beside

    columns = {one: COLUMN_OF.get(one) for one in options}
    refuse_beside([one for one, name in columns.items() if name is None], "no column says it: ask without --cases")
    refuse_beside(options, f"say it in columns of the table: {', '.join(str(name) for name in columns.values())}")


def table(known: "Catalogue", cases: Path, out: Path | None, keep: "Keep", *, as_json: bool) -> None:
    """Every row of a table of training cases; the columns are those of `validate training`, and `OWN`.

    A run of `--tokens` is asked of the rows that state no budget of their own. Columns not read are named.

    Raises:
        InputError: the table can't be read, `out` can't be written, or a run is looked after that no row asks for.
    """
    from polysilicon.cli.cases import publish, say_unread
    from polysilicon.cli.train_samples import answer_of_case
    from polysilicon.performance.training import doubt_widening, evaluate, widened
    from polysilicon.validation.sample_cases import by_samples
    from polysilicon.validation.training_cases import Prepared, doubtful, jobs_of, prepare
    from polysilicon.validation.training_table import FLAGS, MEASURED, OTHER, WHOLE, WORDS, read_cases

    every, tokens, upkeep = read_cases(cases), keep.budget(table=True), keep.upkeep()
    if tokens is None and not any(case.word("tokens") for case in every):
        keep.refuse_idle("--tokens, or a column of tokens")
    sampled = {id(case): answer_of_case(known, case) for case in every if by_samples(known, case)}
    made = [Prepared(case) if id(case) in sampled else prepare(known, case) for case in every]
    alone = {id(one) for one in made if one.expressible and (tokens or any(one.case.word(name) for name in OWN))}
    asked = [one for one in made if one.expressible and id(one) not in alone]
    answers: dict[int, dict[str, Any]] = {}
    if asked:
        job, cluster, efficiency = jobs_of(known, asked)
        wider = widened(efficiency, job, doubtful(asked), doubt_widening(known))
        estimates = evaluate(job, cluster, efficiency, "", known.hash, wider)
        answers = {
            id(one): _figures(estimates, at) | _outside(known, one, estimates, at) for at, one in enumerate(asked)
        }
    for one in made:
        if id(one) in alone:
            answers[id(one)] = _alone(known, one, tokens, upkeep)
    rows = [
        {"case_id": one.case.id, "model": one.case.word("model"), "chip_id": _chip(one)}
        | {"status": one.status, "why": one.why}
        | answers.get(id(one), {})
        | sampled.get(id(one.case), {})
        for one in made
    ]
    columns = ANSWERS if any("days" in row for row in rows) else [name for name in ANSWERS if name not in RUN]
    publish(rows, columns, out, as_json=as_json)
    say_unread((name for case in every for name in case.words), (*WHOLE, *MEASURED, *FLAGS, *OTHER, *WORDS, *OWN))


def _chip(one: "Prepared") -> str:
    """The chip as the row names it, or as it was read where the row names it in other words."""
    return one.case.word("chip_id") or (one.cluster.chip if one.cluster is not None else "")


def _figures(estimates: "TrainingEstimate", at: int) -> dict[str, Any]:
    from polysilicon.records.units import GIB

    return {
        "step_time_s": _one(estimates.step_s, estimates, at),
        "low": _one(estimates.low_s, estimates, at),
        "high": _one(estimates.high_s, estimates, at),
        "tokens_per_s_per_chip": _one(estimates.tokens_per_s_per_chip, estimates, at),
        "mfu_pct": _one(estimates.mfu_pct, estimates, at),
        "peak_mem_gib": _one(estimates.memory.memory_bytes, estimates, at) / GIB,
        "fits": bool(_one(estimates.fits, estimates, at)),
    }


def _one(values: Any, estimates: "TrainingEstimate", at: int) -> float:
    import numpy as np

    return float(np.broadcast_to(values, len(estimates))[at])


def _outside(known: "Catalogue", one: "Prepared", estimates: "TrainingEstimate", at: int) -> dict[str, Any]:
    """Why a row lies outside what was validated."""
    import numpy as np

    from polysilicon.performance.domain import Asked, outside, simplified
    from polysilicon.performance.layouts import Layouts
    from polysilicon.performance.recipe import Recipe
    from polysilicon.workloads.counts import Shape

    assert one.model is not None and one.cluster is not None  # noqa: S101, PT018 - only asked for expressible rows
    layouts = Layouts(**{name: np.array([value]) for name, value in one.layout.items()})
    sequence = int(one.case.number("seq_len") or 0)
    told = simplified(one.model, sequence)
    asked = Asked(Shape.of(one.model), float(sequence), layouts, Recipe(**one.recipe), told)
    return {"outside": "; ".join(outside(known, one.cluster.chip, asked, _one(estimates.mfu_pct, estimates, at))[0])}


def _alone(known: "Catalogue", one: "Prepared", tokens: float | None, upkeep: "Upkeep") -> dict[str, Any]:
    """A row that says more than `validate training` reads, or of which a whole run is asked."""
    from polysilicon.cli.train_run import amount
    from polysilicon.performance.run import run_training
    from polysilicon.performance.training import estimate_training
    from polysilicon.records.errors import PolysiliconError
    from polysilicon.workloads import Training

    assert one.model is not None and one.cluster is not None  # noqa: S101, PT018 - only asked for expressible rows
    said = one.case.word("tokens")
    try:
        layouts, recipe = _own(known, one)
        budget = amount("tokens", said) if said else tokens
        sequence, batch = (int(one.case.number(name) or 0) for name in ("seq_len", "global_batch"))
        task = Training(sequence, batch, budget)
        made = estimate_training(known, one.model, task, one.cluster, layouts, recipe)
        found = _figures(made, 0) | {"outside": "; ".join(made.outside[0])}
        if budget is not None:
            found |= _whole(run_training(known, one.model, task, made, recipe, upkeep).to_dict())
    except PolysiliconError as refusal:
        return {"status": "unsupported", "why": str(refusal)} if one.status == "ok" else {}
    return found


def _own(known: "Catalogue", one: "Prepared") -> "tuple[Layouts, Recipe]":
    """Layout and recipe of a row, with what its own columns say of them.

    Raises:
        InputError: a cell is no number, or no choice there is.
        UnknownName: no recipe is called so.
    """
    from polysilicon.performance.layouts import CHOICES, Layouts
    from polysilicon.performance.recipe import Recipe, recipe_of
    from polysilicon.performance.values import PRECISIONS

    layout, recipe, words = dict(one.layout), Recipe(**one.recipe), one.case.word
    recompute, precision = CHOICES["recompute"][int(layout.pop("recompute"))], PRECISIONS[int(layout.pop("precision"))]
    if words("recipe"):
        # What the row leaves at its neutral value is the published recipe's to say.
        said = {name: value for name, value in one.recipe.items() if value != getattr(Recipe(), name)}
        precision, recipe = recipe_of(known, words("recipe"), **said)
    layout |= {name: _number(name, words(name)) for name in NUMBERS if words(name)}
    usual = CHOSEN | {"schedule": CHOICES["schedule"][int(layout.pop("schedule"))]}
    schedule, context = ((words(name) or one).replace("-", "_") for name, one in usual.items())
    made = Layouts.one(recompute=recompute, precision=precision, schedule=schedule, context=context, **layout)
    return made, recipe


def _number(name: str, said: str) -> float:
    """A cell as a number.

    Raises:
        InputError: it is none.
    """
    from polysilicon.records.errors import InputError, Place

    try:
        return float(said)
    except ValueError as cause:
        raise InputError("is no number", place=Place(field=name), found=said) from cause


def _whole(run: dict[str, Any]) -> dict[str, Any]:
    """A run as columns."""
    from polysilicon.records.units import S_PER_DAY

    columns = [("days", "wall_s", 1.0 / S_PER_DAY), ("goodput_pct", "goodput_share", 100.0)]
    columns += [("chip_hours", "chip_hours", 1.0), ("energy_mwh", "energy_mwh", 1.0)]
    return {f"{name}{end}": factor * run[own][key] for name, own, factor in columns for end, key in ENDS.items()}
