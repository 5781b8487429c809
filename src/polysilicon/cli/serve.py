"""`polysilicon estimate serve` and `polysilicon search serve`."""

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from polysilicon.cli.network import Network
from polysilicon.cli.options import (
    Cases,
    Explain,
    Facts,
    Json,
    Out,
    Whole,
    answer,
    answer_tree,
    asked_by,
    catalogue,
    needs,
    sane,
    within,
)
from polysilicon.cli.serve_samples import Queries, TablesIn, estimate_of_samples, refuse

if TYPE_CHECKING:
    from polysilicon.facts import Catalogue
    from polysilicon.performance.cluster import Cluster
    from polysilicon.performance.round_trip import RoundTrip
    from polysilicon.performance.serving import Layout
    from polysilicon.workloads import Serving
    from polysilicon.workloads.model import Transformer

Chip = Annotated[str | None, Parameter(name=["--chip", "--system"])]
Engine = Annotated[
    Literal["vllm", "sglang", "trtllm", "mindie", "mlperf"],
    Parameter(
        name="--engine",
        help="The serving software whose overheads are taken; mlperf is TensorRT-LLM without a server before it.",
    ),
]

Cache = Annotated[
    Literal["auto", "bf16", "fp8"],
    Parameter(name="--kv-precision", help="Of cached keys and values; auto is what the engine keeps by itself."),
]

