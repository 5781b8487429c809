"""`polysilicon estimate serve` of models whose unit is a sample: recommenders, image models and encoders."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from cyclopts import Group, Parameter

from polysilicon.cli.options import TABLES, Whole, answer, answer_tree, sane

if TYPE_CHECKING:
    from polysilicon.facts import Catalogue
    from polysilicon.performance.round_trip import RoundTrip
    from polysilicon.workloads.samples import Sampled

QUERIES = Group("Recommenders, image models, encoders", sort_key=6)


@Parameter(name="*", group=QUERIES)
@dataclass(frozen=True)
class Queries:
    """What is asked of a model that works on samples.

    Attributes
    ----------
    latency_ms
        What the percentile of queries must stay within, the network included; without it batches run full.
    percentile
        Which share of the queries, in per cent.
    requests_per_s
        Queries a second of all replicas together: how many chips answer them?
    candidates
        Samples that a query of a recommender ranks.
    chips
        Chips that share a recommender's tables.
    """

    latency_ms: float | None = None
    percentile: float = 99.0
    requests_per_s: float | None = None
    candidates: Whole = 1
    chips: Whole = 1


@Parameter(name="*", group=TABLES)
@dataclass(frozen=True)
class TablesIn:
    """Where embedding tables lie, and how fast they are read.

    Attributes
    ----------
    tables
        In the memory of the chips, of their hosts, or in CXL memory of the hosts.
    hbm_hits
        Share of the look-ups that rows kept in the chips' memory answer, 0 to 1.
    host_gbs
        Bandwidth of host memory for one chip; the catalogue's assumption where it is not given.
    host_link_gbs
        Bandwidth of the link between host and chip, one direction; the same.
    cxl_gbs
        Bandwidth of CXL memory for one chip; no record states it.
    """

    tables: Literal["hbm", "host", "cxl"] = "hbm"
    hbm_hits: float | None = None
    host_gbs: float | None = None
    host_link_gbs: float | None = None
    cxl_gbs: float | None = None

    def idle(self) -> None:
        """No option is given that the place of the tables leaves without effect.

        Raises:
            InputError: one is.
        """
        from polysilicon.cli.options import needs

        near = self.tables == "hbm"
        needs(
            (near and self.hbm_hits is not None, "--hbm-hits", "--tables host or cxl"),
            (near and self.host_link_gbs is not None, "--host-link-gbs", "--tables host or cxl"),
            (self.tables != "host" and self.host_gbs is not None, "--host-gbs", "--tables host"),
            (self.tables != "cxl" and self.cxl_gbs is not None, "--cxl-gbs", "--tables cxl"),
        )


def refuse(options: Iterable[str], why: str) -> None:
    """Options that change nothing for a model.

    Raises:
        InputError: one is given.
    """
    from polysilicon.records.errors import InputError, Place

    for option in options:
        raise InputError("changes nothing here", place=Place(field=option), remedy=why)


def estimate_of_samples(
    known: "Catalogue",
    model: "Sampled",
    chip: str,
    queries: Queries,
    tables: TablesIn,
    precision: str | None,
    trip: "RoundTrip | None",
    *,
    explain: bool,
    as_json: bool,
) -> None:
    """The most queries a second within the bound, on standard output.

    Raises:
        InputError: an option is given that changes nothing for the model, or is senseless.
        NothingFits: the model does not fit, or no batch keeps the bound.
    """
    from polysilicon.cli.options import needs
    from polysilicon.cli.train_layout import differing
    from polysilicon.performance.cluster import Cluster
    from polysilicon.performance.explain_sample_serving import explain_sample_serving
    from polysilicon.performance.sample_answer import Demand
    from polysilicon.performance.sample_serving import estimate_sample_serving
    from polysilicon.performance.table_places import Tables
    from polysilicon.report.samples import sample_serving
    from polysilicon.workloads.model import Recommender

    sane(chips=queries.chips, candidates=queries.candidates)
    unbound = queries.latency_ms is None and "--percentile" in differing(queries)
    needs((unbound, "--percentile", "--latency-ms, which so many of the queries are to keep"))
    lie = None
    if isinstance(model, Recommender):
        tables.idle()
        lie = Tables(tables.tables, tables.hbm_hits, tables.host_gbs, tables.host_link_gbs, tables.cxl_gbs)
    else:
        refuse(differing(tables), f"{model.name} has no embedding tables")
        ranked = ["--candidates"] * (queries.candidates != 1) + ["--chips"] * (queries.chips != 1)
        refuse(ranked, f"{model.name} runs on each chip alone, a sample a query")
    demand = Demand(queries.latency_ms, queries.percentile, queries.requests_per_s, queries.candidates)
    cluster = Cluster.from_catalogue(known, chip, queries.chips)
    more: dict[str, Any] = {"tables": lie, "precision": precision or "bf16", "round_trip": trip}
    if explain:
        answer_tree(explain_sample_serving(known, model, demand, cluster, **more), as_json=as_json)
        return
    made = estimate_sample_serving(known, model, demand, cluster, **more)
    answer(made.to_dict, lambda: sample_serving(made), as_json=as_json)
