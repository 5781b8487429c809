"""A latent-diffusion U-Net's `config.json` into a `UNet`, and what it computes."""

from collections.abc import Iterator, Mapping
from typing import Any

from polysilicon.records.errors import InputError, Place
from polysilicon.workloads.keys import MOST_LAYERS, Keys
from polysilicon.workloads.model import UNet
from polysilicon.workloads.work import Work, attention, edge, encoder_flop, product, streamed

# A convolution of three by three, and the width of the time step's embedding over that of the first level.
TAPS, TIME_WIDTHS = 9.0, 4.0


def from_description(config: Mapping[str, Any], name: str) -> UNet:
    """The U-Net that a `diffusers` UNet2DConditionModel's own keys describe.

    Keys: `block_out_channels`, `layers_per_block`, `transformer_layers_per_block` (one number, or one a level; 0 where
    a level has no attention), `sample_size`, `in_channels`, `cross_attention_dim`; and of the sampling `text_tokens`,
    `steps`, `guidance_passes`; `frozen_parameters` of a text encoder that runs with every trained sample.

    Raises:
        InputError: a key is missing, no sane number, or the lists of levels differ in length.
    """
    keys = Keys(config, name)
    channels, depths = keys.sizes("block_out_channels"), keys.counts("transformer_layers_per_block", MOST_LAYERS)
    if len(depths) != len(channels):
        place = Place(name, None, "transformer_layers_per_block")
        raise InputError(f"must have one entry for each of the {len(channels)} levels", place=place, found=len(depths))
    return UNet(
        name=name,
        channels=channels,
        depths=depths,
        residuals=keys.positive("layers_per_block", most=MOST_LAYERS),
        side=keys.positive("sample_size"),
        latent_channels=keys.positive("in_channels", default=4),
        text_width=keys.positive("cross_attention_dim"),
        text_tokens=keys.positive("text_tokens"),
        steps=keys.positive("steps"),
        guidance_passes=keys.positive("guidance_passes", default=1),
        frozen_parameters=float(keys.count("frozen_parameters", default=0)),
    )


def image_work(model: UNet) -> Work:
    """What one denoising pass over one image costs: every operator of every level.

    Source: Rombach et al., Latent Diffusion Models (arXiv 2112.10752), section 3.3 and appendix E; layer order of
    diffusers' UNet2DConditionModel.
    """
    operators = list(_operators(model))
    total = sum(operators[1:], operators[0])
    frozen = encoder_flop(model.frozen_parameters, float(model.text_tokens))
    return total + Work(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, frozen_flop=frozen)


def _operators(model: UNet) -> Iterator[Work]:
    first, time = float(model.channels[0]), TIME_WIDTHS * model.channels[0]
    yield product(1.0, first, time) + product(1.0, time, time)
    yield product(_positions(model, 0), model.latent_channels, first, TAPS)
    skips, width = [first], first
    last = len(model.channels) - 1
    for level, channels in enumerate(map(float, model.channels)):
        for _ in range(model.residuals):
            yield _residual(model, level, width, channels)
            yield from _transformer(model, level, channels, model.depths[level])
            width = channels
            skips.append(width)
        if level < last:
            yield product(_positions(model, level + 1), channels, channels, TAPS)
            skips.append(channels)
    yield _residual(model, last, width, width)
    yield from _transformer(model, last, width, model.depths[last] or 1)
    yield _residual(model, last, width, width)
    for level in range(last, -1, -1):
        channels = float(model.channels[level])
        for _ in range(model.residuals + 1):
            yield _residual(model, level, width + skips.pop(), channels)
            yield from _transformer(model, level, channels, model.depths[level])
            width = channels
        if level:
            yield product(_positions(model, level - 1), channels, channels, TAPS)
    yield product(_positions(model, 0), first, model.latent_channels, TAPS)


def _positions(model: UNet, level: int) -> float:
    return float(model.side / 2**level) ** 2


def _residual(model: UNet, level: int, inner: float, outer: float) -> Work:
    """Norm, activation and convolution, twice; the time step added between; the input added (projected) at the end."""
    here = _positions(model, level)
    work = edge(here * inner) + streamed(here * 3.0 * inner, here * inner) + product(here, inner, outer, TAPS)
    work += streamed(here * 3.0 * outer, here * outer) + product(here, outer, outer, TAPS)
    work += product(1.0, TIME_WIDTHS * model.channels[0], outer) + streamed(here * 3.0 * outer)
    return work + product(here, inner, outer) if inner != outer else work


def _transformer(model: UNet, level: int, width: float, depth: int) -> Iterator[Work]:
    """Projection in, `depth` blocks of self-attention, cross-attention and a gated feed-forward, projection out."""
    if not depth:
        return
    here, text = _positions(model, level), float(model.text_tokens)
    yield streamed(here * 3.0 * width, here * width) + product(here, width, width) + product(here, width, width)
    block = edge(here * width) + streamed(here * 3.0 * width, here * width, 2.0) + product(here, width, 3.0 * width)
    block += attention(here, here, width) + product(here, width, width) + streamed(here * 3.0 * width)
    block += streamed(here * 3.0 * width, here * width) + product(here, width, width)
    block += product(text, model.text_width, 2.0 * width) + attention(here, text, width)
    block += product(here, width, width) + streamed(here * 3.0 * width)
    block += streamed(here * 3.0 * width, here * width) + product(here, width, 8.0 * width)
    block += streamed(here * 12.0 * width, here * 8.0 * width) + product(here, 4.0 * width, width)
    block += streamed(here * 3.0 * width)
    for _ in range(depth):
        yield block
