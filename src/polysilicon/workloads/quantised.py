"""What a `config.json` says of the format of its weights, which of them it leaves in 16 bits, and of its cache."""

import fnmatch
import itertools
import re
from collections.abc import Iterable, Mapping
from typing import Any

from polysilicon.records.errors import InputError, Place
from polysilicon.workloads.model import Checkpoint

FIELD = "quantization_config"
WIDE = "bf16"
# Methods that have one format each, and those of integers, whose files say how many bits.
METHODS = {"fp8": "fp8", "mxfp4": "mxfp4"}
INTEGERS = ("gptq", "awq")
# Formats that NVIDIA's Model Optimizer names, and those of compressed-tensors by kind, bits and weights to a scale.
ALGORITHMS = {"FP8": "fp8", "NVFP4": "nvfp4", "W4A16_AWQ": "int4", "INT4_AWQ": "int4", "W8A8_SQ_PER_CHANNEL": "int8"}
NUMBERS = {("float", 8): "fp8", ("float", 4): "nvfp4", ("int", 8): "int8", ("int", 4): "int4"}
MX_GROUP = 32
# Where files list the modules that they leave alone.
LISTS = ("ignore", "exclude_modules", "modules_to_not_convert", "ignored_layers")
# Modules by which a part of a layer is known.
PARTS = {
    "attention": (
        *(f"self_attn.{one}_proj" for one in ("q", "q_a", "q_b", "kv_b", "qkv")),
        *("linear_attn.in_proj_qkv", "mixer.in_proj"),
    ),
    "attention_output": ("self_attn.o_proj", "linear_attn.out_proj", "mixer.out_proj"),
    "feed_forward": (
        *(f"{one}.up_proj" for one in ("mlp.shared_experts", "mlp.shared_expert", "feed_forward.shared_expert")),
        *("mlp.up_proj", "mlp.down_proj"),
        *("mixer.shared_experts.up_proj", "mixer.up_proj", "mixer.down_proj"),
    ),
}
MOST_LETTERS, MOST_MEANINGS = 500, 64
_LAYER = re.compile(r"(?P<before>.*?)\blayers\.(?P<layer>\d+|\*)\.(?P<inside>.*)")
_OTHERS = re.compile(r"vision|visual|audio|mtp")


def stated(configs: Iterable[Mapping[str, Any]], layers: int, name: str) -> tuple[str, tuple[Checkpoint, ...]]:
    """The format of the published weights, and which of them it leaves in 16 bits; `bf16` where no file states any.

    Reads `quantization_config` of the first of `configs` that has one: FP8, MXFP4, GPTQ and AWQ in 4 bits,
    compressed-tensors in one format, Model Optimizer. A format that is not among these is returned under its name in
    the file, so that nothing takes it for another.

    Raises:
        InputError: it is no table, or its list of modules is none; names `name`.
    """
    for config in configs:
        said = config.get(FIELD)
        if said is not None:
            if not isinstance(said, Mapping):
                raise InputError("must be a table of keys", place=Place(name, None, FIELD), found=said)
            precision = _precision(said, config)
            return precision, _beside(precision, said, layers, name)
    return WIDE, ()


