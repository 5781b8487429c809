"""What a row of each table of timed operators means: which operator it is, of which kind, with which sizes.

One reader a table, found by the columns that a row fills. It returns one reading for each measured quantity.
"""

from collections.abc import Callable, Mapping

import numpy as np

from polysilicon.performance.attention import windowed_keys
from polysilicon.performance.curves import FORMATS, attention_kind
from polysilicon.performance.experts import RANDOM
from polysilicon.performance.kernel_curves import EXPERT_FORMATS
from polysilicon.performance.latent import Latent
from polysilicon.validation import operator_messages
from polysilicon.validation.operator_readings import Reading, Row, Unread, form, shape, size, sizes_of

# Frameworks whose own kernels were timed beside the usual ones of their system.
FRAMEWORKS = ("sglang", "vllm")
# Heads that are wider have kernels of their own.
USUAL_HEAD = 128.0
KEPT = {"bf16": 2.0, "fp8": 1.0}
# Kernels of experts that differ from the usual one of their format.
EXPERT_KERNELS = {"min_latency": "quick", "deepgemm": "deepgemm", "triton": "triton", "xpu": "xpu"}
# Benchmarks draw from power laws of exponents around 1; at 8 nearly every token asks for the same experts.
MOST_EXPONENT = 8.0


def product(row: Row) -> list[Reading]:
    """A matrix product."""
    kind = form(row, "dtype", FORMATS, "products")
    sizes = sizes_of(row, m="m", n="n", k="k")
    framework = row.get("backend", "")
    if framework in FRAMEWORKS and "default" not in row.get("kernel_source", ""):
        kind = f"{kind}@{framework}"
    return [Reading("latency_ms", "gemm", kind, sizes, f"gemm {shape(sizes, 'n', 'k')} {_pairs(sizes['m'])}")]


def _pairs(rows: float) -> str:
    return f"{np.floor(np.log2(rows) / 2):g}"


def attention(row: Row) -> list[Reading]:
    """Attention over a prompt, or of one new token."""
    sizes = sizes_of(
        row,
        batch="batch_size",
        queries="q_len",
        keys="kv_len",
        heads="num_heads",
        kv_heads="num_key_value_heads",
        head_dim="head_dim",
    )
    column = "attn_dtype" if "attn_dtype" in row else "dtype"
    queries, kept = form(row, column, KEPT, "attention"), form(row, "kv_cache_dtype", KEPT, "attention over keys")
    decode = "generation" in row.get("op", "") or "decode" in row.get("phase", "") or "generation" in row["case_id"]
    variant = "@vllm" if "op" in row and row.get("backend") == "vllm" else ""
    if variant and sizes["head_dim"] > USUAL_HEAD:
        if kept == "fp8":
            raise Unread("unsupported", "times of wide heads over 8-bit keys contradict one another tenfold")
        variant += ".over"
    # Its kernels pack the heads of a group, so that one new token is decode, whatever the table calls it.
    decode = decode or (bool(variant) and sizes["queries"] == 1.0)
    kind = attention_kind(queries, kept, sizes["head_dim"]) + variant
    window = size(row, "window_size", 0.0) if row.get("window_size") else 0.0
    return [_windowed(_attention(sizes, kind, decode=decode), window)]


def _windowed(reading: Reading, window: float) -> Reading:
    """The same over the keys of a window; such kernels were never timed, so that the usual one stands for them."""
    sizes = reading.sizes
    if not 0.0 < window < sizes["keys"]:
        return reading
    seen = float(windowed_keys(sizes["queries"], sizes["keys"], window))
    kind = reading.kind + (".window" if "@" in reading.kind else "@window")
    return reading._replace(kind=kind, sizes=sizes | {"keys": seen, "causal": 0.0})


def _attention(sizes: dict[str, float], kind: str, *, decode: bool) -> Reading:
    if sizes["heads"] % sizes["kv_heads"]:
        raise Unread("implausible", f"{sizes['heads']:g} heads don't share {sizes['kv_heads']:g} key-value heads")
    if sizes["keys"] < sizes["queries"]:
        raise Unread("implausible", f"{sizes['queries']:g} new tokens over {sizes['keys']:g} in all")
    sizes = sizes | {"causal": 1.0}
    if decode:
        group = "decode " + shape(sizes, "batch", "keys", "heads", "kv_heads")
        return Reading("latency_ms", "decode", kind, sizes, group)
    group = "attention " + shape(sizes, "batch", "queries", "heads", "kv_heads")
    return Reading("latency_ms", "attention", kind, sizes, group)


