"""Diffusion transformers: images a second and chip, training and serving. Unvalidated: see `SamplesEstimate`."""

from polysilicon.facts import Catalogue
from polysilicon.facts.money import Assumption
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.samples import SamplesEstimate, estimate
from polysilicon.performance.serving_formats import computed_in
from polysilicon.performance.values import BYTES_PER_ELEMENT, Values
from polysilicon.records.recorder import formula
from polysilicon.workloads.diffusion import layers, parameters, pass_flop, token_parameters, tokens
from polysilicon.workloads.model import Diffusion

SHARE = "diffusion-achieved-share"
# Forward, and twice that backward: Kaplan et al. (arXiv 2001.08361), section 2.1.
TRAINED_FLOP = 3.0
# Weight and gradient in 16 bits, a copy and two moments in 32: Rajbhandari et al., ZeRO (arXiv 1910.02054).
TRAINED_BYTES = 16.0


@formula
def image_s(flop_per_pass: Values, passes: Values, peak_flop_per_s: Values) -> Values:
    """Time of one image if every pass over the model ran at the matrix peak.

    Source: Peebles and Xie, DiT (arXiv 2212.09748), section 4; Ho and Salimans (arXiv 2207.12598) for guidance.
    """
    return flop_per_pass * passes / peak_flop_per_s


def diffusion_training(
    catalogue: Catalogue, model: Diffusion, cluster: Cluster, precision: str = "bf16"
) -> SamplesEstimate:
    """Images trained a second and chip; weights and optimizer state are spread over the cluster.

    Raises:
        InputError: the chip has no matrix peak for `precision` or a wider one.
    """
    held = parameters(model) * TRAINED_BYTES / float(cluster.chips)
    return _estimate(catalogue, model, cluster, precision, TRAINED_FLOP, "trained images", held)


def diffusion_serving(
    catalogue: Catalogue, model: Diffusion, cluster: Cluster, precision: str = "bf16"
) -> SamplesEstimate:
    """Images made a second and chip, all denoising steps and guidance passes included.

    Raises:
        InputError: the chip has no matrix peak for `precision` or a wider one.
    """
    held = parameters(model) * BYTES_PER_ELEMENT[precision]
    passes = float(model.steps * model.guidance_passes)
    return _estimate(catalogue, model, cluster, precision, passes, "images", held)


def _estimate(
    catalogue: Catalogue,
    model: Diffusion,
    cluster: Cluster,
    precision: str,
    passes: float,
    samples: str,
    held_bytes: float,
) -> SamplesEstimate:
    peak = float(cluster.peak_flop_per_s[computed_in(precision, cluster.peak_flop_per_s)])
    flop = pass_flop(token_parameters(model), float(tokens(model)), float(model.hidden), float(layers(model)))
    bound = float(image_s(flop, passes, peak))
    share = catalogue.get(Assumption, SHARE)
    return estimate(catalogue.hash, model.name, cluster, samples, bound, held_bytes, share)
