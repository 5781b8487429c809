"""Every kernel in every language that can run here, against PyTorch, in units of the noise floor.

    TRITON_INTERPRET=1 python examples/porting/check.py

The floor is how far PyTorch's own 32 bits lie from its 64; `reference` is plain PyTorch in the format of its inputs.
"""

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from polysilicon.porting.verifying.metrics import floor

sys.path.insert(0, str(Path(__file__).parent))
LANGUAGES = ("kernels_cuda", "kernels_opencl", "kernels_triton")
EPS = 1e-6


def norm_rope(x: Tensor, scale: Tensor, cosine: Tensor, sine: Tensor, eps: float) -> Tensor:
    """The norm of every head, then its halves turned."""
    low, high = (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * scale).chunk(2, -1)
    across, along = cosine[:, None], sine[:, None]
    return torch.cat([low * across - high * along, high * across + low * along], -1)


def bag_sum(table: Tensor, indices: Tensor, offsets: Tensor) -> Tensor:
    """PyTorch's own bags."""
    return torch.nn.functional.embedding_bag(indices, table, offsets, mode="sum", include_last_offset=True)


def quantised_matmul(x: Tensor, q: Tensor, scale: Tensor) -> Tensor:
    """The product with the weights written out."""
    return x @ (q.to(x.dtype) * scale[:, None]).T


REFERENCES: dict[str, Callable[..., Tensor]] = {
    "norm_rope": norm_rope,
    "bag_sum": bag_sum,
    "quantised_matmul": quantised_matmul,
}


def inputs(name: str, small: float = 1.0) -> tuple[object, ...]:
    """What a kernel is given; sizes are no multiples of a block, bags may be empty, `small` scales the numbers."""
    torch.manual_seed(7)
    if name == "norm_rope":
        angles = torch.rand(5, 12) * 6.3
        return small * torch.randn(5, 3, 24), torch.randn(24), angles.cos(), angles.sin(), EPS
    if name == "bag_sum":
        ends = torch.tensor([0, 3, 3, 10, 11, 29, 40])
        return small * torch.randn(97, 20), torch.randint(97, (40,)), ends
    return small * torch.randn(19, 45), torch.randint(-127, 128, (33, 45), dtype=torch.int8), torch.rand(33) / 127


def wide(given: tuple[object, ...]) -> tuple[object, ...]:
    """The same inputs in 64 bits."""
    return tuple(one.double() if isinstance(one, Tensor) and one.is_floating_point() else one for one in given)


def off(answer: Tensor, exact: Tensor) -> float:
    """The relative distance in the Euclidean norm."""
    return float((answer.double().cpu() - exact).norm() / exact.norm())


def ratio(language: str, name: str, small: float = 1.0, device: str = "cpu") -> float:
    """How far a kernel is off, in units of the floor."""
    given, reference = inputs(name, small), REFERENCES[name]
    exact = reference(*wide(given))
    least = floor([off(reference(*given), exact)], "fp32", exact.numel())
    there = [one.to(device) if isinstance(one, Tensor) else one for one in given]
    return off(getattr(importlib.import_module(language), name)(*there), exact) / least


def devices(language: str) -> list[str]:
    """The devices that a language runs on here."""
    on_gpu = ["cuda"] if torch.cuda.is_available() and language != "kernels_opencl" else []
    on_cpu = language != "kernels_triton" or os.environ.get("TRITON_INTERPRET") == "1"
    return [*(["cpu"] if on_cpu else []), *on_gpu]


def main() -> None:
    """A line a kernel and language."""
    for language in LANGUAGES:
        try:
            importlib.import_module(language)
        except ImportError as missing:
            print(f"{language:16} not run: {missing}")
            continue
        for device in devices(language) or ["none: set TRITON_INTERPRET=1, or use a machine with a GPU"]:
            if ":" in device:
                print(f"{language:16} not run on {device}")
                continue
            for name in REFERENCES:
                found = ratio(language, name, device=device), ratio(language, name, 1e-3, device)
                print(f"{language:16} {device:5} {name:17} {found[0]:.2f} floors, {found[1]:.2f} on small inputs")


if __name__ == "__main__":
    main()
