"""`polysilicon search split`: prompts read on some chips, answers decoded on others."""

from typing import Annotated

from cyclopts import Parameter

from polysilicon.cli.options import Facts, Json, Whole, answer, asked_by, catalogue, sane
from polysilicon.cli.serve import OPTIONS, Cache, Demand, Engine

_DEMAND = Demand()


def search(
    model: str,
    /,
    *,
    chip: Annotated[list[str], Parameter(name=["--chip", "--system"])],
    chips: Whole = 8,
    demand: Demand = _DEMAND,
    link_gbs: float | None = None,
    precision: Annotated[list[str] | None, Parameter(name="--precision")] = None,
    kv_precision: Cache = "auto",
    engine: Engine = "vllm",
    facts: Facts = None,
    json: Json = False,
) -> None:
    """Read prompts on one kind of worker and decode on another: which, how many of each, and what is gained.

    Parameters
    ----------
    model
        A model of the catalogue, or the path of a config.json.
    chip
        A chip or a system; give the option again, and each may do either part.
    chips
        The most chips of one worker.
    link_gbs
        Bandwidth that a prompt's cache crosses between two workers with; by default that of their chips' own networks.
    precision
        Formats of the weights that may be used; as the model's name says, else as published, where none is given.
    """
    from polysilicon.performance.cluster import Cluster
    from polysilicon.performance.serving import search_split
    from polysilicon.report.split import split_search
    from polysilicon.workloads import transformer

    sane(chips=chips)
    known, task = catalogue(facts), demand.task()
    clusters = [Cluster.from_catalogue(known, one, chips) for one in dict.fromkeys(chip)]
    formats = list(dict.fromkeys(precision or ()))
    with asked_by(OPTIONS):
        found = search_split(
            known,
            transformer(known, model),
            task,
            clusters,
            precisions=formats,
            engine=engine,
            cache=kv_precision,
            link_gbs=link_gbs,
        )
    answer(found.to_dict, lambda: split_search(found), as_json=json)
