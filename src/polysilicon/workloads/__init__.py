"""Workloads: what must be computed.

Architecture in one paragraph: `model` holds frozen descriptions of what is computed (`Transformer`,
`Recommender`, `Diffusion`, `UNet`, `Encoder`); `counts`, `recommender`, `diffusion`, `unet` and `encoder` count their
parameters, FLOPs and bytes (`work` adds up those of one sample over its operators), `recurrence` what layers that keep
a state take; `huggingface` turns a `config.json` into a `Transformer`, `hybrid` its list of mixed layers; `describe`
finds a model by name in the catalogue or by path, whatever its kind;
`task` says what is asked of it: a `Training` run or a `Serving` demand with latency targets. Nothing here knows a chip.
"""

from polysilicon.workloads.describe import describe, transformer
from polysilicon.workloads.huggingface import from_config
from polysilicon.workloads.model import Diffusion, Encoder, LatentAttention, Recommender, Transformer, UNet, Workload
from polysilicon.workloads.task import Serving, Training

__all__ = [
    "Diffusion",
    "Encoder",
    "LatentAttention",
    "Recommender",
    "Serving",
    "Training",
    "Transformer",
    "UNet",
    "Workload",
    "describe",
    "from_config",
    "transformer",
]
