"""How published training recipes set the precision of each kind of tensor."""

from typing import Literal

from polysilicon.facts.record import Quantity, Ratio, Record

Precision = Literal["fp32", "tf32", "bf16", "fp16", "fp8", "mxfp8", "int8", "nvfp4", "mxfp4", "int4"]


class TrainingRecipe(Record, frozen=True, kw_only=True):
    """The precisions of one recipe; bytes are a weight, but for `dispatch_bytes`, which are an activation's.

    `forward`, `backward` and `attention` are what the products run in; `wide_share` is the share of the layers'
    products that stay in 16 bits. `optimizer_bytes` counts master copy and moments. `frozen` says that the weights
    stay fixed and adapters are trained beside them. `quality_loss` says in words what was measured, or `unknown`.
    """

    name: str
    forward: Precision
    backward: Precision | None = None
    attention: Precision | None = None
    wide_share: Ratio | None = None
    weight_bytes: Quantity | None = None
    gradient_bytes: Quantity | None = None
    reduce_bytes: Quantity | None = None
    gather_bytes: Quantity | None = None
    optimizer_bytes: Quantity | None = None
    dispatch_bytes: Quantity | None = None
    frozen: bool = False
    quality_loss: str = "unknown"
