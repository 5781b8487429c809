"""Rows of a table of training measurements, read and turned into one table of jobs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip
from polysilicon.facts.money import Assumption
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.domain import refuse_unmodelled
from polysilicon.performance.efficiency import Efficiency, efficiency_of
from polysilicon.performance.hosts import host_of
from polysilicon.performance.job import Host, Job
from polysilicon.performance.layouts import RECOMPUTE, Layouts
from polysilicon.performance.rates import rates
from polysilicon.performance.recipe import Recipe
from polysilicon.performance.training import doubt_of, latencies_s
from polysilicon.records.errors import InputError, PolysiliconError, Unsupported
from polysilicon.validation.score import Status
from polysilicon.validation.training_recipes import disputed, filled, layout_of, recipe_of_case, samples_unsaid
from polysilicon.validation.training_table import Case
from polysilicon.validation.training_words import (
    INFERENCE,
    ONE_LAYER,
    TRAINING,
    precision_of,
    recompute_of,
)
from polysilicon.workloads.counts import Shape
from polysilicon.workloads.describe import card_of
from polysilicon.workloads.huggingface import from_config
from polysilicon.workloads.model import Transformer

DIMENSIONS = ("layers", "hidden", "heads", "kv_heads", "head_dim", "vocab")
LAYOUT = ("tp", "pp", "dp", "cp", "ep", "interleave", "micro_batch", "zero_stage")
NEEDED = ("seq_len", "global_batch", "chips", *LAYOUT)
ESSENTIAL = ("seq_len", "global_batch", "chips", "tp", "pp")


@dataclass
class Prepared:
    """A case on its way into the table of jobs, or the reason why it can't be."""

    case: Case
    status: Status = "ok"
    why: str = ""
    model: Transformer | None = None
    cluster: Cluster | None = None
    layout: dict[str, float] = field(default_factory=dict)
    recipe: dict[str, float] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @property
    def one_layer(self) -> bool:
        """Whether what was timed are the passes of the layers alone: no head, no optimizer, nothing between steps."""
        return self.case.word("phase").casefold() == ONE_LAYER

    @property
    def expressible(self) -> bool:
        """Whether a prediction can be made."""
        return self.cluster is not None and self.model is not None and bool(self.layout)


def prepare(catalogue: Catalogue, case: Case) -> Prepared:
    """The case as a job, or the reason why it can't be one. Never raises for what a row says."""
    case = filled(case)
    made = Prepared(case)
    made.status, made.why = _verdict(case)
    if made.status == "unsupported":
        return made
    try:
        made.model = _model(catalogue, case)
        missing = _missing(case, made.model)
        if made.model is None or any(one in missing for one in ESSENTIAL):
            return _lacking(made, missing)
        made.layout, made.recipe = layout_of(case, made.model.layers), recipe_of_case(catalogue, case)
        made.cluster = _cluster(catalogue, case)
        for precision in (precision_of(case.word("precision")), "bf16"):
            made.cluster.peak(precision)
    except PolysiliconError as cause:
        made.cluster, made.status, made.why = None, "unsupported", str(cause)
        return made
    contradiction = _contradiction(made.layout, made.model, case)
    if made.status == "ok" and contradiction:
        made.status, made.why = "implausible", contradiction
    return _lacking(made, missing) if missing else made


def _contradiction(layout: Mapping[str, float], model: Transformer, case: Case) -> str:
    """How a row's own figures exclude one another; empty where they don't."""
    tp, pp, dp, ep = (layout[name] for name in ("tp", "pp", "dp", "ep"))
    degrees, ranks = tp * pp * dp * layout["cp"], tp * dp * layout["cp"]
    batch, micro = case.number("global_batch") or 0.0, layout["micro_batch"]
    broken = {
        "its degrees are not whole numbers": any(
            layout[name] % 1.0 for name in ("tp", "pp", "dp", "cp", "ep", "interleave")
        ),
        f"there is no ZeRO stage {layout['zero_stage']:g}": layout["zero_stage"] not in (0.0, 1.0, 2.0, 3.0),
        f"its degrees multiply to {degrees:g}, not to its {case.word('chips')} chips": degrees != case.number("chips"),
        f"{model.heads} attention heads do not divide over tensor parallelism of {tp:g}": model.heads % tp,
        f"{model.layers} layers do not fill {pp:g} pipeline stages": pp > model.layers,
        f"{dp:g} replicas with micro-batches of {micro:g} need more than its batch of {batch:g}": dp * micro > batch,
        f"a token can't choose {model.experts_per_token} of {model.experts} experts": (
            model.experts_per_token > model.experts
        ),
        f"{model.experts} experts do not fill expert parallelism of {ep:g}": ep > max(model.experts, 1),
        f"expert parallelism of {ep:g} needs more than the {ranks:g} chips of a stage": ep > ranks,
    }
    return next((why for why, found in broken.items() if found), "")


