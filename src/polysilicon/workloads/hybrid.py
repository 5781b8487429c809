"""Files that list attention, state-space layers and feed-forward blocks one by one (Nemotron-H)."""

from typing import Any

from polysilicon.records.errors import InputError, Place, Unsupported
from polysilicon.workloads.keys import MOST_LAYERS, Keys
from polysilicon.workloads.model import StateSpace

# A letter of the pattern, or a word of the list: state space, attention, feed-forward block, block of experts.
# Source: NVIDIA, configuration_nemotron_h.py, beside each checkpoint.
LETTERS = {"M": "mamba", "*": "attention", "-": "mlp", "E": "moe"}
PATTERN, LIST, LAYERS = "hybrid_override_pattern", "layers_block_type", "num_hidden_layers"


def blocks(keys: Keys) -> dict[str, Any]:
    """The fields of a `Transformer` that follow from such a list: layers, those without a block, those with a state.

    A layer is a feed-forward block and what mixes tokens before it, so that there are as many as blocks.

    Raises:
        InputError: the list is missing, holds what isn't known, or is as long as the file does not say.
        Unsupported: it has no feed-forward block, or more of them than of what mixes tokens.
    """
    listed = _listed(keys)
    count = {one: listed.count(one) for one in LETTERS.values()}
    layers, mixers = count["mlp"] + count["moe"], count["mamba"] + count["attention"]
    if not 0 < layers <= mixers:
        raise Unsupported(f"{keys.name}: {layers} feed-forward blocks after {mixers} layers are not modelled yet")
    experts = keys.positive("n_routed_experts", default=1) > 1
    if experts != (count["moe"] > 0):
        raise InputError(
            "a model with experts has layers of them, and no other has",
            place=Place(keys.name, None, "n_routed_experts"),
            found=f"{keys.config.get('n_routed_experts', 'no')} experts, {count['moe']} such layers",
        )
    return {
        "layers": layers,
        "lone_layers": mixers - layers,
        "dense_layers": count["mlp"] if count["moe"] else 0,
        "linear": _state_space(keys) if count["mamba"] else None,
        "linear_layers": count["mamba"],
    }


def _listed(keys: Keys) -> list[str]:
    """What each layer of the file is, in words."""
    field = PATTERN if keys.has(PATTERN) else LIST
    place, said = Place(keys.name, None, field), keys.config.get(field)
    if not isinstance(said, str | list) or not 0 < len(said) <= MOST_LAYERS:
        raise InputError("must be a pattern or a list of layers", place=place, found=said, allowed=" ".join(LETTERS))
    words = [LETTERS.get(one, one) if isinstance(one, str) else one for one in said]
    strange = next((one for one in words if one not in LETTERS.values()), None)
    if strange is not None:
        allowed = ", ".join(f"{letter} ({word})" for letter, word in LETTERS.items())
        raise InputError("unknown kind of layer", place=place, found=strange, allowed=allowed)
    layers = keys.positive(LAYERS, default=len(words))
    if layers != len(words):
        found, allowed = f"{len(words)} entries", f"{layers} entries"
        raise InputError("does not have one entry a layer", place=place, found=found, allowed=allowed)
    return words


def _state_space(keys: Keys) -> StateSpace:
    return StateSpace(
        heads=keys.positive("mamba_num_heads"),
        head_dim=keys.positive("mamba_head_dim"),
        state=keys.positive("ssm_state_size"),
        groups=keys.positive("n_groups"),
        convolution=keys.positive("conv_kernel", default=4),
        chunk=keys.positive("chunk_size", default=128),
    )
