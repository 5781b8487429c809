"""`polysilicon estimate serve` and `polysilicon search serve`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from polysilicon.cli.options import Cases, Explain, Facts, Json, Out, answer, answer_tree, catalogue, sane

if TYPE_CHECKING:
    from polysilicon.facts import Catalogue
    from polysilicon.performance.serving import Layout
    from polysilicon.workloads import Serving

Chip = Annotated[str | None, Parameter(name=["--chip", "--system"])]
Engine = Annotated[
    Literal["vllm", "sglang", "trtllm", "mindie"],
    Parameter(name="--engine", help="The serving software whose overheads are taken."),
]


@Parameter(name="*")
@dataclass(frozen=True)
class Demand:
    """What is asked of the deployment.

    Attributes
    ----------
    input_
        Tokens of a prompt.
    output
        Tokens of an answer.
    ttft_ms
        Target for the time to the first token.
    tpot_ms
        Target for the time of each later token.
    """

    input_: Annotated[int | None, Parameter(name="--input")] = None
    output: int | None = None
    ttft_ms: float | None = None
    tpot_ms: float | None = None

    def task(self) -> "Serving":
        """The serving task.

        Raises:
            InputError: a length is not said, or absurd.
        """
        from polysilicon.cli.cases import required
        from polysilicon.workloads import Serving

        required({"--input": self.input_, "--output": self.output})
        sane(input=self.input_, output=self.output)
        return Serving(
            input_tokens=self.input_ or 0, output_tokens=self.output or 0, ttft_ms=self.ttft_ms, tpot_ms=self.tpot_ms
        )


@Parameter(name="*")
@dataclass(frozen=True)
class Replica:
    """One replica of the model.

    Attributes
    ----------
    chip
        A chip or a system of the catalogue.
    tp
        Tensor-parallel degree.
    pp
        Pipeline stages.
    attn_dp
        Replicas of attention that share the experts of one replica of the model.
    ep
        Chips that the experts are spread over.
    precision
        Of the weights; as the model was published where it is not given.
    draft_tokens
        Tokens proposed ahead in each pass (speculative decoding).
    acceptance
        The chance that one of them is accepted; that of a published prediction module where it is not given.
    """

    chip: Chip = None
    tp: int = 1
    pp: int = 1
    attn_dp: int = 1
    ep: int = 1
    precision: str | None = None
    draft_tokens: int = 0
    acceptance: float | None = None

    def layout(self, known: "Catalogue", published: str) -> "Layout":
        """Its layout; `published` is the precision of the weights as they are published.

        Raises:
            InputError: a degree or chance is absurd, or an acceptance of nothing drafted is given.
        """
        from polysilicon.facts.money import Assumption
        from polysilicon.performance.serving import Layout
        from polysilicon.records.errors import InputError, Place

        sane(tp=self.tp, pp=self.pp, attn_dp=self.attn_dp, ep=self.ep)
        if self.acceptance is not None and not self.draft_tokens:
            place = Place(field="--acceptance")
            raise InputError("changes nothing: no token is drafted ahead", place=place, remedy="add --draft-tokens 1")
        chance = self.acceptance
        if chance is None:
            chance = known.get(Assumption, "mtp-acceptance").value if self.draft_tokens else 0.0
        precision = self.precision or published
        return Layout(self.tp, self.pp, self.attn_dp, self.ep, precision, self.draft_tokens, chance)


_DEMAND, _REPLICA = Demand(), Replica()


def estimate(
    model: str | None = None,
    /,
    *,
    replica: Replica = _REPLICA,
    demand: Demand = _DEMAND,
    concurrency: float | None = None,
    engine: Engine = "vllm",
    facts: Facts = None,
    cases: Cases = None,
    out: Out = None,
    explain: Explain = False,
    json: Json = False,
) -> None:
    """Estimate one deployment.

    Parameters
    ----------
    model
        A model of the catalogue (`polysilicon facts list model`), or the path of a config.json.
    concurrency
        Requests in flight; the most that fits and keeps the targets where it is not given.
    """
    from polysilicon.cli.cases import for_a_table, required
    from polysilicon.performance.cluster import Cluster
    from polysilicon.performance.serving import estimate_serving, explain_serving
    from polysilicon.report.estimate import serving
    from polysilicon.workloads import transformer

    for_a_table(cases, out, model, "MODEL")
    known = catalogue(facts)
    if cases is not None:
        _table(known, cases, out, as_json=json)
        return
    required({"MODEL": model, "--chip": replica.chip})
    task, described = demand.task(), transformer(known, model or "")
    layout = replica.layout(known, described.precision)
    question = (known, described, task, Cluster.from_catalogue(known, replica.chip or "", layout.chips), layout)
    made = estimate_serving(*question, concurrency=concurrency, engine=engine)
    if explain:
        answer_tree(explain_serving(*question, concurrency=made.concurrency, engine=engine), as_json=json)
    else:
        answer(made.to_dict, lambda: serving(made), as_json=json)


def search(
    model: str | None = None,
    /,
    *,
    chip: Annotated[list[str] | None, Parameter(name=["--chip", "--system"])] = None,
    chips: int = 8,
    demand: Demand = _DEMAND,
    precision: Annotated[list[str] | None, Parameter(name="--precision")] = None,
    engine: Engine = "vllm",
    top: int = 10,
    facts: Facts = None,
    cases: Cases = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Try every deployment of at most so many chips.

    Parameters
    ----------
    model
        A model of the catalogue, or the path of a config.json.
    chip
        A chip or a system; give the option again to compare several.
    chips
        The most chips of one replica.
    precision
        Formats of the weights that may be used; as published where none is given.
    top
        How many of the best are shown.
    """
    from polysilicon.cli.cases import for_a_table, required
    from polysilicon.cli.searches import servings
    from polysilicon.performance.cluster import Cluster
    from polysilicon.performance.serving import search_serving
    from polysilicon.report.estimate import serving_search
    from polysilicon.workloads import transformer

    sane(chips=chips, top=top)
    for_a_table(cases, out, model, "MODEL")
    known = catalogue(facts)
    if cases is not None:
        servings(known, engine, precision, cases, out, as_json=json)
        return
    required({"MODEL": model, "--chip": chip})
    task = demand.task()
    clusters = [Cluster.from_catalogue(known, one, chips) for one in chip or ()]
    described = transformer(known, model or "")
    found = search_serving(known, described, task, clusters, precisions=precision, engine=engine, top=top)
    answer(found.to_dict, lambda: serving_search(found), as_json=json)


