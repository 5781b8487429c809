"""A Hugging Face `config.json`, as it is, into a `Transformer`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from polysilicon.records.errors import InputError, Place, Unsupported
from polysilicon.workloads import hybrid, quantised
from polysilicon.workloads.keys import Keys
from polysilicon.workloads.model import (
    CompressedAttention,
    LatentAttention,
    LinearAttention,
    SparseIndex,
    Transformer,
)

# Two matrices and an activation instead of a gated pair.
UNGATED = frozenset(
    {"gpt2", "bloom", "mpt", "gpt_neox", "gptj", "opt", "nemotron", "nemotron_h", "bert", "falcon", "gpt_pangu"}
)
# Input and output embedding share one matrix unless the file says otherwise.
TIED = frozenset({"gpt2", "bloom", "mpt", "opt", "bert", "gemma", "gemma2", "gemma3", "gemma3_text", "falcon"})
# A feed-forward block is four times as wide as the model unless the file says otherwise.
FOUR_TIMES = frozenset({"gpt2", "bloom", "mpt", "gptj", "falcon"})
KNOWN = frozenset(
    UNGATED
    | TIED
    | {
        *("llama", "mistral", "mixtral", "llama4", "llama4_text", "grok-1", "dbrx", "phi3", "internlm", "internlm2"),
        *("qwen", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "qwen3_next"),
        *("qwen3_5", "qwen3_5_text", "qwen3_5_moe", "qwen3_5_moe_text"),
        *("deepseek", "deepseek_v2", "deepseek_v3", "deepseek_v32", "deepseek_v4", "kimi_k2", "kimi_k25"),
        *("chatglm", "glm", "glm4", "glm4_moe", "glm_moe_dsa"),
        *("pangupromoe", "pangu_pro_moe", "pangu_ultra_moe"),
        *("gpt_oss", "minimax_m2", "hy_v3", "baichuan", "yi", "aquila", "minicpm"),
    }
)
REASONS = {
    "kimi_k3": "Kimi delta attention with latent experts is not modelled yet",
    "kimi_linear": "Kimi delta attention with latent experts is not modelled yet",
    "minimax_m3": "block-sparse attention of only some layers is not modelled yet",
    "gemma4": "attention with two head sizes is not modelled yet",
    "gemma4_text": "attention with two head sizes is not modelled yet",
}
# Models whose files list attention, state-space layers and feed-forward blocks one by one.
HYBRIDS = frozenset({"nemotron_h"})
# Compressed attention has an index in layers of this ratio, and in no others.
# Source: DeepSeek-AI, DeepSeek-V4, published inference code.
SPARSE_RATIO = 4
LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
HIDDEN = ("hidden_size", "n_embd", "d_model")
HEADS = ("num_attention_heads", "n_head", "n_heads")
HEAD_DIM = ("head_dim", "kv_channels", "attention_head_dim")
EXPERTS = ("n_routed_experts", "num_experts", "num_local_experts", "num_routed_experts", "moe_num_experts")
POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
SHARED = ("shared_expert_intermediate_size", "shared_intermediate_size", "moe_shared_expert_intermediate_size")
FIRST_DENSE = ("first_k_dense_replace", "num_dense_layers")
CHOSEN = ("num_experts_per_tok", "experts_per_token", "num_experts_per_token", "moe_topk", "moe_top_k", "top_k_experts")


def from_config(config: Mapping[str, Any], name: str) -> Transformer:
    """The transformer that a `config.json` describes. `name` stands in messages and in the result.

    Reads the keys of Llama, Mistral, Mixtral, Qwen (2 to 3.5), DeepSeek (to V4) and Kimi (MLA), Gemma 1 to 3, GLM,
    Nemotron (H and 3), Pangu, MiniMax, gpt-oss, GPT-2, BLOOM and MPT files; the text part of a multimodal file. That
    the first layers of DeepSeek-V4 choose experts by the token alone is left out: they compute and read what the
    others do.

    Raises:
        InputError: a key is missing or no sane number.
        Unsupported: the architecture computes something this model can't express; says what.
    """
    whole = Keys(config, name)
    inner = whole.table("text_config")
    keys = Keys({"tie_word_embeddings": config.get("tie_word_embeddings"), **inner}, name) if inner else whole
    kind = _kind(keys, whole)
    if kind == "dbrx":
        keys = Keys({**keys.config, **keys.table("attn_config"), **keys.table("ffn_config")}, name)
    mixed = hybrid.blocks(keys) if kind in HYBRIDS else {}
    layers = mixed["layers"] if mixed else keys.positive(*LAYERS)
    hidden, heads = keys.positive(*HIDDEN), keys.positive(*HEADS)
    latent = _latent(keys)
    if keys.has(*HEAD_DIM):
        head_dim = keys.positive(*HEAD_DIM)
    elif hidden % heads and not latent:
        place = Place(name, None, HEADS[0])
        raise InputError("does not divide the hidden size", place=place, found=heads, remedy="give head_dim")
    else:
        head_dim = hidden // heads
    window, windowed = _window(keys, kind, layers)
    linear, linear_layers = _linear(keys, layers)
    precision, checkpoints = quantised.stated((config, keys.config), layers, name)
    model = Transformer(
        name=name,
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=_kv_heads(keys, heads),
        head_dim=latent.nope_dim + latent.rope_dim if latent else head_dim,
        ffn_hidden=_ffn_hidden(keys, kind, hidden),
        vocab=keys.positive("padded_vocab_size", "vocab_size"),
        gated=kind not in UNGATED,
        tied_embeddings=keys.flag("tie_word_embeddings", kind in TIED),
        causal=kind != "bert",
        latent=latent,
        window=window,
        windowed_layers=windowed,
        linear=linear,
        linear_layers=linear_layers,
        index=_index(keys),
        compressed=_compressed(keys, layers) if kind == "deepseek_v4" else None,
        streams=keys.positive("hc_mult", default=1),
        gated_output=keys.flag("attn_output_gate", kind == "qwen3_next"),
        precision=precision,
        positions=keys.count(*POSITIONS, default=0),
        checkpoints=checkpoints,
        **_experts(keys, kind, layers),
    )
    return replace(model, **mixed)


def _kind(keys: Keys, whole: Keys) -> str:
    kind = str(keys.config.get("model_type") or whole.config.get("model_type") or "").casefold()
    outer = str(whole.config.get("model_type") or "").casefold()
    for one in (kind, outer):
        if one in REASONS:
            raise Unsupported(f"{keys.name}: model_type {one}: {REASONS[one]}")
    if not kind:
        raise InputError("missing field 'model_type'", place=Place(keys.name), allowed=sorted(KNOWN))
    if kind not in KNOWN:
        raise Unsupported(f"{keys.name}: the architecture {kind!r} is not known; known: {', '.join(sorted(KNOWN))}")
    if kind not in HYBRIDS and keys.has("ssm_state_size", "mamba_num_heads"):
        raise Unsupported(f"{keys.name}: state-space layers of {kind!r} are not modelled yet")
    return kind


def _kv_heads(keys: Keys, heads: int) -> int:
    if keys.flag("multi_query", False) and not keys.has("num_kv_heads"):
        return 1
    kv_heads = keys.positive(
        "num_key_value_heads", "multi_query_group_num", "num_kv_heads", "kv_n_heads", default=heads
    )
    if heads % kv_heads:
        place = Place(keys.name, None, "num_key_value_heads")
        raise InputError("does not divide num_attention_heads", place=place, found=kv_heads)
    return kv_heads


def _ffn_hidden(keys: Keys, kind: str, hidden: int) -> int:
    if kind.startswith("llama4"):
        return keys.positive("intermediate_size_mlp", "intermediate_size")
    if kind in FOUR_TIMES:
        usual = hidden * keys.positive("expansion_ratio", default=4)
        return keys.positive("n_inner", "intermediate_size", "ffn_hidden_size", default=usual)
    if keys.has(*EXPERTS):
        return keys.count("intermediate_size", "ffn_hidden_size", default=0)
    return keys.positive("intermediate_size", "ffn_hidden_size", "ffn_dim")


def _latent(keys: Keys) -> LatentAttention | None:
    if not keys.has("kv_lora_rank", "attention_kv_lora_dim"):
        return None
    return LatentAttention(
        query_rank=keys.count("q_lora_rank", "attention_q_lora_dim", default=0),
        cache_rank=keys.positive("kv_lora_rank", "attention_kv_lora_dim"),
        rope_dim=keys.positive("qk_rope_head_dim", "attention_qk_rope_dim"),
        nope_dim=keys.positive("qk_nope_head_dim", "attention_qk_dim"),
        value_dim=keys.positive("v_head_dim", "attention_v_dim"),
    )


def _window(keys: Keys, kind: str, layers: int) -> tuple[int, int]:
    """The attention window [tokens] and the number of layers that have it."""
    if kind.startswith("llama4"):
        return keys.count("attention_chunk_size", default=0), layers - layers // 4
    window = keys.count("sliding_window", default=0)
    if not window or not keys.flag("use_sliding_window", True):
        return 0, 0
    kinds = _by_layer(keys, "layer_types", layers)
    if kinds is not None:
        windowed = kinds.count("sliding_attention")
    elif kind in ("gemma2", "gpt_oss"):
        windowed = layers // 2
    elif kind.startswith("gemma3"):
        windowed = layers - layers // keys.positive("sliding_window_pattern", default=6)
    else:
        windowed = layers
    return (window, windowed) if windowed else (0, 0)


def _by_layer(keys: Keys, name: str, layers: int) -> list[Any] | None:
    """A list with one entry a layer, `None` where there is no list.

    Raises:
        InputError: it has more or fewer, as in a file whose layers were cut down.
    """
    listed = keys.config.get(name)
    if not isinstance(listed, list):
        return None
    if len(listed) != layers:
        place, found = Place(keys.name, None, name), f"{len(listed)} entries"
        raise InputError("does not have one entry a layer", place=place, found=found, allowed=f"{layers} entries")
    return listed


def _linear(keys: Keys, layers: int) -> tuple[LinearAttention | None, int]:
    if not keys.has("linear_num_key_heads"):
        return None, 0
    kinds = _by_layer(keys, "layer_types", layers)
    if kinds is not None:
        number = kinds.count("linear_attention")
    else:
        number = layers - layers // keys.positive("full_attention_interval", default=4)
    shape = LinearAttention(
        key_heads=keys.positive("linear_num_key_heads"),
        value_heads=keys.positive("linear_num_value_heads"),
        key_dim=keys.positive("linear_key_head_dim"),
        value_dim=keys.positive("linear_value_head_dim"),
        convolution=keys.positive("linear_conv_kernel_dim", default=4),
    )
    return shape, number


def _index(keys: Keys) -> SparseIndex | None:
    if not keys.has("index_topk"):
        return None
    return SparseIndex(keys.positive("index_n_heads"), keys.positive("index_head_dim"), keys.positive("index_topk"))


def _compressed(keys: Keys, layers: int) -> CompressedAttention:
    """Attention over compressed entries; the file lists the ratio of each layer, and of those that draft."""
    listed, place = keys.counts("compress_ratios"), Place(keys.name, None, "compress_ratios")
    most = layers + keys.count("num_nextn_predict_layers", default=1)
    if not layers <= len(listed) <= most:
        found, allowed = f"{len(listed)} entries", f"{layers} to {most} entries"
        raise InputError("does not have one entry a layer", place=place, found=found, allowed=allowed)
    ratios = listed[:layers]
    # Every layer reads a window, and one of ratio 0 nothing else.
    keys.positive("sliding_window")
    if SPARSE_RATIO in ratios:
        keys.positive("index_topk")
    heavy = sorted({*ratios} - {0, SPARSE_RATIO})
    if len(heavy) > 1:
        raise Unsupported(
            f"{keys.name}: compressed attention with ratios {heavy} beside {SPARSE_RATIO} is not modelled"
        )
    return CompressedAttention(
        query_rank=keys.positive("q_lora_rank"),
        output_rank=keys.positive("o_lora_rank"),
        output_groups=keys.positive("o_groups"),
        rope_dim=keys.positive("qk_rope_head_dim", most=keys.positive("head_dim")),
        sparse_ratio=SPARSE_RATIO,
        sparse_layers=ratios.count(SPARSE_RATIO),
        heavy_ratio=heavy[0] if heavy else 1,
        heavy_layers=ratios.count(heavy[0]) if heavy else 0,
    )


def _experts(keys: Keys, kind: str, layers: int) -> dict[str, Any]:
    experts = keys.count(*EXPERTS, default=0)
    if experts <= 1:
        return {}
    width = keys.positive("moe_intermediate_size", "expert_intermediate_size", "intermediate_size", "ffn_hidden_size")
    shared = keys.count("n_shared_experts", "num_shared_experts", default=1 if kind.startswith("llama4") else 0) * width
    chosen = keys.positive(*CHOSEN)
    if chosen > experts:
        raise InputError("chooses more experts than there are", place=Place(keys.name, None, CHOSEN[0]), found=chosen)
    return {
        "experts": experts,
        "experts_per_token": chosen,
        "expert_hidden": width,
        "shared_hidden": keys.count(*SHARED, default=0) or shared,
        "expert_latent": keys.count("moe_latent_size", default=0),
        "dense_layers": _dense_layers(keys, layers),
    }


def _dense_layers(keys: Keys, layers: int) -> int:
    """Layers without experts.

    Raises:
        InputError: a list has no entry for each layer, or there would be more such layers than layers.
    """
    frequency, listed = _by_layer(keys, "moe_layer_freq", layers), _by_layer(keys, "mlp_layer_types", layers)
    if frequency is not None:
        return frequency.count(0)
    if listed is not None:
        return listed.count("dense")
    first = keys.count(*FIRST_DENSE, default=0)
    only = keys.config.get("mlp_only_layers")
    step = keys.positive("interleave_moe_layer_step", "decoder_sparse_step", default=1)
    dense = first + (len(only) if isinstance(only, list) else 0) + (layers - layers // step)
    if dense > layers:
        place = Place(keys.name, None, FIRST_DENSE[0])
        raise InputError("leaves fewer than no layers with experts", place=place, found=f"{dense} of {layers} layers")
    return dense
