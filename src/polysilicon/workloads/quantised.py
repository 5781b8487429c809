"""What a `config.json` says of the format of its weights, and which of them it leaves in 16 bits."""

import fnmatch
import re
from collections.abc import Iterable, Mapping
from typing import Any

from polysilicon.workloads.model import Checkpoint

WIDE = "bf16"
# What the methods of quantisation are called that say all there is to say.
METHODS = {"fp8": "fp8", "mxfp4": "mxfp4", "gptq": "int4", "awq": "int4"}
# Formats that NVIDIA's Model Optimizer names, and those of compressed-tensors by kind and bits of a number.
ALGORITHMS = {"FP8": "fp8", "NVFP4": "nvfp4", "W4A16_AWQ": "int4", "INT4_AWQ": "int4", "W8A8_SQ_PER_CHANNEL": "int8"}
NUMBERS = {("float", 8): "fp8", ("float", 4): "nvfp4", ("int", 8): "int8", ("int", 4): "int4"}
# Modules by which a part of a layer is known.
PARTS = {
    "attention": ("self_attn.q_proj", "self_attn.q_b_proj", "self_attn.qkv_proj", "linear_attn.in_proj_qkv"),
    "attention_output": ("self_attn.o_proj", "linear_attn.out_proj"),
    "feed_forward": ("mlp.shared_experts.up_proj", "mlp.shared_expert.up_proj"),
}
_LAYER = re.compile(r"layers\.(?:\d+|\*)\.")


def stated(configs: Iterable[Mapping[str, Any]], layers: int) -> tuple[str, tuple[Checkpoint, ...]]:
    """The format of the published weights, and which of them it leaves in 16 bits; `bf16` where no file states any.

    Reads `quantization_config` of the first of `configs` that has one: FP8, MXFP4, GPTQ, AWQ, compressed-tensors and
    Model Optimizer. A format it can't read is returned under its name there, so that nothing takes it for another.
    """
    for config in configs:
        said = config.get("quantization_config")
        if isinstance(said, Mapping):
            precision = _precision(said, config)
            return precision, _beside(precision, said, layers)
    return WIDE, ()


def _precision(said: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    method = str(said.get("quant_method"))
    if method == "fp8" and config.get("expert_dtype") == "fp4":
        return "mxfp4-fp8"
    if method == "modelopt":
        return ALGORITHMS.get(str(said.get("quant_algo")), f"modelopt {said.get('quant_algo')}")
    if method == "compressed-tensors":
        weights = _weights(said)
        kind = str(weights.get("type")), weights.get("num_bits")
        return NUMBERS.get(kind, f"{method} {kind[1]}-bit {kind[0]}")  # type: ignore[arg-type]  # any bits may stand there
    return METHODS.get(method, method)


def _weights(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """What compressed-tensors says of the weights of its first group; short descriptions have it beside the method."""
    groups = said.get("config_groups")
    first = next(iter(groups.values()), {}) if isinstance(groups, Mapping) else said
    weights = first.get("weights", first) if isinstance(first, Mapping) else said
    return weights if isinstance(weights, Mapping) else {}


def _beside(precision: str, said: Mapping[str, Any], layers: int) -> tuple[Checkpoint, ...]:
    """What the file leaves alone, part by part; nothing where it doesn't say."""
    ignored = said.get("ignore", said.get("exclude_modules"))
    if not isinstance(ignored, list):
        return ()
    patterns = [str(one) for one in ignored]
    kept = {name: WIDE if _left(patterns, modules, layers) else precision for name, modules in PARTS.items()}
    return (Checkpoint(precision, **kept),)


def _left(patterns: list[str], modules: tuple[str, ...], layers: int) -> bool:
    """Whether the patterns name one of `modules` in at least half of the layers."""
    return any(sum(_names(one, module, layers) for one in patterns) >= layers / 2 for module in modules)


def _names(pattern: str, module: str, layers: int) -> int:
    """In how many layers a pattern names `module`: a name in one layer or in all, or a plain regular expression."""
    if pattern.startswith("re:"):
        pattern = pattern[3:].strip("^$").replace("\\.", ".").replace(".*", "*")
    layer = _LAYER.search(pattern)
    inside = pattern[layer.end() :] if layer else pattern
    if not (fnmatch.fnmatch(module, inside) or (layer is None and fnmatch.fnmatch(f"model.layers.0.{module}", inside))):
        return 0
    return 1 if layer and "*" not in layer.group() else layers
