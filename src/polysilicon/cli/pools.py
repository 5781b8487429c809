"""`polysilicon estimate pools`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from polysilicon.cli.options import Explain, Facts, Json, Whole, answer, answer_tree, catalogue, needs, sane

if TYPE_CHECKING:
    from polysilicon.facts import Catalogue
    from polysilicon.performance.pools import Link, Pool
    from polysilicon.workloads import Training

BOTH = "both"
WRITTEN = "CHIP:COUNT, then :NAME=VALUE,... for degrees or figures of your own, each once"


@Parameter(name="*")
@dataclass(frozen=True)
class Job:
    """What is trained, on which pools.

    Attributes
    ----------
    pool
        A pool as CHIP:COUNT, a chip or system of the catalogue; give the option again for each. More may follow, as in
        CHIP:COUNT:tp=8,memory_gb=768: degrees of its layout (tp, pp, cp, ep, micro_batch), or figures of its chip
        that no record states.
    global_batch
        Sequences of one step, of all pools together.
    sequence
        Tokens of one sequence.
    precision
        Of the matrix products of all pools.
    split
        What is shared out: sequences of a batch (data), layers of the model (layers), or the better of both.
    """

    pool: Annotated[tuple[str, ...], Parameter(show_default=False)] = ()
    global_batch: Whole | None = None
    sequence: Whole = 4096
    precision: str = "bf16"
    split: Literal["data", "layers", "both"] = "both"

    def task(self) -> "Training":
        """The job.

        Raises:
            InputError: an absurd count.
        """
        from polysilicon.workloads import Training

        sane(global_batch=self.global_batch, sequence=self.sequence)
        return Training(sequence_length=self.sequence, global_batch=self.global_batch or 0)

    def pools(self, known: "Catalogue") -> "list[Pool]":
        """The pools.

        Raises:
            InputError: one is unknown, absurd or not written as it should be; names the option.
        """
        from polysilicon.performance.pools import pool
        from polysilicon.performance.values import PRECISIONS
        from polysilicon.records.errors import InputError, Place

        if self.precision not in PRECISIONS:
            raise InputError(
                "is no precision", place=Place(field="--precision"), found=self.precision, allowed=PRECISIONS
            )
        made = []
        for words in self.pool:
            name, chips, said = _read(words)
            try:
                made.append(pool(known, name, chips, said, self.precision))
            except InputError as refusal:
                raise refusal.at(Place(field="--pool")) from refusal
        return made


@Parameter(name="*")
@dataclass(frozen=True)
class Between:
    """What joins the pools.

    Attributes
    ----------
    link_gbs
        Bandwidth of the link between two pools, GB/s in one direction, all of it together.
    link_ms
        Latency of the link, one way.
    every
        Reduce gradients over the link after so many steps (split by data only). More than 1 is local SGD: another
        algorithm, whose loss after as many steps is another.
    """

    link_gbs: float | None = None
    link_ms: float | None = None
    every: Whole = 1

    def link(self) -> "Link":
        """The link.

        Raises:
            InputError: a figure is missing or can't be meant.
        """
        from polysilicon.performance.pools import Link

        return Link(self.link_gbs or 0.0, -1.0 if self.link_ms is None else self.link_ms, self.every)


_JOB, _BETWEEN = Job(), Between()


def estimate(
    model: str | None = None,
    /,
    *,
    job: Job = _JOB,
    between: Between = _BETWEEN,
    facts: Facts = None,
    explain: Explain = False,
    json: Json = False,
) -> None:
    """Split one training job over unequal pools, by data and by layers, beside each pool alone.

    Parameters
    ----------
    model
        A model of the catalogue (`polysilicon facts list model`), or the path of a config.json.
    """
    from polysilicon.performance.mixing import estimate_pools
    from polysilicon.performance.pool_explain import explain_split
    from polysilicon.performance.pool_splits import SPLITS
    from polysilicon.report.pools import mixing
    from polysilicon.workloads import describe

    _given({"MODEL": model, "--pool": job.pool, "--global-batch": job.global_batch})
    _given({"--link-gbs": between.link_gbs, "--link-ms": between.link_ms})
    needs((between.every > 1 and job.split == "layers", "--every", "--split data: layers cross the link every step"))
    known = catalogue(facts)
    task, link = job.task(), between.link()
    by = SPLITS if job.split == BOTH else tuple(one for one in SPLITS if one == job.split)
    made = estimate_pools(known, describe(known, model or ""), task, job.pools(known), link, by)
    if explain and made.splits:
        answer_tree(explain_split(made.splits[0], link), as_json=json)
        return
    answer(made.to_dict, lambda: mixing(made), as_json=json)


def _given(options: dict[str, object]) -> None:
    """Every option is given.

    Raises:
        InputError: one is missing.
    """
    from polysilicon.records.errors import InputError

    for name, value in options.items():
        if value is None or value in ("", ()):
            raise InputError(f"{name} is missing", remedy="`polysilicon estimate pools --help` shows an example")


def _read(words: str) -> tuple[str, int, dict[str, float]]:
    """Chip, count, and what else is said of a pool.

    Raises:
        InputError: it is not written so.
    """
    from polysilicon.records.errors import InputError, Place

    name, _, rest = words.partition(":")
    count, _, more = rest.partition(":")
    pairs = [one.partition("=") for one in more.split(",") if one.strip()]
    said = {key.strip(): value for key, _, value in pairs}
    try:
        if len(said) < len(pairs):
            raise ValueError("one of them twice")
        return name.strip(), int(count), {key: float(value) for key, value in said.items()}
    except ValueError as cause:
        raise InputError(
            "is no pool", place=Place(field="--pool"), found=words, allowed=WRITTEN, remedy="for example a-chip:64"
        ) from cause