def variants(catalogue: Catalogue, made: Prepared) -> list[Prepared]:
    """The case once for each combination of what it leaves open: recomputation, stages, micro-batch, packed samples."""
    layers = made.model.layers if made.model else 1
    depth, share = made.layout["pp"], (made.case.number("global_batch") or 1.0) / made.layout["dp"]
    choices = {
        "recompute": [0.0, float(RECOMPUTE.index("full"))],
        "interleave": sorted({1.0, layers // depth if layers % depth == 0 else 1.0}),
        "micro_batch": [one for one in (1.0, 2.0, 4.0) if one <= share] or [1.0],
    }
    names = [name for name in choices if name in made.missing]
    samples = [made.recipe["sample_tokens"]]
    if "sample_tokens" in made.missing:
        # They fill their sequence, or are as short as a question and its answer.
        samples = [np.inf, catalogue.get(Assumption, "packed-sample-tokens").value]
    return [
        replace(
            made,
            layout=made.layout | dict(zip(names, chosen, strict=True)),
            recipe=made.recipe | {"sample_tokens": tokens},
        )
        for chosen in product(*(choices[name] for name in names))
        for tokens in samples
    ]


def _lacking(made: Prepared, missing: list[str]) -> Prepared:
    made.missing = tuple(missing)
    if made.status == "ok":
        made.status = "underspecified"
        made.why = f"the row doesn't state {', '.join(missing)}"
    return made


def _verdict(case: Case) -> tuple[Status, str]:
    """What can be said of a row before any arithmetic."""
    kind, phase = case.word("kind").casefold(), case.word("phase").casefold()
    if phase in INFERENCE:
        return "unsupported", f"a {phase} measurement: `validate serving` takes those of inference"
    if phase not in TRAINING:
        return "unsupported", f"phase {phase} is not modelled yet"
    if kind not in ("", "dense", "moe", "vision"):
        return "unsupported", f"training of {kind} models is not modelled yet"
    check = case.word("check")
    if case.word("quality") == "D":
        return "implausible", "quality D: the source's figure is not possible or not conditioned"
    if check.startswith(("DISAGREE", "EXCEEDS")):
        return "implausible", f"the source's FLOP rate and its time contradict each other ({check})"
    if contradicted := disputed(case):
        return "implausible", contradicted
    return "ok", ""


@lru_cache(maxsize=1024)
def _card(catalogue: Catalogue, name: str) -> Transformer | None:
    """The published shape of a model; a name that is cut down or decorated means its parent."""
    parent = re.split(r" cut | proxy |\(|\bproxy\b", name)[0].strip()
    for candidate in dict.fromkeys((name, parent)):
        try:
            card = card_of(catalogue, candidate)
            return from_config(card.config, card.name) if card.kind == "transformer" else None
        except PolysiliconError:
            continue
    return None


def _model(catalogue: Catalogue, case: Case) -> Transformer | None:
    """The model a row describes: its own dimensions, the rest from the catalogue's card of that name.

    Raises:
        Unsupported: the training of the model of that name is not modelled.
    """
    card = _card(catalogue, case.word("model"))
    if card is not None:
        refuse_unmodelled(card)
    stated = {name: case.number(name) for name in DIMENSIONS}
    fed = case.number("ffn_hidden") or case.number("moe_ffn_hidden")
    routed = case.word("kind").casefold() != "moe" or case.number("n_experts")
    if any(value is None for value in stated.values()) or not fed or not routed:
        return card
    layers, hidden, heads, kv_heads, head_dim, vocab = (int(value or 0) for value in stated.values())
    if min(layers, hidden, heads, kv_heads, head_dim, vocab) < 1:
        raise InputError("a dimension of the model is below one", allowed="whole numbers of at least 1")
    experts = int(case.number("n_experts") or 0)
    width = int(case.number("ffn_hidden") or 0)
    expert_width = int(case.number("moe_ffn_hidden") or (width if experts else 0))
    like = card if card is not None and card.hidden == hidden else None
    if like is not None and like.linear is not None:
        return _as_published(like, (layers, heads, vocab))
    shared = int(case.number("shared_experts") or 0) * expert_width
    if like is not None and experts:
        shared = like.shared_hidden
    return Transformer(
        name=case.word("model"),
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        vocab=vocab,
        ffn_hidden=width,
        gated=like.gated if like and case.number("gated_mlp") is None else case.number("gated_mlp") != 0.0,
        tied_embeddings=case.number("tied_embeddings") == 1.0,
        experts=experts,
        experts_per_token=int(case.number("topk") or 0),
        expert_hidden=expert_width,
        shared_hidden=shared,
        dense_layers=min(like.dense_layers, layers) if like and like.layers == layers else 0,
        latent=like.latent if like else None,
        window=like.window if like else 0,
        windowed_layers=round(like.windowed_layers * layers / like.layers) if like else 0,
    )


def _as_published(card: Transformer, stated: tuple[int, int, int]) -> Transformer:
    """The card of a model with layers that keep a state, of which no column says which they are.

    Raises:
        Unsupported: the row's layers, heads or vocabulary are others than the card's.
    """
    layers, heads, vocab = stated
    listed = card.softmax_layers + card.linear_layers + card.layers  # where the file lists blocks one by one
    if layers not in (card.layers, listed) or (heads, vocab) != (card.heads, card.vocab):
        raise Unsupported(f"a cut-down {card.name}: no column says which of its layers keep a state")
    return card


def _missing(case: Case, model: Transformer | None) -> list[str]:
    """The columns a prediction needs and the row doesn't state."""
    missing = [name for name in NEEDED if case.number(name) is None]
    missing = [name for name in missing if not _follows(name, case, model)]
    if model is None:
        shape = (*DIMENSIONS, "ffn_hidden", *(["n_experts"] if case.word("kind").casefold() == "moe" else []))
        missing = [name for name in shape if case.number(name) is None] + missing
    if not recompute_of(case.word("recompute")):
        missing.append("recompute")
    if not case.word("precision"):
        missing.append("precision")
    if samples_unsaid(case):
        missing.append("sample_tokens")
    return missing


def _follows(name: str, case: Case, model: Transformer | None) -> bool:
    """Whether an empty cell has only one possible value, given the others."""
    stated = {one for one in ("chips", "tp", "pp", "cp") if case.number(one) is not None}
    replicas = case.number("dp")
    if replicas is None and len(stated) == 4:
        degrees = [case.number(one) or 1.0 for one in ("tp", "pp", "cp")]
        replicas = (case.number("chips") or 1.0) / float(np.prod(degrees))
    only_choice = {
        "dp": replicas is not None,
        "ep": model is not None and not model.experts,
        "interleave": case.number("pp") == 1.0,
        "micro_batch": replicas is not None and replicas == case.number("global_batch"),
        "zero_stage": replicas == 1.0 and case.number("cp") == 1.0,
    }
    return only_choice.get(name, False)


def _cluster(catalogue: Catalogue, case: Case) -> Cluster:
    chip = case.word("chip_id") or case.word("chip")
    return cluster_of(
        catalogue,
        catalogue.get(Chip, chip).id,
        case.number("chips") or 1.0,
        case.number("scaleup_domain"),
        case.number("node_size"),
        _nic_gbps(case),
    )


@lru_cache(maxsize=2048)
def cluster_of(
    catalogue: Catalogue, chip: str, chips: float, domain: float | None, node: float | None, nic_gbps: float | None
) -> Cluster:
    """A cluster with what a row says of its network in place of the catalogue's figures."""
    stated = {"scaleup_domain": domain, "chips": node, "scaleout_nic_gbps": nic_gbps}
    overrides = {name: value for name, value in stated.items() if value is not None}
    return Cluster.from_catalogue(catalogue, chip, chips, overrides)


def _nic_gbps(case: Case) -> float | None:
    """Network bandwidth of one chip, where the row's words state that of its node."""
    text, node = case.word("interconnect"), case.number("node_size") or 8.0
    whole = re.match(r"(\d+) Gbps/node", text)
    if whole:
        return float(whole[1]) / node
    cards = re.search(r"(\d+)x\s?(?:Omni-Path )?(\d+)\s?G", text)
    return float(cards[1]) * float(cards[2]) / node or None if cards else None


def doubtful(made: Sequence[Prepared]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Whether the time of each case rests on low-confidence figures of its chip, as `doubt_of` tells them."""
    told = [
        doubt_of(one.cluster, one.layout["precision"], one.recipe["attention_precision"]) if one.cluster else (0.0, 0.0)
        for one in made
    ]
    paced, other = np.array(told).reshape(-1, 2).T
    return paced, other


def hosts_of(catalogue: Catalogue, clusters: Sequence[Cluster]) -> Host:
    """The hosts of many clusters as columns."""
    own = {chip: host_of(catalogue, chip) for chip in {one.chip for one in clusters}}
    links, updates = (
        np.array([getattr(own[one.chip], name) for one in clusters], float)
        for name in ("link_bytes_per_s", "update_bytes_per_s")
    )
    return Host(links, updates)


def jobs_of(catalogue: Catalogue, made: Sequence[Prepared]) -> tuple[Job, Cluster, Efficiency]:
    """One table of jobs from expressible cases."""
    models = [one.model for one in made if one.model is not None]
    cluster = Cluster.stack([one.cluster for one in made if one.cluster is not None])
    efficiency = Efficiency.stack(
        [efficiency_of(catalogue, one.cluster.chip, "training") for one in made if one.cluster]
    )
    layouts = Layouts(**{name: np.array([one.layout[name] for one in made]) for name in made[0].layout})
    recipe = Recipe(**{name: np.array([one.recipe[name] for one in made]) for name in made[0].recipe})
    job = Job(
        shape=Shape.stack(models),
        sequence=np.array([one.case.number("seq_len") or 0.0 for one in made]),
        global_batch=np.array([one.case.number("global_batch") or 0.0 for one in made]),
        layouts=layouts,
        recipe=recipe,
        rates=rates(cluster, efficiency, layouts, recipe, latencies_s(catalogue)),
        efficiency=efficiency,
        node_size=cluster.node_size,
        host=hosts_of(catalogue, [one.cluster for one in made if one.cluster is not None]),
    )
    return job, cluster, efficiency
