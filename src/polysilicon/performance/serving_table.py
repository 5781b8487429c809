"""Tables of serving candidates and their evaluation; one candidate is a table of length one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from polysilicon.performance import serving_engine as engine
from polysilicon.performance import serving_iteration as iteration
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.collectives import all_reduce_s, all_to_all_s, inside, send_s
from polysilicon.performance.efficiency import Efficiency
from polysilicon.performance.operators import gemm_s, roofline_s, streaming_s
from polysilicon.performance.serving_formats import COMPUTE_SHARE, computed_in, format_of
from polysilicon.performance.serving_model import Served
from polysilicon.performance.values import Values
from polysilicon.records.errors import InputError
from polysilicon.records.interval import Bools
from polysilicon.records.recorder import formula
from polysilicon.workloads.model import Transformer

Way = Literal["steady", "burst", "offline"]
ENGINES = ("vllm", "sglang", "trtllm", "mindie")
# Fitted for each engine: `name_engine` among the parameters.
OF_ENGINE = ("host_us", "request_us", "first_us", "eager_us", "together", "chunk_tokens")
US = 1e-6


@dataclass(frozen=True)
class Layout:
    """One replica: `tp` x `attn_dp` x `pp` chips, experts spread over `ep` of them, and the format of the weights."""

    tp: int = 1
    pp: int = 1
    attn_dp: int = 1
    ep: int = 1
    precision: str = "bf16"

    def __post_init__(self) -> None:
        for name in ("tp", "pp", "attn_dp", "ep"):
            value = getattr(self, name)
            if not isinstance(value, int) or not 1 <= value <= 4096:
                raise InputError(f"{name} must be a whole number from 1 up", found=value)

    @property
    def chips(self) -> int:
        """Chips of one replica."""
        return self.tp * self.pp * self.attn_dp


@dataclass(frozen=True)
class Asked:
    """One question: a model in a layout on a chip under a load. `concurrency` is of one replica."""

    model: Transformer
    cluster: Cluster
    efficiency: Efficiency
    layout: Layout
    engine: str
    concurrency: float
    input_tokens: float
    output_tokens: float


@dataclass(frozen=True)
class Candidates:
    """Columns, one entry a candidate; rates are achieved rates."""

    served: Served
    cluster: Cluster
    share: Mapping[str, Values]
    tp: Values
    pp: Values
    attn_dp: Values
    concurrency: Values
    input_tokens: Values
    output_tokens: Values
    dense_bytes: Values
    expert_bytes: Values
    cache_bytes: Values
    dense_flop_per_s: Values
    expert_flop_per_s: Values
    attention_flop_per_s: Values
    engine: Mapping[str, Values]

    @classmethod
    def of(cls, asked: Sequence[Asked]) -> "Candidates":
        """The table of these questions, in their order.

        Raises:
            InputError: a format is unknown, or a chip has no peak that could compute it.
        """
        formats = [format_of(one.layout.precision, one.model.experts > 0) for one in asked]
        pairs = list(zip(asked, formats, strict=True))
        column = np.array
        given = [one.efficiency.parameters for one in asked]
        # Interval ends differ from chip to chip; what the formulas take, every chip has.
        names = set.intersection(*({*one} for one in given))
        return cls(
            served=Served.stack([one.model for one in asked]),
            cluster=Cluster.stack([one.cluster for one in asked]),
            share={name: column([one[name] for one in given], float) for name in sorted(names)},
            tp=column([one.layout.tp for one in asked], float),
            pp=column([one.layout.pp for one in asked], float),
            attn_dp=column([one.layout.attn_dp for one in asked], float),
            concurrency=column([one.concurrency for one in asked], float),
            input_tokens=column([one.input_tokens for one in asked], float),
            output_tokens=column([one.output_tokens for one in asked], float),
            dense_bytes=column([form.dense_bytes for form in formats]),
            expert_bytes=column([form.expert_bytes for form in formats]),
            cache_bytes=column([form.cache_bytes for form in formats]),
            dense_flop_per_s=column([_rate(one, form.dense_compute) for one, form in pairs]),
            expert_flop_per_s=column([_rate(one, form.expert_compute) for one, form in pairs]),
            attention_flop_per_s=column([_rate(one, "bf16", "attention_compute") for one in asked]),
            engine={
                name: column([one.efficiency[f"{name}_{one.engine}"] for one in asked], float) for name in OF_ENGINE
            },
        )


@dataclass(frozen=True)
class Figures:
    """What comes out, one entry a candidate. Where `fits` is false the other figures mean nothing."""

    ttft_ms: Values
    tpot_ms: Values
    tokens_per_s_per_chip: Values
    running: Values
    memory_bytes: Values
    fits: Bools


def _rate(asked: Asked, precision: str, share: str | None = None) -> float:
    computed = computed_in(precision, asked.cluster.peak_flop_per_s)
    return float(asked.cluster.peak_flop_per_s[computed]) * float(asked.efficiency[share or COMPUTE_SHARE[computed]])


@formula
def achieved_bytes_per_s(peak_bytes_per_s: Values, share: Values) -> Values:
    """Bandwidth that real kernels reach.

    Source: Williams, Waterman, Patterson, Roofline (CACM 52(4), 2009), ceilings below the peak; fitted share.
    """
    return peak_bytes_per_s * share


def network_s(table: Candidates, tokens: Values) -> Values:
    """Time that one attention rank's `tokens` tokens spend between chips, over all layers."""
    share, cluster, shape = table.share, table.cluster, table.served.shape
    link = achieved_bytes_per_s(cluster.scaleup_bytes_per_s, share["link"])
    out = achieved_bytes_per_s(cluster.scaleout_bytes_per_s, share["link"])
    hop, far = share["hop_us"] * US, share["scaleout_hop_us"] * US
    group, one = table.tp * table.attn_dp, np.ones_like(table.tp)
    moved = iteration.activation_bytes(tokens, shape.hidden)
    near = inside(table.tp, one, cluster.scaleup_domain)
    reduced = all_reduce_s(moved, table.tp, near, link, out, hop, far)
    spread = np.where((table.attn_dp > 1.0) & (shape.experts > 0.0), shape.moe_layers, 0.0)
    reductions = np.where(table.tp > 1.0, 2.0 * shape.layers - spread, 0.0)
    # Tokens travel to their experts in eight bits and back in sixteen.
    sent = 0.75 * moved * np.maximum(shape.experts_per_token, 1.0) / table.tp
    wide = inside(group, one, cluster.scaleup_domain)
    exchanged = 2.0 * all_to_all_s(sent, group, wide, link, out, hop, far)
    stage = np.where(group * table.pp > cluster.scaleup_domain, out, link)
    stages = (table.pp - 1.0) * send_s(moved, np.where(table.pp > 1.0, stage, 1.0), hop)
    return reductions * reduced + spread * exchanged + stages


