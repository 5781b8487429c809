"""The options that say how one training job is cut over its chips, and what it keeps in their memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from polysilicon.cli.options import LAYOUT, MEMORY, Whole, needs, sane, within

if TYPE_CHECKING:
    from cyclopts import Token

    from polysilicon.performance.layouts import Layouts

Recompute = Literal["none", "selective", "full"]
Schedule = Literal["1f1b", "zero-bubble"]
Context = Literal["ring", "all-to-all"]


def _stage(_: type, tokens: "Sequence[Token]") -> int:
    """A stage as typed. The parser alone would take 1.5 for 2.

    Raises:
        InputError: there is no such stage.
    """
    from polysilicon.records.errors import InputError, Place

    token = tokens[0]
    if token.value not in ("0", "1", "2", "3"):
        place = Place(field=token.keyword)
        raise InputError("is no stage of ZeRO", place=place, found=token.value, allowed=["0", "1", "2", "3"])
    return int(token.value)


Zero = Annotated[Literal[0, 1, 2, 3], Parameter(converter=_stage)]
DEGREES = ("tp", "pp", "cp", "ep", "interleave")
SHARES = ("recomputed_share", "offload_optimizer", "offload_activations", "offload_weights")


@Parameter(name="*", group=LAYOUT)
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
    expert_tp
        Tensor-parallel degree of the experts; as --tp where it is not given.
    dp
        Data-parallel degree; what the other degrees leave of the chips where it is not given.
    micro_batch
        Sequences of one replica at a time. Not given: 1, or of samples the most that fits.
    interleave
        Virtual stages of one pipeline rank.
    schedule
        Of the pipeline; zero-bubble is ZB-H1.
    context
        How context-parallel ranks share attention: by a ring, or by all-to-alls (Ulysses).
    zero
        ZeRO stage: what is split over the replicas (3 is FSDP). Not given: 1, or for samples the least that fits.
    shard
        Replicas that ZeRO splits states over (HSDP); all of them where it is not given.
    sequence_parallel
        Split norms and residuals over the tensor-parallel ranks.
    """

    tp: Whole = 1
    pp: Whole = 1
    cp: Whole = 1
    ep: Whole = 1
    expert_tp: Whole | None = None
    dp: Whole | None = None
    micro_batch: Whole | None = None
    interleave: Whole = 1
    schedule: Schedule = "1f1b"
    context: Context = "ring"
    zero: Annotated[Zero | None, Parameter(name=["--zero", "--zero-stage"])] = None
    shard: Whole | None = None
    sequence_parallel: Annotated[
        bool, Parameter(name=["--sequence-parallel", "--seq-parallel"], show_default=False)
    ] = False


@Parameter(name="*", group=MEMORY)
@dataclass(frozen=True)
class Kept:
    """What is kept on the chips.

    Attributes
    ----------
    recompute
        Which activations are computed again.
    recomputed_share
        Share of the layers that full recomputation covers, 0 to 1.
    offload_optimizer
        Share of the optimizer's states in host memory, 0 to 1.
    offload_activations
        Share of the activations in host memory, 0 to 1.
    offload_weights
        Share of the weights in host memory, 0 to 1.
    """

    recompute: Recompute = "none"
    recomputed_share: float = 1.0
    offload_optimizer: float = 0.0
    offload_activations: float = 0.0
    offload_weights: float = 0.0


def layouts(cut: Cut, kept: Kept, precision: str, chips: int, *, experts: bool) -> "Layouts":
    """A table of this one layout.

    Raises:
        InputError: a degree or share is absurd, the chips are no multiple of them, or an option changes nothing.
    """
    from polysilicon.performance.layouts import Layouts

    degrees = {name: getattr(cut, name) for name in DEGREES}
    shares = {name: getattr(kept, name) for name in SHARES}
    sane(**degrees, dp=cut.dp, micro_batch=cut.micro_batch, expert_tp=cut.expert_tp, shard=cut.shard)
    within(0, 1, **shares)
    needs(
        (cut.schedule != "1f1b" and cut.pp == 1, "--schedule", "--pp above 1"),
        (cut.context != "ring" and cut.cp == 1, "--context", "--cp above 1"),
        (cut.sequence_parallel and cut.tp == 1, "--sequence-parallel", "--tp above 1"),
        (cut.expert_tp is not None and not experts, "--expert-tp", "a model with experts"),
        (kept.recomputed_share != 1.0 and kept.recompute != "full", "--recomputed-share", "--recompute full"),
    )
    return Layouts.one(
        recompute=kept.recompute,
        precision=precision,
        schedule=word(cut.schedule),
        context=word(cut.context),
        dp=cut.dp if cut.dp is not None else _replicas(chips, cut.tp * cut.pp * cut.cp),
        micro_batch=1 if cut.micro_batch is None else cut.micro_batch,
        zero_stage=1 if cut.zero is None else cut.zero,
        expert_tp=cut.expert_tp or 0,
        shard=cut.shard or 0,
        sequence_parallel=float(cut.sequence_parallel),
        **degrees,
        **shares,
    )


def word(option: str) -> str:
    """A choice as a command line spells it, in the estimator's spelling."""
    return option.replace("-", "_")


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


def differing(*groups: Any) -> list[str]:
    """The options of these groups that are not at their defaults, as a command line spells them."""
    plain = [type(one)() for one in groups]
    return [
        f"--{name.rstrip('_').replace('_', '-')}"
        for one, other in zip(groups, plain, strict=True)
        for name in one.__dataclass_fields__
        if getattr(one, name) != getattr(other, name)
    ]