def _precision(said: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    method = str(said.get("quant_method"))
    if method == "fp8" and config.get("expert_dtype") == "fp4":
        return "mxfp4-fp8"
    if method == "modelopt":
        return ALGORITHMS.get(str(said.get("quant_algo")), f"modelopt {said.get('quant_algo')}")
    if method in INTEGERS:
        return "int4" if said.get("bits", 4) == 4 else f"{method} {said.get('bits')}-bit"
    if method == "compressed-tensors":
        formats = {_number(weights, activations) for weights, activations in _groups(said)}
        return formats.pop() if len(formats) == 1 else f"{method} in {len(formats)} formats"
    return METHODS.get(method, f"quant_method {method}")


def _groups(said: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """What compressed-tensors says of the weights of each group, and of what they are multiplied with.

    Short descriptions have the weights beside the method.
    """
    groups = said.get("config_groups")
    if not isinstance(groups, Mapping):
        return [(said, None)]
    tables = [one if isinstance(one, Mapping) else {} for one in groups.values()]
    return [(one.get("weights"), one.get("input_activations")) for one in tables]


def _number(weights: Any, activations: Any) -> str:
    if not isinstance(weights, Mapping):
        return "compressed-tensors without weights"
    kind, bits = str(weights.get("type")), weights.get("num_bits")
    known = NUMBERS.get((kind, bits)) if isinstance(bits, int) else None
    if known == "nvfp4" and weights.get("group_size") == MX_GROUP:
        return "mxfp4"
    if known == "int4" and isinstance(activations, Mapping) and _number(activations, None) == "int8":
        return "w4a8"
    return known or f"compressed-tensors {bits}-bit {kind}"


def _beside(precision: str, said: Mapping[str, Any], layers: int, name: str) -> tuple[Checkpoint, ...]:
    """What the file leaves alone, part by part; nothing where it doesn't say."""
    field = next((one for one in LISTS if said.get(one) is not None), None)
    if field is None:
        return ()
    place = Place(name, None, f"{FIELD}.{field}")
    if not isinstance(said[field], list):
        raise InputError("must be a list of modules", place=place, found=said[field])
    patterns = [one for pattern in said[field] for one in _plain(pattern, place)]
    kept = {
        part: WIDE if any(len(_named(patterns, one, layers)) >= layers / 2 for one in modules) else precision
        for part, modules in PARTS.items()
    }
    return (Checkpoint(precision, **kept, cache=_cache(said)),)


def _cache(said: Mapping[str, Any]) -> str:
    """The precision of cached keys and values that the file states; empty where it states none that is known."""
    scheme = said.get("kv_cache_scheme") or said.get("kv_cache_quant_algo")
    if isinstance(scheme, Mapping):
        return "fp8" if (scheme.get("type"), scheme.get("num_bits")) == ("float", 8) else ""
    return "fp8" if str(scheme).upper() == "FP8" else ""


def _plain(pattern: Any, place: Place) -> list[str]:
    """A pattern of names with `*` for anything: a name as it stands, or each alternative of a regular expression.

    Raises:
        InputError: it is no text, is too long, or says more than alternatives, digits and anything.
    """
    if not isinstance(pattern, str) or len(pattern) > MOST_LETTERS:
        found = pattern if not isinstance(pattern, str) else f"{pattern[:40]}…"
        raise InputError(f"is no module's name of {MOST_LETTERS} letters at most", place=place, found=found)
    if not pattern.startswith("re:"):
        return [pattern.replace("[", "[[]")]
    text = re.sub(r"(?:\[0-9\]|\\d)[+*]?|\.[*+]", "*", pattern[3:].strip("^$")).replace("\\.", ".")
    parts = [one.split("|") for one in re.split(r"\((?:\?:)?([^()]*)\)", text)]
    meanings = list(itertools.islice(itertools.product(*parts), MOST_MEANINGS + 1))
    if len(meanings) > MOST_MEANINGS or re.search(r"[][()?+\\{}^$]", text.replace("(", "").replace(")", "")):
        raise InputError("is no plain pattern", place=place, found=pattern, allowed="names, .*, digits and (a|b)")
    return ["".join(one) for one in meanings]


def _named(patterns: list[str], module: str, layers: int) -> set[int]:
    """The layers in which the patterns name `module`, or all that it is a part of."""
    found: set[int] = set()
    for pattern in patterns:
        layer = _LAYER.fullmatch(pattern)
        if _OTHERS.search(layer["before"] if layer else pattern):
            continue
        inside, whole = (layer["inside"], module) if layer else (pattern, f"model.layers.0.{module}")
        if any(fnmatch.fnmatchcase(one, form) for one in (module, whole) for form in (inside, f"{inside}.*")):
            found |= {int(layer["layer"])} if layer and layer["layer"] != "*" else set(range(layers))
    return found
