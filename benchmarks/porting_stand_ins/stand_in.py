"""Stand-ins for packages that a program imports and does not need for what it is traced for."""

import sys
from unittest.mock import MagicMock

import torch


def stand_in(*names: str) -> None:
    """Modules that answer any question with another stand-in."""
    for name in names:
        module = MagicMock(name=name)
        module.__path__, module.__spec__ = [], None
        sys.modules[name] = module


def torchvision() -> None:
    """A torchvision built for another PyTorch lacks its operators; the rest of it serves."""
    if hasattr(torch.ops.torchvision, "nms"):
        return
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    # A library is forgotten with the object that made it.
    torchvision.library = library