def decode_s(table: Candidates, running: Values) -> Values:
    """Time of a pass that decodes one token of each of `running` sequences."""
    served, share, shape = table.served, table.share, table.served.shape
    rows = iteration.rows_per_rank(running, table.pp, table.attn_dp)
    tokens, group = rows * table.attn_dp, table.tp * table.attn_dp
    bandwidth = achieved_bytes_per_s(table.cluster.memory_bytes_per_s, share["weight_bandwidth"])
    touched = iteration.touched_share(share["evenness"] * tokens, shape.experts, shape.experts_per_token)
    dense = gemm_s(
        iteration.dense_flop(served.dense_weights, rows, table.tp),
        iteration.weight_traffic_bytes(served.dense_weights, table.dense_bytes, table.tp),
        table.dense_flop_per_s,
        bandwidth,
    )
    experts = gemm_s(
        iteration.expert_flop(
            served.expert_weights, shape.experts, shape.experts_per_token, tokens, group, share["imbalance"]
        ),
        iteration.weight_traffic_bytes(served.expert_weights, table.expert_bytes, group, touched),
        table.expert_flop_per_s,
        bandwidth,
    )
    return iteration.pass_s(
        dense,
        experts,
        _decode_attention_s(table, rows),
        network_s(table, rows),
        _kernels_s(table),
        iteration.host_s(table.engine["host_us"], table.engine["request_us"], running / table.attn_dp),
    )