FIGURES = ("ttft_ms", "tpot_ms", "tokens_per_s_per_chip")
ANSWERS = (
    *("case_id", "model", "chip_id"),
    *(f"{name}{end}" for name in FIGURES for end in ("", "_low", "_high")),
    *("memory_gib", "fits", "status", "why"),
)


def _table(known: "Catalogue", cases: Path, out: Path | None, *, as_json: bool) -> None:
    """Every row of a table of serving cases; the columns are those of `validate serving`."""
    from polysilicon.cli.cases import publish
    from polysilicon.performance.serving_table import WAYS
    from polysilicon.records.document import read_csv
    from polysilicon.records.errors import InputError, Place
    from polysilicon.validation.serving_cases import Question, read
    from polysilicon.validation.serving_figures import figures

    rows = [row for _, row in read_csv(cases)]
    if not rows:
        raise InputError("holds no rows", place=Place(str(cases)))
    if "model" not in rows[0]:
        raise InputError("has no column 'model'", place=Place(str(cases), 1), found=list(rows[0]))
    asked = [read(known, row) for row in rows]
    answers: dict[int, dict[str, Any]] = {}
    for way in WAYS:
        some = [(at, one) for at, one in enumerate(asked) if isinstance(one, Question) and one.way == way]
        if some:
            found = figures([one for _, one in some])
            answers |= {at: _answer(one, found, row) for row, (at, one) in enumerate(some)}
    told = [
        {"case_id": row.get("case_id") or f"line {at + 2}", "model": row.get("model"), "chip_id": row.get("chip_id")}
        | (answers[at] if isinstance(one, Question) else {"status": one.status, "why": one.why})
        for at, (row, one) in enumerate(zip(rows, asked, strict=True))
    ]
    publish(told, ANSWERS, out, as_json=as_json)


def _answer(question: Any, figures: Any, at: int) -> dict[str, Any]:
    import numpy as np

    from polysilicon.performance.serving_table import bound
    from polysilicon.records.units import GIB

    def one(values: Any) -> float:
        return float(np.ravel(values)[at])

    answer: dict[str, Any] = {"status": "ok", "why": "", "fits": bool(one(figures.fits))}
    if not answer["fits"]:
        return answer | {"status": "implausible", "why": "weights and one sequence do not fit in memory"}
    for name, short in zip(FIGURES, ("ttft", "tpot", "tps"), strict=True):
        low, high = bound(question.asked.efficiency, short, question.way)
        value = one(getattr(figures, name))
        answer |= {name: value, f"{name}_low": low * value, f"{name}_high": high * value}
    return answer | {"memory_gib": one(figures.memory_bytes) / GIB}
