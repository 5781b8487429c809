"""What one sample costs, of any model whose unit is a sample."""

from polysilicon.workloads import diffusion, encoder, recommender, unet
from polysilicon.workloads.model import Diffusion, Encoder, Recommender, UNet
from polysilicon.workloads.work import Work

Sampled = Recommender | Diffusion | UNet | Encoder


def sample_work(model: Sampled) -> Work:
    """One sample's forward pass: an image or video, a text, or a user's row; embedding tables are not in it."""
    if isinstance(model, Recommender):
        return recommender.row_work(model)
    if isinstance(model, Encoder):
        return encoder.text_work(model)
    return unet.image_work(model) if isinstance(model, UNet) else diffusion.image_work(model)