def paged_attention(row: Row) -> list[Reading]:
    """Attention of a framework whose heads are given for the whole model, with its tensor-parallel degree."""
    form(row, "dtype", KEPT, "attention")
    degree = size(row, "tp")
    heads, kv_heads = size(row, "num_heads_total"), size(row, "num_kv_heads_total")
    decode, new = row.get("phase") == "decode", size(row, "q_len_prefill", 0.0)
    sizes = {
        "batch": size(row, "batch_size"),
        "queries": 1.0 if decode else max(new, 1.0),
        "keys": max(size(row, "kv_cache_len", 0.0) + (1.0 if decode else new), 1.0),
        "heads": max(heads / degree, 1.0),
        "kv_heads": max(kv_heads / degree, 1.0),
        "head_dim": size(row, "n_embd") / heads,
    }
    reading = _attention(sizes, attention_kind("bf16", "bf16", sizes["head_dim"]) + "@paged", decode=decode)
    near = f"{np.floor(np.log2(sizes['keys'])):g} {np.floor(np.log2(sizes['queries'])):g}"
    return [reading._replace(group=f"paged {np.floor(np.log2(sizes['batch'])):g} {near}")]


def latent_attention(latent: Latent) -> Callable[[Row], list[Reading]]:
    """A reader of latent attention of those widths: the kernel or the whole block, over a prompt or for one token."""

    def read(row: Row) -> list[Reading]:
        sizes = sizes_of(row, batch="batch_size", queries="q_len", keys="kv_len", heads="num_heads")
        sizes |= {name: float(value) for name, value in latent._asdict().items()}
        form(row, "mla_dtype", {"bf16": 2.0}, "latent attention")
        kind = form(row, "kv_cache_dtype", KEPT, "latent attention over keys")
        whole = row.get("level", "") == "module"
        if whole:
            kind = f"{form(row, 'gemm_type', FORMATS, 'projections')}.{kind}"
        if row.get("backend") in FRAMEWORKS:
            kind += f"@{row['backend']}"
        operator = ("mla_decode" if row.get("phase") == "generation" else "mla_prefill") + ("_block" if whole else "")
        group = f"mla {shape(sizes, 'batch', 'queries')} {np.floor(np.log2(sizes['keys'])):g}"
        return [Reading("latency_ms", operator, kind, sizes, group)]

    return read


def experts(row: Row) -> list[Reading]:
    """The experts of one layer on one rank."""
    kind = form(row, "moe_dtype" if "moe_dtype" in row else "dtype", EXPERT_FORMATS, "experts")
    sizes = sizes_of(
        row,
        tokens="num_tokens",
        hidden="hidden_size",
        inner="inter_size",
        top_k="topk",
        experts="num_experts",
        expert_tp="moe_tp_size",
        ep="moe_ep_size",
    )
    if sizes["top_k"] > sizes["experts"] or sizes["ep"] > sizes["experts"]:
        raise Unread("implausible", f"{sizes['experts']:g} experts, of which {sizes['top_k']:g}, on {sizes['ep']:g}")
    sizes["alpha"] = _exponent(row.get("distribution", ""))
    kernel = row.get("kernel_source", "")
    variant = next((f"@{ours}" for theirs, ours in EXPERT_KERNELS.items() if theirs in kernel), "")
    variant = variant or ("@vllm" if row.get("backend") == "vllm" else "")
    group = f"moe {shape(sizes, 'hidden', 'inner', 'experts', 'expert_tp', 'ep', 'tokens')}"
    return [Reading("latency_ms", "moe", kind + variant, sizes, group)]


def _exponent(distribution: str) -> float:
    if not distribution:
        return RANDOM  # as the inputs of a benchmark are, where nothing else is said
    if distribution in ("balanced", "uniform"):
        return 0.0
    alpha = size({"distribution": distribution.removeprefix("power_law_")}, "distribution", 0.0)
    if alpha > MOST_EXPONENT:
        raise Unread("implausible", f"distribution is no exponent of a power law: {distribution}")
    return alpha


