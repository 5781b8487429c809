"""Diffusion models: images made a second and chip. Unvalidated: see `SamplesEstimate`."""

from polysilicon.facts import Catalogue
from polysilicon.facts.money import Assumption
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.samples import SamplesEstimate, estimate, stored_bytes
from polysilicon.performance.serving_formats import computed_in
from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula
from polysilicon.workloads.model import Diffusion, UNet
from polysilicon.workloads.samples import sample_work

SHARE = "diffusion-achieved-share"


@formula
def image_s(flop_per_pass: Values, passes: Values, peak_flop_per_s: Values) -> Values:
    """Time of one image if every pass over the model ran at the matrix peak.

    Source: Peebles and Xie, DiT (arXiv 2212.09748), section 4; Ho and Salimans (arXiv 2207.12598) for guidance.
    """
    return flop_per_pass * passes / peak_flop_per_s


def diffusion_serving(
    catalogue: Catalogue, model: Diffusion | UNet, cluster: Cluster, precision: str = "bf16"
) -> SamplesEstimate:
    """Images made a second and chip, all denoising steps and guidance passes included.

    Raises:
        InputError: the chip has no matrix peak for `precision` or a wider one.
    """
    work = sample_work(model)
    peak = float(cluster.peak_flop_per_s[computed_in(precision, cluster.peak_flop_per_s)])
    bound = float(image_s(work.flop, float(model.steps * model.guidance_passes), peak))
    held = float(work.parameters) * stored_bytes(precision)
    share = catalogue.get(Assumption, SHARE)
    return estimate(catalogue.hash, model.name, cluster, "images", bound, held, share)
