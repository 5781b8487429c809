"""A CLIP of one layer a tower: its loss and gradients."""

import sys

import torch
from stand_in import torchvision

torchvision()
sys.path.insert(0, "src")
from open_clip import ClipLoss
from open_clip.model import CLIP

model = CLIP(
    16,
    {"layers": 1, "width": 64, "head_width": 32, "patch_size": 16, "image_size": 32},
    {"context_length": 10, "vocab_size": 50, "width": 32, "heads": 2, "layers": 1},
)
image, text, scale = model(torch.randn(4, 3, 32, 32), torch.randint(1, 49, (4, 10)))[:3]
loss = ClipLoss()(image, text, scale)
loss.backward()
print(loss.item())
