"""The options that say what is trained, in which precision, and what the software does: the recipe of a job."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from polysilicon.cli.options import RECIPE, SOFTWARE, Whole, needs, within

if TYPE_CHECKING:
    from polysilicon.facts import Catalogue
    from polysilicon.performance.cluster import Cluster
    from polysilicon.performance.recipe import Recipe

BYTES = ("weight_bytes", "gradient_bytes", "reduce_bytes", "optimizer_bytes", "shard_bytes", "logit_bytes")
# Switches of the recipe that bear its own names.
SWITCHES = (
    "attention_adapters",
    "sparse",
    "dropout",
    "kept_boundaries",
    "whole_tensors",
    "by_operator",
    "feed_forward_again",
    "lean_recompute",
    "narrow_weights",
    "narrow_activations",
)
PRECISIONS = ("backward_precision", "attention_precision")
HIDDEN = {"none": 0.0, "full": 1.0}
Flag = Annotated[bool, Parameter(show_default=False)]


@Parameter(name="*", group=RECIPE)
@dataclass(frozen=True)
class Means:
    """What is trained, and in which precision.

    Attributes
    ----------
    recipe
        A published recipe of the catalogue (`polysilicon facts list recipe`): precisions and bytes of every tensor.
    backward_precision
        Of the products of the backward pass; that of the forward pass where it is not given.
    attention_precision
        Of attention proper; bf16, or that of wider products, where it is not given.
    frozen
        The weights stay fixed and adapters are trained beside them (LoRA).
    adapter_share
        Size of the adapters as a share of the weights; the usual one where it is not given.
    attention_adapters
        Adapters lie beside attention's products alone, so that feed-forward blocks need not keep what they take in.
    sparse
        Weights are pruned two of four.
    weight_bytes
        Bytes of a working weight.
    gradient_bytes
        Bytes of an accumulated gradient.
    reduce_bytes
        Bytes of a gradient on the wire.
    optimizer_bytes
        Bytes of master copy and moments, a weight.
    shard_bytes
        Bytes of a working weight that stays beside the master copy where ZeRO splits the weights; none if not given.
    logit_bytes
        Bytes of a logit, with what loss and its gradient keep of it.
    dropout
        Residuals pass dropout, whose masks are kept.
    kept_boundaries
        Pipeline stages keep what they sent, and room for its gradients (PyTorch's own pipelines, as in torchtitan).
    whole_tensors
        ZeRO 1 gives whole tensors to owners, who send their weights on one after another (InternEvo, PyTorch's
        ZeroRedundancyOptimizer).
    by_operator
        Selective recomputation covers every second product, beside attention's scores.
    feed_forward_again
        Selective recomputation covers feed-forward blocks, and experts, too.
    lean_recompute
        Layers that run again stop at what gradients need: the last product is left out (PyTorch from 2.1 on where
        checkpoints are not reentrant, MindSpore, compilers; always so on TPUs).
    predicted_ahead
        Tokens beyond the next that are predicted, each by a layer and a head more (multi-token prediction); MFU and
        the time of gradients and optimizer count without them.
    sample_tokens
        Tokens of a sample where several are packed into a sequence and attend only within themselves; the whole
        sequence where it is not given. MFU counts attention within samples.
    narrow_weights
        No copy of the weights in 16 bits stays beside those of a narrow precision.
    narrow_activations
        The inputs of activations (SwiGLU, GELU) are kept in 8 bits (Megatron's activation_func_fp8_input_store).
    imbalance
        Rows of the busiest expert-parallel rank over the mean; 1 is perfect routing.
    capacity_factor
        Experts take at most so many times the mean, padded and dropped; dropless where it is not given.
    """

    recipe: str | None = None
    backward_precision: str | None = None
    attention_precision: str | None = None
    frozen: Flag = False
    adapter_share: float | None = None
    attention_adapters: Flag = False
    sparse: Flag = False
    weight_bytes: float | None = None
    gradient_bytes: float | None = None
    reduce_bytes: float | None = None
    optimizer_bytes: float | None = None
    shard_bytes: float | None = None
    logit_bytes: float | None = None
    dropout: Flag = False
    kept_boundaries: Flag = False
    whole_tensors: Flag = False
    by_operator: Flag = False
    feed_forward_again: Flag = False
    lean_recompute: Flag = False
    predicted_ahead: Whole = 0
    sample_tokens: Whole | None = None
    narrow_weights: Flag = False
    narrow_activations: Flag = False
    imbalance: float = 1.0
    capacity_factor: float | None = None


@Parameter(name="*", group=SOFTWARE)
@dataclass(frozen=True)
class Software:
    """What the software does.

    Attributes
    ----------
    overlap
        How much communication hides behind compute: as measured software does, none, or all that can.
    dual_batch
        Two micro-batches at once hide each other's expert traffic (DualPipe).
    sent_once
        A token goes once to each chip, and once to each node, with experts that it chose (DeepEP, HybridEP).
    collectives
        The algorithm of collectives; auto is the fastest that the network offers.
    unfused_attention
        Attention writes its scores to memory (before FlashAttention).
    unbalanced_context
        Slices of a causal sequence are dealt out in order, so that the last sets the pace.
    graphs
        Captured graphs launch the kernels.
    whole_graphs
        One captured graph holds the whole step, so that no host waits to know how many tokens each expert got.
    blocking
        Every launch waits for the device, so that nothing overlaps (CUDA_LAUNCH_BLOCKING).
    vendor_kernels
        Fully sharded (ZeRO 3) on GPUs with the vendor's kernels (Transformer Engine, Megatron-FSDP).
    vendor_tuned
        The run is tuned as the chip's vendor tunes its own.
    software
        When the software is from, YYYY or YYYY-MM: young software on a young chip is slower. Mature if not given, and
        on TPUs.
    """

    overlap: Literal["measured", "none", "full"] = "measured"
    dual_batch: Flag = False
    sent_once: Flag = False
    collectives: Literal["hierarchical", "ring", "tree", "in-network", "auto"] = "hierarchical"
    unfused_attention: Flag = False
    unbalanced_context: Flag = False
    graphs: Flag = False
    whole_graphs: Flag = False
    blocking: Flag = False
    vendor_kernels: Flag = False
    vendor_tuned: Flag = False
    software: str | None = None


@dataclass(frozen=True)
class Where:
    """What of a job some options need.

    That the model has experts, that these are spread over ranks, that the sequence is cut, that there are pipeline
    stages, that weights are split (ZeRO 3) or the optimizer's states alone (ZeRO 1); how much may be recomputed; the
    precisions that are asked for; and the tokens of a sequence.
    """

    experts: bool
    spread: bool
    context: bool
    stages: bool
    sharded: bool
    owned: bool
    recompute: tuple[str, ...]
    precisions: tuple[str, ...]
    sequence: int

    def narrow(self, forward: str | None) -> bool:
        """Whether any product runs in fewer than 16 bits; `forward` is the precision of a published recipe."""
        from polysilicon.performance.values import BYTES_PER_ELEMENT

        return any(BYTES_PER_ELEMENT.get(one, 2.0) < 2.0 for one in (*self.precisions, forward or "bf16"))


def recipe_for(
    known: "Catalogue", means: Means, software: Software, cluster: "Cluster | None", where: Where
) -> "tuple[str | None, Recipe]":
    """The forward precision, where a published recipe says it, and the recipe; no cluster: several are compared.

    Raises:
        InputError: no recipe is called so, an amount is absurd, an option changes nothing, or the chip gains nothing
            from what is asked.
    """
    from dataclasses import replace

    from polysilicon.performance.collectives import ALGORITHMS
    from polysilicon.performance.recipe import OVERLAPS, Recipe, recipe_of

    forward, made = (None, Recipe()) if means.recipe is None else recipe_of(known, _called(known, means.recipe))
    _refuse_absurd(means)
    needs(
        (means.narrow_weights and not where.narrow(forward), "--narrow-weights", "a precision of 8 bits or fewer"),
        (means.adapter_share is not None and not (means.frozen or made.frozen), "--adapter-share", "--frozen"),
        (means.attention_adapters and not (means.frozen or made.frozen), "--attention-adapters", "--frozen"),
        (means.whole_tensors and bool(means.frozen or made.frozen), "--whole-tensors", "weights that are trained"),
    )
    _refuse_idle(means, software, cluster, where)
    changes: dict[str, float] = {name: value for name in BYTES if (value := getattr(means, name)) is not None}
    for name in PRECISIONS:
        asked = getattr(means, name)
        if asked is not None:
            changes[name] = float(known_precision(name, asked))
            if cluster is not None:
                cluster.peak(asked)
    if means.frozen or means.adapter_share is not None:
        changes |= {"frozen": 1.0, "adapter_share": _adapter_share(known, means)}
    changes |= dict.fromkeys(OVERLAPS if software.overlap in HIDDEN else (), HIDDEN.get(software.overlap, 0.0))
    if software.dual_batch:
        changes["expert_hidden"] = 1.0
    changes |= {name: float(getattr(means, name)) for name in SWITCHES} | {"imbalance": means.imbalance}
    changes |= {} if means.sample_tokens is None else {"sample_tokens": float(means.sample_tokens)}
    changes |= {"capacity_factor": means.capacity_factor or 0.0, "dual_batch": float(software.dual_batch)}
    changes |= {"sent_once": float(software.sent_once), "predicted_ahead": float(means.predicted_ahead)}
    changes |= {"graphs": float(software.graphs or software.whole_graphs), "blocking": float(software.blocking)}
    changes["whole_graphs"] = float(software.whole_graphs)
    changes["vendor_tuned"] = float(software.vendor_tuned)
    changes |= {"tuned_attention": 1.0} if software.vendor_kernels else {}
    changes |= {"fused_attention": float(not software.unfused_attention)}
    changes |= {"balanced_context": float(not software.unbalanced_context)}
    changes |= {"algorithm": float(ALGORITHMS.index(software.collectives.replace("-", "_")))}
    if software.software is not None and cluster is not None:
        changes["software_years"] = _years(known, cluster.chip, software.software)
    return forward, replace(made, **changes)


def known_precision(option: str, asked: str) -> int:
    """The place of a precision among those there are.

    Raises:
        InputError: nobody knows it.
    """
    from polysilicon.performance.values import PRECISIONS as KNOWN
    from polysilicon.records.errors import InputError, Place
    from polysilicon.records.names import nearest

    if asked not in KNOWN:
        place = Place(field=f"--{option.replace('_', '-')}")
        raise InputError("is no precision", place=place, found=asked, allowed=KNOWN, nearest=nearest(asked, KNOWN, 1))
    return KNOWN.index(asked)


def one_precision(asked: str | None, forward: str | None) -> str:
    """The precision of the products, from an option, else from a published recipe, else bf16.

    Raises:
        InputError: both say one, and they differ; or nobody knows it.
    """
    from polysilicon.records.errors import InputError, Place

    if asked is not None:
        known_precision("precision", asked)
    if asked is not None and forward is not None and asked != forward:
        raise InputError(
            "differs from that of the recipe",
            place=Place(field="--precision"),
            found=asked,
            allowed=forward,
            remedy="leave it out, or leave out --recipe",
        )
    return asked or forward or "bf16"


def _called(known: "Catalogue", name: str) -> str:
    """A recipe's name that the catalogue knows.

    Raises:
        InputError: no recipe is called so; names those there are.
    """
    from polysilicon.facts.recipes import TrainingRecipe
    from polysilicon.records.errors import InputError, Place

    names = known.ids(TrainingRecipe)
    if name not in names and name not in known.names(TrainingRecipe):
        raise InputError("is no recipe", place=Place(field="--recipe"), found=name, allowed=names)
    return name


def _refuse_absurd(means: Means) -> None:
    within(0.01, 32, **{name: getattr(means, name) for name in BYTES})
    within(1, 1000, imbalance=means.imbalance)
    within(0, 16, predicted_ahead=means.predicted_ahead)
    within(0.01, 1000, capacity_factor=means.capacity_factor)
    within(1, 10**9, sample_tokens=means.sample_tokens)
    within(1e-6, 1, adapter_share=means.adapter_share)


def _refuse_idle(means: Means, software: Software, cluster: "Cluster | None", where: Where) -> None:
    """Every option changes something.

    Raises:
        InputError: one does not.
    """
    import numpy as np

    gains = cluster is None or bool(np.all(np.asarray(cluster.sparse_gain) > 1.0))
    chip = cluster.chip if cluster is not None else ""
    on_gpu = cluster is None or cluster.device_class == "gpu"
    on_tpu = cluster is not None and cluster.device_class == "tpu"
    packed = means.sample_tokens is not None
    whole = packed and (means.sample_tokens or 0) >= where.sequence
    spread = "a model with experts, and --ep above 1"
    needs(
        (means.imbalance != 1.0 and not where.spread, "--imbalance", spread),
        (means.capacity_factor is not None and not where.experts, "--capacity-factor", "a model with experts"),
        (software.dual_batch and not where.spread, "--dual-batch", spread),
        (software.sent_once and not where.spread, "--sent-once", spread),
        (software.dual_batch and software.overlap == "none", "--dual-batch", "--overlap measured or full"),
        (software.dual_batch and software.blocking, "--dual-batch", "no --blocking"),
        (software.blocking and software.overlap == "full", "--blocking", "--overlap measured or none"),
        (
            means.feed_forward_again and "selective" not in where.recompute,
            "--feed-forward-again",
            "--recompute selective",
        ),
        (means.by_operator and "selective" not in where.recompute, "--by-operator", "--recompute selective"),
        (means.by_operator and means.feed_forward_again, "--by-operator", "no --feed-forward-again"),
        (software.unbalanced_context and not where.context, "--unbalanced-context", "--cp above 1"),
        (means.kept_boundaries and not where.stages, "--kept-boundaries", "--pp above 1"),
        (means.whole_tensors and not where.owned, "--whole-tensors", "--zero 1"),
        (means.lean_recompute and "full" not in where.recompute, "--lean-recompute", "--recompute full"),
        (means.lean_recompute and where.experts, "--lean-recompute", "a model without experts"),
        (means.lean_recompute and on_tpu, "--lean-recompute", "a chip that is no TPU: compilers of theirs are lean"),
        (software.vendor_kernels and not (where.sharded and on_gpu), "--vendor-kernels", "--zero 3 on GPUs"),
        (whole, "--sample-tokens", "fewer tokens than --sequence"),
        (packed and software.unfused_attention, "--sample-tokens", "no --unfused-attention"),
        (means.sparse and not gains, "--sparse", f"a chip that gains from it, and no source says so of {chip}"),
        (software.software is not None and cluster is None, "--software", "one system in --chip"),
        (software.software is not None and on_tpu, "--software", "a chip that is no TPU: theirs is mature at once"),
    )


def _adapter_share(known: "Catalogue", means: Means) -> float:
    from polysilicon.facts.money import Assumption

    return means.adapter_share or known.get(Assumption, "lora-adapter-share").value


def _years(known: "Catalogue", chip_id: str, asked: str) -> float:
    """Years from the chip's release to the software's.

    Raises:
        InputError: no such date, no release is known, or the software is older than the chip.
    """
    from polysilicon.facts.hardware import Chip
    from polysilicon.records.errors import InputError, Place

    place = Place(field="--software")
    written = re.fullmatch(r"(\d{4})(?:-(0[1-9]|1[0-2]))?", asked)
    if written is None:
        raise InputError("is no year or month", place=place, found=asked, allowed="YYYY or YYYY-MM")
    released = known.get(Chip, chip_id).available
    if released is None:
        raise InputError(f"is counted from the release of {chip_id}, which no source gives", place=place, found=asked)
    years = float(written[1]) - float(released[:4])
    if written[2] and len(released) >= 7:
        years += (float(written[2]) - float(released[5:7])) / 12.0
    if years < 0.0:
        raise InputError(f"is before {chip_id} was released", place=place, found=asked, allowed=f"{released} or later")
    return years
