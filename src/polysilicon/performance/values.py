"""The numbers formulas take, a plain float for one candidate or an array for a table of them; and a figure told."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Values: TypeAlias = float | NDArray[np.float64]

PRECISIONS = ("fp32", "tf32", "bf16", "fp16", "fp8", "mxfp8", "int8", "nvfp4", "mxfp4", "int4")
BYTES_PER_ELEMENT = {
    "fp32": 4.0,
    "tf32": 4.0,
    "bf16": 2.0,
    "fp16": 2.0,
    "fp8": 1.0,
    "mxfp8": 1.0,
    "int8": 1.0,
    "nvfp4": 0.5,
    "mxfp4": 0.5,
    "int4": 0.5,
}
# The field of a chip record that states the dense matrix peak of each precision.
PEAK_FIELD = {
    "fp32": "fp32_tflops",
    "tf32": "tf32_tflops",
    "bf16": "bf16_tflops",
    "fp16": "fp16_tflops",
    "fp8": "fp8_tflops",
    "mxfp8": "fp8_tflops",
    "int8": "int8_tops",
    "nvfp4": "fp4_tflops",
    "mxfp4": "fp4_tflops",
    "int4": "int4_tops",
}


@dataclass(frozen=True)
class Range:
    """A figure and the ends of its 90 % interval."""

    value: float
    low: float
    high: float
