"""The options that say what a search of training layouts varies, and what is wanted of it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from cyclopts import Parameter

from polysilicon.cli.options import SPACE, Whole, needs, sane, within
from polysilicon.cli.train_layout import Context, Recompute, Schedule, Zero, word
from polysilicon.cli.train_recipe import Where, known_precision, one_precision

if TYPE_CHECKING:
    from polysilicon.performance.space import Space

EVERY = "all"
DEGREES = ("tp", "pp", "cp", "ep", "expert_tp", "micro_batch", "interleave")
OFFLOADS = ("offload_optimizer", "offload_activations", "offload_weights")
SHARES = ("recomputed_share", *OFFLOADS)
# The stages of ZeRO that split anything.
SPLITTING = (1, 2, 3)
# What `Space` calls the choices that are plural there.
PLURAL = {"recomputed_share": "recomputed_shares"}


@Parameter(name="*", group=SPACE)
@dataclass(frozen=True)
class Vary:
    """What is varied, and what is wanted of it. An option of a layout may be given again to allow several values.

    Attributes
    ----------
    by
        What makes a layout the best: time of a step, cost (chip-seconds, or rent where --chip names several), energy.
    top
        How many of the best are shown.
    front
        Also the layouts that no other equals or beats in time, memory and energy at once.
    vary
        The common choices of a layout, or all: partial recomputation, sharding groups, zero-bubble schedules,
        context parallelism, experts' own tensor degree. An option below narrows either; offload is tried where it asks.
    precision
        Of the matrix products; bf16, or the recipe's, where it is not given. May be given again, as all below may.
    recompute
        Which activations may be computed again; none or all of a layer where it is not given.
    recomputed_share
        Only these shares of the layers that full recomputation covers.
    tp
        Only these tensor-parallel degrees.
    pp
        Only so many pipeline stages.
    cp
        Only these context-parallel degrees.
    ep
        Only these expert-parallel degrees.
    expert_tp
        Only these tensor-parallel degrees of the experts.
    micro_batch
        Only so many sequences of one replica at a time.
    interleave
        Only so many virtual stages, where there is a pipeline.
    schedule
        Only these schedules, where there is a pipeline.
    context
        Only these ways to share attention over context-parallel ranks.
    zero
        Only these ZeRO stages, where there are replicas; 2 and 3 without a pipeline.
    shard
        Only so many replicas in a ZeRO group, where there are replicas; 0 is all of them.
    offload_optimizer
        Only these shares of the optimizer's states in host memory, if the hosts have room for them.
    offload_activations
        Only these shares of the activations in host memory.
    offload_weights
        Only these shares of the weights in host memory.
    """

    by: Literal["time", "cost", "energy"] = "time"
    top: Whole = 10
    front: Annotated[bool, Parameter(show_default=False)] = False
    vary: Literal["common", "all"] = "common"
    precision: tuple[str, ...] = ()
    recompute: tuple[Recompute, ...] = ()
    recomputed_share: tuple[float, ...] = ()
    tp: tuple[Whole, ...] = ()
    pp: tuple[Whole, ...] = ()
    cp: tuple[Whole, ...] = ()
    ep: tuple[Whole, ...] = ()
    expert_tp: tuple[Whole, ...] = ()
    micro_batch: tuple[Whole, ...] = ()
    interleave: tuple[Whole, ...] = ()
    schedule: tuple[Schedule, ...] = ()
    context: tuple[Context, ...] = ()
    zero: Annotated[tuple[Zero, ...], Parameter(name=["--zero", "--zero-stage"])] = ()
    shard: tuple[Whole, ...] = ()
    offload_optimizer: tuple[float, ...] = ()
    offload_activations: tuple[float, ...] = ()
    offload_weights: tuple[float, ...] = ()

    @property
    def cuts_context(self) -> bool:
        """Whether any layout may cut the sequence."""
        return max(self.cp, default=1) > 1 or (not self.cp and self.vary == EVERY)

    def where(self, sequence: int, *, experts: bool) -> Where:
        """What of the job options of the recipe can rest on; `experts` says whether the model has any."""
        from polysilicon.performance.space import Space

        recompute: tuple[str, ...] = self.recompute or tuple(
            get_args(Recompute) if self.vary == EVERY else Space.recompute
        )
        sharded, owned = (not self.zero or stage in self.zero for stage in (3, 1))
        spread, staged = experts and self.ep != (1,), self.pp != (1,)
        return Where(experts, spread, self.cuts_context, staged, sharded, owned, recompute, self.precision, sequence)

    def space(self, forward: str | None = None, *, experts: bool = True) -> "Space":
        """What the search varies; `forward` is the precision of a published recipe.

        Raises:
            InputError: a precision that nobody knows or the recipe contradicts, an absurd count, or an option that
                changes nothing.
        """
        from polysilicon.performance.space import Space

        self._check()
        needs((bool(self.expert_tp) and not experts, "--expert-tp", "a model with experts"))
        for one in self.precision:
            known_precision("precision", one)
        precisions = self.precision if len(self.precision) > 1 and forward is None else None
        asked: dict[str, Any] = {
            PLURAL.get(name, name): values for name in (*DEGREES, *SHARES) if (values := getattr(self, name))
        }
        if self.schedule:
            asked["schedules"] = tuple(map(word, self.schedule))
        if self.context:
            asked["contexts"] = tuple(map(word, self.context))
        if self.zero or self.shard:
            asked["zero_stages"] = self.zero or SPLITTING
        asked |= {"shards": self.shard} if self.shard else {}
        # Whether a host has room is the user's to know, so nothing is offloaded that was not asked for.
        asked |= {name: (0.0,) for name in OFFLOADS if not getattr(self, name)}
        asked |= {"recompute": self.recompute} if self.recompute else {}
        asked["precisions"] = precisions or (one_precision(next(iter(self.precision), None), forward),)
        return (Space.wide if self.vary == EVERY else Space)(**asked)

    def _check(self) -> None:
        """No count or share is absurd, and no option changes nothing.

        Raises:
            InputError: otherwise.
        """
        sane(top=self.top)
        needs((self.zero == (0,) and bool(self.shard), "--shard", "--zero 1, 2 or 3"))
        for name in DEGREES:
            for one in getattr(self, name):
                sane(**{name: one})
        for name in SHARES:
            for one in getattr(self, name):
                within(0, 1, **{name: one})
        for one in self.shard:
            within(0, 10_000_000, shard=one)
        needs(
            (bool(self.context) and not self.cuts_context, "--context", "--cp above 1, or --vary all"),
            (
                bool(self.recomputed_share and self.recompute) and "full" not in self.recompute,
                "--recomputed-share",
                "--recompute full",
            ),
            (self.pp == (1,) and "zero-bubble" in self.schedule, "--schedule", "--pp above 1"),
            (self.pp == (1,) and max(self.interleave, default=1) > 1, "--interleave", "--pp above 1"),
            (
                min(self.zero, default=0) > 1 and min(self.pp, default=1) > 1,
                "--zero",
                "--pp 1: in a pipeline a search splits the optimizer's states alone (--zero 1)",
            ),
        )