def _kernels_s(table: Candidates) -> Values:
    served, share = table.served, table.share
    kernels: Values = iteration.kernels_s(
        served.shape.layers,
        served.shape.moe_layers,
        served.latent_layers,
        served.special_layers,
        share["layer_us"],
        share["expert_layer_us"],
        share["latent_layer_us"],
        share["special_layer_us"],
    )
    return kernels


def _decode_attention_s(table: Candidates, rows: Values) -> Values:
    served, shape = table.served, table.served.shape
    context = table.input_tokens + 0.5 * table.output_tokens
    reach = iteration.reach_tokens(context, shape.window, shape.windowed_share, served.index_tokens)
    ways = iteration.cache_ways(table.tp, served.cache_shards)
    # A linear-attention state is read and written, and spread over the group like heads.
    read = iteration.cache_bytes_per_sequence(reach, served.cache_values / ways, table.cache_bytes, 0.0)
    scanned = context * served.index_values + 2.0 * served.state_bytes / table.tp
    attended: Values = roofline_s(
        iteration.decode_attention_flop(served.decode_width, reach, rows, table.tp),
        rows * (read + scanned),
        table.attention_flop_per_s,
        achieved_bytes_per_s(table.cluster.memory_bytes_per_s, table.share["cache_bandwidth"]),
    )
    return attended


@formula
def prompt_s(work_s: Values, pass_overhead_s: Values, prompt_tokens: Values, chunk_tokens: Values) -> Values:
    """Time to read one prompt alone: its arithmetic, and the overhead of each chunk's pass.

    Source: Agrawal et al., Sarathi-Serve (arXiv 2403.02310), section 4.1: chunked prefills.
    """
    return work_s + pass_overhead_s * np.maximum(prompt_tokens / chunk_tokens, 1.0)


@formula
def prompt_among_others_s(
    work_s: Values, pass_overhead_s: Values, prompt_tokens: Values, chunk_tokens: Values, waiting: Values
) -> Values:
    """Time that one prompt occupies the chips when short prompts are read together, up to a chunk at once.

    Source: Agrawal et al., Sarathi-Serve (arXiv 2403.02310), section 4.
    """
    together: Values = np.clip(chunk_tokens / prompt_tokens, 1.0, np.maximum(waiting, 1.0))
    return work_s + pass_overhead_s * np.maximum(prompt_tokens / chunk_tokens, 1.0) / together


def prefill_parts_s(table: Candidates) -> tuple[Values, Values]:
    """Reading one prompt: time of its arithmetic and transfers, and the overhead of a pass whatever its size."""
    served, share, shape = table.served, table.share, table.served.shape
    tokens, group = table.input_tokens, table.tp * table.attn_dp
    ranks = np.minimum(table.attn_dp, np.maximum(table.concurrency, 1.0))
    bandwidth = achieved_bytes_per_s(table.cluster.memory_bytes_per_s, share["weight_bandwidth"])
    dense = iteration.dense_flop(served.dense_weights - shape.vocab * shape.hidden, tokens, table.tp)
    experts = iteration.expert_flop(
        served.expert_weights, shape.experts, shape.experts_per_token, tokens * ranks, group, share["imbalance"]
    )
    reach = 0.5 * iteration.reach_tokens(tokens, 2.0 * shape.window, shape.windowed_share, 2.0 * served.index_tokens)
    core = 2.0 * reach * (shape.score_width + shape.value_width) * shape.layers * tokens / table.tp
    work = (
        dense / table.dense_flop_per_s
        + experts / table.expert_flop_per_s
        + core / table.attention_flop_per_s
        + network_s(table, tokens)
    )
    read = iteration.weight_traffic_bytes(served.dense_weights, table.dense_bytes, table.tp)
    read = read + iteration.weight_traffic_bytes(
        served.expert_weights,
        table.expert_bytes,
        group,
        iteration.touched_share(tokens * ranks, shape.experts, shape.experts_per_token),
    )
    eager = table.engine["eager_us"] * (shape.layers + shape.moe_layers) * US
    return work, streaming_s(read, bandwidth) + _kernels_s(table) + eager + table.engine["host_us"] * US


