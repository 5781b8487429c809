"""A diffusion transformer's short description into a `Diffusion`, and what it computes."""

from collections.abc import Mapping
from typing import Any

from polysilicon.records.errors import InputError, Place
from polysilicon.records.recorder import formula
from polysilicon.workloads.keys import Keys
from polysilicon.workloads.model import Diffusion


def from_description(config: Mapping[str, Any], name: str) -> Diffusion:
    """The diffusion transformer that a table of a `diffusers` transformer's own keys describes.

    Keys: `attention_head_dim`, `num_attention_heads`, `num_layers` (joint layers where `joint` is true, DiT blocks
    otherwise), `num_single_layers` (parallel ones), `mlp_ratio`; and of the sampling `image_tokens`, `text_tokens`,
    `steps`, `guidance_passes`.

    Raises:
        InputError: a key is missing or no sane number.
    """
    keys = Keys(config, name)
    heads = keys.positive("num_attention_heads")
    hidden = heads * keys.positive("attention_head_dim")
    joint = keys.flag("joint", keys.has("num_single_layers"))
    layers = keys.positive("num_layers")
    passes = keys.positive("guidance_passes", default=1)
    if passes > 2:
        raise InputError("must be 1 or 2", place=Place(name, None, "guidance_passes"), found=passes)
    return Diffusion(
        name=name,
        hidden=hidden,
        heads=heads,
        ffn_hidden=hidden * keys.positive("mlp_ratio", default=4),
        plain_layers=0 if joint else layers,
        joint_layers=layers if joint else 0,
        parallel_layers=keys.count("num_single_layers", default=0),
        image_tokens=keys.positive("image_tokens"),
        text_tokens=keys.count("text_tokens", default=0),
        steps=keys.positive("steps"),
        guidance_passes=passes,
    )


def token_parameters(model: Diffusion) -> float:
    """Parameters that each image token passes through: attention and feed-forward of every block."""
    block = 4.0 * model.hidden**2 + 2.0 * model.hidden * model.ffn_hidden
    return block * (model.plain_layers + model.joint_layers + model.parallel_layers)


def parameters(model: Diffusion) -> float:
    """All parameters of the blocks: both streams of joint layers, and the modulation from the time step."""
    block = 4.0 * model.hidden**2 + 2.0 * model.hidden * model.ffn_hidden
    modulation = 6.0 * model.hidden**2
    return (
        model.plain_layers * (block + modulation)
        + model.joint_layers * 2.0 * (block + modulation)
        + model.parallel_layers * (block + modulation / 2.0)
    )


@formula
def pass_flop(token_parameters: float, tokens: float, hidden: float, layers: float) -> float:
    """Arithmetic of one denoising pass of one image: weights times tokens, and full attention among the tokens.

    Source: Peebles and Xie, DiT (arXiv 2212.09748), section 4; a multiply and an add for each product.
    """
    return 2.0 * token_parameters * tokens + 4.0 * layers * tokens * tokens * hidden


def layers(model: Diffusion) -> int:
    """Attention layers of one pass."""
    return model.plain_layers + model.joint_layers + model.parallel_layers


def tokens(model: Diffusion) -> int:
    """Tokens that attend together in one pass."""
    return model.image_tokens + model.text_tokens
