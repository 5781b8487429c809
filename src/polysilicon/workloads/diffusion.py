"""A diffusion transformer's short description into a `Diffusion`, and what it computes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from polysilicon.records.errors import InputError, Place
from polysilicon.workloads.keys import MOST_LAYERS, Keys
from polysilicon.workloads.model import Diffusion
from polysilicon.workloads.work import Work, attention, edge, encoder_flop, product, streamed


def from_description(config: Mapping[str, Any], name: str) -> Diffusion:
    """The diffusion transformer that a table of a `diffusers` transformer's own keys describes.

    Keys: `attention_head_dim`, `num_attention_heads`, `num_layers` (joint layers where `joint` is true, DiT blocks
    otherwise), `num_single_layers` (parallel ones), `mlp_ratio`; and of the sampling `image_tokens`, `text_tokens`,
    `steps`, `guidance_passes`. Optional: `ffn_dim` instead of `mlp_ratio`, `cross_attention` where text enters the
    plain blocks through cross-attention, `modulation` (the width of a block's modulation over its hidden width),
    `frozen_parameters` of an encoder that runs with every trained sample.

    Raises:
        InputError: a key is missing or no sane number.
    """
    keys = Keys(config, name)
    heads = keys.positive("num_attention_heads")
    hidden = heads * keys.positive("attention_head_dim")
    joint = keys.flag("joint", keys.has("num_single_layers"))
    layers = keys.positive("num_layers", most=MOST_LAYERS)
    passes = keys.positive("guidance_passes", default=1)
    if passes > 2:
        raise InputError("must be 1 or 2", place=Place(name, None, "guidance_passes"), found=passes)
    return Diffusion(
        name=name,
        hidden=hidden,
        heads=heads,
        ffn_hidden=keys.positive("ffn_dim", default=hidden * keys.positive("mlp_ratio", default=4)),
        plain_layers=0 if joint else layers,
        joint_layers=layers if joint else 0,
        parallel_layers=keys.count("num_single_layers", default=0, most=MOST_LAYERS),
        image_tokens=keys.positive("image_tokens"),
        text_tokens=keys.count("text_tokens", default=0),
        steps=keys.positive("steps"),
        guidance_passes=passes,
        crossed=keys.flag("cross_attention", False),
        modulation=keys.count("modulation", default=6),
        frozen_parameters=float(keys.count("frozen_parameters", default=0)),
    )


def parameters(model: Diffusion) -> float:
    """All parameters of the blocks: both streams of joint layers, and the modulation from the time step."""
    modulation = float(model.modulation) * model.hidden**2
    crossed = 4.0 * model.hidden**2 if model.crossed else 0.0
    return (
        model.plain_layers * (_block(model) + crossed + modulation)
        + model.joint_layers * 2.0 * (_block(model) + modulation)
        + model.parallel_layers * (_block(model) + modulation / 2.0)
    )


def _block(model: Diffusion) -> float:
    return 4.0 * model.hidden**2 + 2.0 * model.hidden * model.ffn_hidden


def layers(model: Diffusion) -> int:
    """Attention layers of one pass."""
    return model.plain_layers + model.joint_layers + model.parallel_layers


def tokens(model: Diffusion) -> int:
    """Tokens that attend together in one pass."""
    return model.image_tokens + (0 if model.crossed else model.text_tokens)


def image_work(model: Diffusion) -> Work:
    """What one denoising pass over one image costs: every operator of every block.

    Source: Peebles and Xie, DiT (arXiv 2212.09748), section 3.2; Esser et al. (arXiv 2403.03206), figure 2; Wan Team
    (arXiv 2503.20314), section 4.2.
    """
    h, wide, here = float(model.hidden), float(model.ffn_hidden), float(tokens(model))
    block = (
        edge(here * h)
        + streamed(here * 5.0 * h, here * h, 2.0)
        + product(here, h, 3.0 * h)
        + streamed(here * 4.0 * h, here * h)
    )
    block += attention(here, here, h) + product(here, h, h) + streamed(here * 4.0 * h, here * h)
    if model.crossed:
        text = float(model.text_tokens)
        block += streamed(here * 3.0 * h, here * h) + product(here, h, h) + product(text, h, 2.0 * h)
        block += attention(here, text, h) + product(here, h, h) + streamed(here * 3.0 * h)
    block += streamed(here * 5.0 * h, here * h) + product(here, h, wide) + streamed(here * 2.0 * wide, here * wide)
    block += product(here, wide, h) + streamed(here * 4.0 * h, here * h)
    whole = sum([block] * (layers(model) - 1), block)
    # Joint layers launch every kernel once for each of their two streams.
    kernels = whole.kernels * (1.0 + model.joint_layers / layers(model))
    return replace(
        whole,
        kernels=kernels,
        parameters=parameters(model),
        frozen_flop=encoder_flop(model.frozen_parameters, float(model.text_tokens)),
        layers=float(layers(model)),
        hidden=h,
        tokens=here,
    )