def memory_bytes(table: Candidates) -> tuple[Values, Values]:
    """Weights on one chip, and the cache of one sequence of full length on one chip."""
    served = table.served
    group = table.tp * table.attn_dp * table.pp
    dense = served.dense_weights + (served.shape.embeddings - 1.0) * served.shape.vocab * served.shape.hidden
    weights = dense * table.dense_bytes / (table.tp * table.pp) + served.expert_weights * table.expert_bytes / group
    length = table.input_tokens + table.output_tokens
    held = iteration.reach_tokens(
        length, served.shape.window, served.shape.windowed_share, served.index_tokens, np.ones_like(length)
    )
    ways = iteration.cache_ways(table.tp, served.cache_shards) * table.pp
    one = iteration.cache_bytes_per_sequence(
        held, served.cache_values / ways, table.cache_bytes, served.state_bytes / (table.tp * table.pp)
    )
    return weights, one


def evaluate(table: Candidates, way: Way = "steady") -> Figures:
    """Every candidate's figures under the way of asking described in `serving_engine`."""
    share, of_engine, pp, attn_dp = table.share, table.engine, table.pp, table.attn_dp
    weights, one = memory_bytes(table)
    room = engine.memory_batch(table.cluster.memory_bytes, share["memory_share"], weights, one, attn_dp)
    fed = engine.fed_batch(table.output_tokens, table.input_tokens, of_engine["chunk_tokens"], attn_dp * pp)
    most = share["engine_batch"] * attn_dp
    asked = np.full_like(table.concurrency, np.inf) if way == "offline" else table.concurrency
    running = np.maximum(engine.running_batch(asked, room, fed, most), 1.0)
    decoding = decode_s(table, running)
    work, overhead = prefill_parts_s(table)
    alone = prompt_s(work, overhead, table.input_tokens, of_engine["chunk_tokens"])
    busy = prompt_among_others_s(work, overhead, table.input_tokens, of_engine["chunk_tokens"], running / attn_dp)
    # When more wait than run, starts are spread out and none are in step.
    step = engine.in_step(of_engine["together"], share["fade"], table.output_tokens) if way == "steady" else 0.0 * work
    added = engine.interference_s(share["interference"] * work, running, table.output_tokens, attn_dp, pp, step)
    tpot = engine.tpot_ms(decoding, added)
    rate = engine.completions_per_s(running, table.output_tokens, tpot)
    chips = table.tp * pp * attn_dp
    if way == "steady":
        wait = engine.steady_wait_s(busy, running, asked, rate, attn_dp, pp, step)
    else:
        wait = engine.burst_wait_s(busy, running, asked, rate, attn_dp, pp)
    ttft = engine.ttft_ms(of_engine["first_us"], alone, wait, decoding)
    if way == "offline":
        through = engine.saturated_tokens_per_s_per_chip(running, tpot, chips)
    elif way == "burst":
        through = engine.burst_tokens_per_s_per_chip(asked, table.output_tokens, ttft, tpot, chips)
    else:
        through = engine.tokens_per_s_per_chip(asked, table.output_tokens, ttft, tpot, chips)
    used = weights + one * np.ceil(running / attn_dp)
    return Figures(ttft, tpot, through, running, used, np.asarray(room >= 1.0))


def bound(efficiency: Efficiency, quantity: str, way: Way) -> tuple[float, float]:
    """Lower and upper end of the 90 % interval, as ratios of what would be measured to what is predicted.

    `quantity` is `tpot`, `ttft` or `tps`; a way of asking without measured cases has the bounds of `steady`.
    """
    for one in (way, "steady", "burst"):
        if f"{quantity}_low_{one}" in efficiency.parameters:
            low, high = efficiency[f"{quantity}_low_{one}"], efficiency[f"{quantity}_high_{one}"]
            return float(low), float(high)
    raise InputError(f"the catalogue states no interval for {quantity}", remedy="run scripts/calibrate_serving.py")