# The option that says each field of the estimator's question.
OPTIONS = {
    "tp": "--tp",
    "pp": "--pp",
    "attn_dp": "--attn-dp",
    "ep": "--ep",
    "precision": "--precision",
    "cache": "--kv-precision",
    "draft_tokens": "--draft-tokens",
    "acceptance": "--acceptance",
    "concurrency": "--concurrency",
}
# Larger ones bound nothing: a target of twelve days, more requests than people could send.
MOST_TARGET_MS = MOST_REQUESTS_PER_S = 1_000_000_000


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

    input_: Annotated[Whole | None, Parameter(name="--input")] = None
    output: Whole | None = None
    ttft_ms: float | None = None
    tpot_ms: float | None = None

    def task(self, round_trip_ms: float = 0.0) -> "Serving":
        """The serving task, the network's part of the first token in it.

        Raises:
            InputError: a length is not said, or a length or target is absurd.
        """
        from polysilicon.cli.cases import required
        from polysilicon.workloads import Serving

        required({"--input": self.input_, "--output": self.output})
        sane(input=self.input_, output=self.output)
        within(1e-6, MOST_TARGET_MS, ttft_ms=self.ttft_ms, tpot_ms=self.tpot_ms)
        return Serving(
            input_tokens=self.input_ or 0,
            output_tokens=self.output or 0,
            ttft_ms=self.ttft_ms,
            tpot_ms=self.tpot_ms,
            round_trip_ms=round_trip_ms,
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
        Of the weights; where it is not given, as the name of a language model says (`...-NVFP4`), else as published.
    draft_tokens
        Tokens proposed ahead in each pass (speculative decoding).
    acceptance
        The chance that one of them is accepted; that of a published prediction module where it is not given.
    """

    chip: Chip = None
    tp: Whole = 1
    pp: Whole = 1
    attn_dp: Whole = 1
    ep: Whole = 1
    precision: str | None = None
    draft_tokens: Whole = 0
    acceptance: float | None = None
    kv_precision: Cache = "auto"

    def layout(self, known: "Catalogue", published: str) -> "Layout":
        """Its layout; `published` is the precision of the weights where none is given.

        Raises:
            InputError: a degree or chance is absurd, or an acceptance of nothing drafted is given.
        """
        from polysilicon.performance.serving_candidates import MOST_DEGREE, MOST_DRAFTED, Layout
        from polysilicon.performance.serving_layouts import published_acceptance
        from polysilicon.records.errors import InputError, Place

        within(1, MOST_DEGREE, tp=self.tp, pp=self.pp, attn_dp=self.attn_dp, ep=self.ep)
        within(0, MOST_DRAFTED, draft_tokens=self.draft_tokens)
        within(0, 1, acceptance=self.acceptance)
        if self.acceptance is not None and not self.draft_tokens:
            place = Place(field="--acceptance")
            raise InputError("changes nothing: no token is drafted ahead", place=place, remedy="add --draft-tokens 1")
        chance = self.acceptance
        if chance is None:
            chance = published_acceptance(known, self.draft_tokens)
        precision = self.precision or published
        degrees = self.tp, self.pp, self.attn_dp, self.ep
        return Layout(*degrees, precision, self.draft_tokens, chance, self.kv_precision)


@Parameter(name="*")
@dataclass(frozen=True)
class Tails:
    """Targets for nearly all requests instead of for their mean.

    Attributes
    ----------
    percentile
        Of 100 requests that arrive at random, so many are to keep each target (99, say): the best deployments are then
        replayed at rate after rate.
    equal_lengths
        With --percentile: every request has the lengths given, which otherwise are means.
    """

    percentile: float | None = None
    equal_lengths: Annotated[bool, Parameter(negative="")] = False


_DEMAND, _REPLICA, _QUERIES, _TABLES, _NETWORK = Demand(), Replica(), Queries(), TablesIn(), Network()
_TAILS = Tails()


def estimate(
    model: str | None = None,
    /,
    *,
    replica: Replica = _REPLICA,
    demand: Demand = _DEMAND,
    concurrency: float | None = None,
    engine: Engine = "vllm",
    queries: Queries = _QUERIES,
    tables: TablesIn = _TABLES,
    network: Network = _NETWORK,
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
    from polysilicon.cli.cases import for_a_table, refuse_beside, required
    from polysilicon.cli.serve_cases import table
    from polysilicon.cli.train_layout import differing
    from polysilicon.performance.cluster import Cluster
    from polysilicon.performance.serving import estimate_serving, explain_serving
    from polysilicon.report.estimate import serving
    from polysilicon.workloads import Transformer, describe

    for_a_table(cases, out, model, "MODEL")
    known = catalogue(facts)
    if cases is not None:
        said = differing(replica, demand, queries, tables, network)
        refuse_beside(said + ["--concurrency"] * (concurrency is not None) + ["--engine"] * (engine != "vllm"))
        needs((explain, "--explain", "one deployment, not --cases"))
        table(known, cases, out, as_json=json)
        return
    required({"MODEL": model, "--chip": replica.chip})
    described, trip = describe(known, model or ""), network.trip(known)
    if not isinstance(described, Transformer):
        refuse(_of_tokens(replica, demand, concurrency, engine), f"{described.name} works on samples")
        of_samples = (known, described, replica.chip or "", queries, tables, replica.precision, trip)
        estimate_of_samples(*of_samples, explain=explain, as_json=json)
        return
    refuse(differing(queries, tables), f"{described.name} is a transformer, told in tokens")
    task = demand.task(trip.ms.value if trip else 0.0)
    with asked_by(OPTIONS):
        layout = replica.layout(known, described.asked_precision)
        question = (known, described, task, Cluster.from_catalogue(known, replica.chip or "", layout.chips), layout)
        made = estimate_serving(*question, concurrency=concurrency, engine=engine)
    if explain:
        answer_tree(explain_serving(*question, concurrency=made.concurrency, engine=engine), as_json=json)
    else:
        answer(lambda: _beside(made.to_dict(), trip), lambda: serving(made, trip), as_json=json)


def _of_tokens(replica: Replica, demand: Demand, concurrency: float | None, engine: str) -> list[str]:
    """The options given that only a model of tokens takes."""
    from polysilicon.cli.train_layout import differing

    said = [one for one in differing(replica, demand) if one not in ("--chip", "--precision")]
    return said + ["--concurrency"] * (concurrency is not None) + ["--engine"] * (engine != "vllm")


def _beside(plain: dict[str, Any], trip: "RoundTrip | None") -> dict[str, Any]:
    """An answer with the round trip and where it comes from, where one is counted."""
    from dataclasses import asdict

    return plain | ({"round_trip": asdict(trip)} if trip else {})


def search(
    model: str | None = None,
    /,
    *,
    chip: Annotated[list[str] | None, Parameter(name=["--chip", "--system"])] = None,
    chips: Whole = 8,
    demand: Demand = _DEMAND,
    tails: Tails = _TAILS,
    requests_per_s: float | None = None,
    precision: Annotated[list[str] | None, Parameter(name="--precision")] = None,
    kv_precision: Cache = "auto",
    engine: Engine = "vllm",
    top: Whole = 10,
    network: Network = _NETWORK,
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
        A chip or a system; give the option again to compare several, or `all` for every chip that ships.
    chips
        The most chips of one replica.
    requests_per_s
        What is to be answered; tables then say how many replicas and chips that takes.
    precision
        Formats of the weights that may be used; as the model's name says, else as published, where none is given.
    top
        How many of the best are shown.
    """
    from polysilicon.cli.cases import for_a_table, refuse_beside, required
    from polysilicon.cli.searches import servings
    from polysilicon.cli.train_layout import differing
    from polysilicon.performance.serving import search_serving
    from polysilicon.report.estimate import serving_search
    from polysilicon.workloads import transformer

    sane(chips=chips, top=top)
    for_a_table(cases, out, model, "MODEL")
    known = catalogue(facts)
    if cases is not None:
        refuse_beside([*["--chip"] * (chip is not None), *["--chips"] * (chips != 8), *differing(demand, network)])
        alone = {"--requests-per-s": requests_per_s is not None, "--top": top != 10}
        alone |= dict.fromkeys(differing(tails), True)
        needs(*((given, option, "one search, not --cases") for option, given in alone.items()))
        servings(known, engine, precision, kv_precision, cases, out, as_json=json)
        return
    required({"MODEL": model, "--chip": chip})
    within(1e-6, MOST_REQUESTS_PER_S, requests_per_s=requests_per_s)
    trip = network.trip(known)
    task = replace(demand.task(trip.ms.value if trip else 0.0), requests_per_s=requests_per_s)
    clusters = _clusters(known, chip or [], chips)
    described = transformer(known, model or "")
    allowed: dict[str, Any] = {
        "precisions": list(dict.fromkeys(precision or ())),
        "engine": engine,
        "cache": kv_precision,
        "top": top,
    }
    needs((tails.equal_lengths and tails.percentile is None, "--equal-lengths", "--percentile"))
    if tails.percentile is not None:
        _within_percentile(known, described, task, clusters, tails, allowed, trip, as_json=json)
        return
    with asked_by(OPTIONS):
        found = search_serving(known, described, task, clusters, **allowed)
    answer(lambda: _beside(found.to_dict(), trip), lambda: serving_search(found, trip), as_json=json)


def _within_percentile(
    known: "Catalogue",
    model: "Transformer",
    task: "Serving",
    clusters: "list[Cluster]",
    tails: Tails,
    allowed: dict[str, Any],
    trip: "RoundTrip | None",
    *,
    as_json: bool,
) -> None:
    """The search for deployments whose slowest requests keep the targets, with a bar while it replays."""
    from polysilicon.cli.progress import shown
    from polysilicon.performance.serving import search_tails
    from polysilicon.report.estimate import tail_search

    checked = replace(task, percentile=_percentile(tails.percentile or 0.0, task))
    with shown("replaying") as progress, asked_by(OPTIONS):
        found = search_tails(known, model, checked, clusters, equal=tails.equal_lengths, progress=progress, **allowed)
    answer(lambda: _beside(found.to_dict(), trip), lambda: tail_search(found), as_json=as_json)


def _percentile(percentile: float, task: "Serving") -> float:
    """A percentile that can be asked for, with a target that it is of.

    Raises:
        InputError: it is none, or there is no target.
    """
    from polysilicon.records.errors import InputError, Place

    place = Place(field="--percentile")
    if not 0 < percentile < 100:
        raise InputError("not a percentile", place=place, found=percentile, allowed="above 0, below 100")
    if task.ttft_ms is None and (task.tpot_ms is None or task.output_tokens == 1):
        raise InputError("changes nothing: there is no target", place=place, remedy="add --ttft-ms or --tpot-ms")
    return percentile


def _clusters(known: "Catalogue", names: list[str], chips: int) -> "list[Cluster]":
    """What is named, each once, or every chip that ships; chips without a needed figure are told."""
    from polysilicon.performance.cluster import Cluster, every_cluster
    from polysilicon.records.errors import InputError, Place

    if "all" not in names:
        # By what they mean: a chip may be named by its id and again by an alias.
        named = [Cluster.within_reach(known, one, chips) for one in names]
        distinct = list({(one.system, one.chip): one for one in named}.values())
        for one in distinct:
            if float(one.chips) < chips:
                joined = f"no network beyond {one.chips:g} chips is known: replicas of at most so many are tried"
                print(f"{one.system or one.chip}: {joined}", file=sys.stderr)
        return distinct
    if len(names) > 1:
        raise InputError("`all` stands alone", place=Place(field="--chip"), found=", ".join(names))
    found, left = every_cluster(known, chips)
    lacking = f"the records of {len(left)} others lack a figure that it takes"
    print(f"{len(found)} chips that ship are compared; {lacking}", file=sys.stderr)
    return found
