"""From a model's name, or a file with its configuration, to what it computes."""

import functools
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from polysilicon.facts import Catalogue
from polysilicon.facts.architectures import ModelCard
from polysilicon.records.document import read_yaml
from polysilicon.records.errors import InputError, Place, UnknownName, Unsupported
from polysilicon.records.names import plain
from polysilicon.workloads import diffusion, encoder, huggingface, recommender, unet
from polysilicon.workloads.model import Checkpoint, Transformer, Workload

# Words in a checkpoint's name that tell tuning, or how it was narrowed, not shape.
TUNED = ("instruct", "chat", "it", "base", "hf", "thinking", "dynamic", "block", "kv", "quantized", "bnb")
# The format of the weights that each word for one means. Of several the first counts: `AWQ-FP16` and `W8A8-FP8` tell
# of activations, too, and `GPTQ-Int8` how it was made.
FORMATS = {
    **{one: one for one in ("w4a8", "nvfp4", "mxfp4")},
    "fp4": "nvfp4",
    "int4": "int4",
    "w4a16": "int4",
    "4bit": "int4",
    "int8": "int8",
    "awq": "int4",
    "gptq": "int4",
    "fp8": "fp8",
    "w8a8": "int8",
    "bf16": "bf16",
    "fp16": "fp16",
}


def describe(catalogue: Catalogue, name_or_path: str) -> Workload:
    """The model of the catalogue called so (aliases count), or of the `config.json` or YAML file at that path.

    A name with a file's suffix, or that of an existing folder with a `config.json` in it, is read as a path.

    Raises:
        UnknownName: no model is called so; says the nearest.
        InputError: the file can't be read or is no sane configuration.
        Unsupported: the architecture is known not to be expressible.
    """
    path = Path(name_or_path)
    if path.suffix.casefold() in (".json", ".yaml", ".yml"):
        return _read(path)
    if path.is_dir() and (path / "config.json").is_file():
        return _read(path / "config.json")
    try:
        return _as_named(card_of(catalogue, name_or_path), name_or_path)
    except UnknownName as unknown:
        if not path.exists():
            raise
        allowed = "a .json or .yaml file, or a folder with a config.json in it"
        raise InputError("is no configuration of a model", place=Place(name_or_path), allowed=allowed) from unknown


def _as_named(card: ModelCard, name: str) -> Workload:
    """What a record computes, in the format that `name` says.

    In eight bits it may be the developer's own, which is called as the wide one is with a word more:
    `Qwen/Qwen3-32B-FP8` stands beside `Qwen/Qwen3-32B`. Any other format is somebody else's checkpoint.
    """
    model = from_card(card)
    if not isinstance(model, Transformer):
        return model
    # An alias may be typed without the signs that part its words.
    spelled = next((one for one in card.aliases if plain(one) == plain(name)), name)
    words = _words(spelled)
    said = next((meant for one, meant in FORMATS.items() if one in words), "")
    if not said or set(model.precision.split("-")) <= set(words):
        return model
    if said == "fp8" and _publisher(spelled) in {"", *_developers(card)}:
        return replace(model, precision=said)
    return replace(model, named=said)


def _developers(card: ModelCard) -> set[str]:
    """Who publishes a model under a name that says no format."""
    return {_publisher(one) for one in card.aliases if not FORMATS.keys() & set(_words(one))}


def _publisher(name: str) -> str:
    return name.strip("/ ").rpartition("/")[0].casefold()


def card_of(catalogue: Catalogue, name: str) -> ModelCard:
    """The model record called `name`, or the one whose checkpoint it is.

    Publisher and words for tuning or number format don't change the shape: `Qwen3-32B-FP8` is Qwen3 32B.

    Raises:
        UnknownName: no model is called so; says the nearest.
    """
    try:
        return catalogue.get(ModelCard, name)
    except UnknownName:
        known = catalogue.names(ModelCard) | {one: one for one in catalogue.ids(ModelCard)}
        meant = {target for alias, target in known.items() if _shape_of(alias) == _shape_of(name)}
        if len(meant) != 1:
            raise
        return catalogue.get(ModelCard, meant.pop())


@functools.lru_cache(maxsize=16_384)
def _shape_of(name: str) -> tuple[str, ...]:
    """The words of a checkpoint's name that tell its shape."""
    return tuple(one for one in _words(name) if one not in (*TUNED, *FORMATS))


def _words(name: str) -> list[str]:
    """The words of a checkpoint's name, without who published it."""
    own = name.strip("/ ").rpartition("/")[2].casefold()
    # A dot parts numbers of a version, and a format from how it was made: `quantized.w4a16`.
    return re.findall(r"[a-z0-9]+(?:\.[0-9][a-z0-9]*)*", own)


def transformer(catalogue: Catalogue, name_or_path: str) -> Transformer:
    """As `describe`, for what only a transformer can answer.

    Raises:
        Unsupported: it is a model of another kind.
    """
    model = describe(catalogue, name_or_path)
    if not isinstance(model, Transformer):
        raise Unsupported(f"{model.name} is a {type(model).__name__.casefold()}, not a transformer")
    return model


def from_card(card: ModelCard) -> Workload:
    """What a model record of the catalogue computes."""
    if card.kind == "transformer":
        kept = tuple(
            Checkpoint(name, one.attention, one.attention_output, one.feed_forward, one.cache)
            for name, one in card.checkpoints.items()
        )
        model = huggingface.from_config(card.config, card.id)
        return replace(model, checkpoints=kept) if kept else model
    if card.kind == "recommender":
        return recommender.from_description(card.config, card.id)
    if card.kind == "diffusion" and "block_out_channels" in card.config:
        return unet.from_description(card.config, card.id)
    if card.kind == "encoder":
        return encoder.from_description(card.config, card.id)
    if card.kind == "diffusion":
        return diffusion.from_description(card.config, card.id)
    raise Unsupported(f"{card.id}: models of kind {card.kind} are not modelled yet")


def _of_model_optimizer(path: Path) -> dict[str, Any]:
    """What Model Optimizer writes of a checkpoint's formats into a file of its own, as a `config.json` has it."""
    written = read_yaml(path).data
    inner = written.get("quantization") if isinstance(written, dict) else None
    if not isinstance(inner, dict):
        raise InputError("must have a table", place=Place(str(path), 1, "quantization"), found=inner)
    return {"quant_method": "modelopt", **inner}


def _read(path: Path) -> Workload:
    document = read_yaml(path)
    config, name = document.data, path.parent.name if path.name == "config.json" else path.stem
    if not isinstance(config, dict):
        raise InputError("must be a table of keys", place=Place(str(path), 1), found=config)
    beside = path.with_name("hf_quant_config.json")
    if path.name == "config.json" and "quantization_config" not in config and beside.is_file():
        config = config | {"quantization_config": _of_model_optimizer(beside)}
    try:
        if "num_embeddings_per_feature" in config:
            return recommender.from_description(config, name)
        if "block_out_channels" in config:
            return unet.from_description(config, name)
        if "mlm_probability" in config:
            return encoder.from_description(config, name)
        if "image_tokens" in config:
            return diffusion.from_description(config, name)
        return huggingface.from_config(config, name)
    except InputError as complaint:
        field = complaint.place.field
        line = document.place((field,)).line if field and field in config else None
        complaint.place = Place(None, None, field)  # the file itself takes the place of the model's name
        raise complaint.at(Place(str(path), line)) from complaint