def linear(row: Row) -> list[Reading]:
    """Every operator of one layer of a dense model that is no attention: four products and the kernels between."""
    form(row, "dtype", KEPT, "layers")
    names = {"tokens": "num_tokens", "degree": "tp", "heads": "n_head", "kv_heads": "n_kv_head"}
    names |= {"hidden": "n_embd", "inner": "n_expanded_embd"}
    sizes = sizes_of(row, **names)
    if sizes["hidden"] % sizes["heads"]:
        raise Unread("implausible", f"{sizes['hidden']:g} wide, but {sizes['heads']:g} heads")
    group = f"linear {sizes['tokens']:g}"
    found = []
    for quantity, (columns, inner) in _products(sizes, gated=row.get("use_gated_mlp", "True") == "True").items():
        own = {"m": sizes["tokens"], "n": columns, "k": inner}
        found.append(Reading(quantity, "gemm", "bf16@paged", own, group))
    for quantity, elements in _streams(sizes).items():
        own = {"elements": sizes["tokens"] * elements, "tokens": sizes["tokens"]}
        found.append(Reading(quantity, "stream", quantity.removesuffix("_ms"), own, group))
    return [one for one in found if row.get(one.quantity, "")]


def _products(sizes: Mapping[str, float], *, gated: bool) -> dict[str, tuple[float, float]]:
    """Columns and inner dimension of each product, by the column of its time."""
    hidden, degree = sizes["hidden"], sizes["degree"]
    width, inner = hidden / degree, sizes["inner"] / degree
    head = hidden / sizes["heads"]
    keys = max(sizes["kv_heads"] / degree, 1.0) * head
    return {
        "attn_pre_proj_ms": (width + 2.0 * keys, hidden),
        "attn_post_proj_ms": (hidden, width),
        "mlp_up_proj_ms": ((2.0 if gated else 1.0) * inner, hidden),
        "mlp_down_proj_ms": (hidden, inner),
    }


def _streams(sizes: Mapping[str, float]) -> dict[str, float]:
    """Elements that each memory-bound kernel reads and writes for one token, by the column of its time."""
    hidden, degree = sizes["hidden"], sizes["degree"]
    head = hidden / sizes["heads"]
    turned = hidden / degree + max(sizes["kv_heads"] / degree, 1.0) * head
    return {
        "emb_ms": 2.0 * hidden,
        "input_layernorm_ms": 2.0 * hidden,
        "attn_rope_ms": 2.0 * turned,
        "post_attention_layernorm_ms": 2.0 * hidden,
        "mlp_act_ms": 3.0 * sizes["inner"] / degree,
        "add_ms": 3.0 * hidden,
    }


def powered(row: Row) -> list[Reading]:
    """An operator of a table that states power beside latency: attention or experts, as its column `op` says."""
    name = row.get("op", "")
    if name == "moe":
        return experts(row)
    if name.startswith("attention"):
        return attention(row)
    raise Unread("unsupported" if name else "underspecified", f"no curve for the operator {name!r}")


Reader = Callable[[Row], list[Reading]]


def readers(latent: Latent) -> tuple[tuple[frozenset[str], Reader], ...]:
    """Which columns a row must fill for each reader, the most telling first."""
    told: tuple[tuple[str, Reader], ...] = (
        ("op latency_ms power_limit_w", powered),
        ("m n k dtype", product),
        ("mla_dtype num_heads kv_len", latent_attention(latent)),
        ("attn_dtype kv_len num_heads num_key_value_heads head_dim", attention),
        ("num_heads_total num_kv_heads_total kv_cache_len n_embd", paged_attention),
        ("moe_dtype inter_size num_experts", experts),
        ("op_name moe_ep_size", operator_messages.rack_exchange),
        ("comm_backend phase ep_size", operator_messages.exchange),
        ("mode num_tokens_per_rank ep_size", operator_messages.network_exchange),
        ("devices_per_node message_bytes collective", operator_messages.eager_collective),
        ("num_gpus message_bytes collective", operator_messages.collective),
        ("n_head n_embd n_expanded_embd", linear),
    )
    return tuple((frozenset(names.split()), reader) for names, reader in told)
