"""DDIM and PLMS sampling of a noise model of one layer, on the CPU; the default device of the samplers."""

from types import SimpleNamespace

import torch
from stand_in import stand_in, torchvision

torchvision()
stand_in("pytorch_lightning", "open_clip", "kornia")
from ldm.models.diffusion.ddim import DDIMSampler
from ldm.models.diffusion.plms import PLMSSampler

betas = torch.linspace(1e-4, 2e-2, 20)
kept = torch.cumprod(1 - betas, 0)
layer = torch.nn.Conv2d(2, 2, 1)
model = SimpleNamespace(
    num_timesteps=20, betas=betas, alphas_cumprod=kept, device=torch.device("cpu"), parameterization="eps",
    alphas_cumprod_prev=torch.cat([torch.ones(1), kept[:-1]]), apply_model=lambda x, t, c: layer(x),
)  # fmt: skip
for sampler in (DDIMSampler, PLMSSampler):
    made = sampler(model, device=torch.device("cpu"))
    out, _ = made.sample(S=5, batch_size=2, shape=(2, 4, 4), verbose=False)
    print(sampler.__name__, out.sum().item())
    print(sampler(model).device)
