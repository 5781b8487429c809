"""What is timed and what a model is made of: one record for both, so that nothing is predicted that can't be timed."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Mode = Literal["training", "prefill", "decode"]
MODES: tuple[Mode, ...] = ("training", "prefill", "decode")
# The kinds of matrix product. A row or a few meet other kernels than many; the two of the backward pass read their
# operands in another order.
VECTOR, PAIR, FEW, PRODUCT, INPUT, WEIGHT = "vector", "pair", "few", "product", "input", "weight"
PRODUCTS = (PRODUCT, INPUT, WEIGHT, FEW, PAIR, VECTOR)
# Rows from which on a product is no longer a vector's, that of two or three rows, or that of a few.
PAIR_ROWS, FEW_ROWS, MANY_ROWS = 2, 4, 32
ATTENTION, ATTENTION_BACK, DECODE = "attention", "attention_back", "decode"
ATTENTIONS = (ATTENTION, ATTENTION_BACK, DECODE)
# Memory-bound kinds, with the passes over their elements that no implementation saves: what is read, what is written.
STREAMS: dict[str, float] = {
    "norm": 2.0,
    "norm_back": 3.0,
    "rotary": 2.0,
    "rotary_back": 2.0,
    "merge": 2.0,
    "merge_back": 2.0,
    "gate": 3.0,
    "gate_back": 5.0,
    "add": 3.0,
    "loss": 2.0,
    "loss_back": 2.0,
    "embed": 2.0,
    "embed_back": 2.0,
    "cache": 2.0,
    "update": 7.0,
}
# Whole steps of a small model, by mode: `rows` tokens of a sequence, `columns` wide, `inner` layers deep.
STEPS: dict[Mode, str] = {"training": "step_training", "prefill": "step_prefill", "decode": "step_decode"}
# The link between host and device, in both directions; a CPU has none.
TRANSFERS = ("to_device", "to_host")
KINDS = (*PRODUCTS, *ATTENTIONS, *STREAMS, *STEPS.values(), *TRANSFERS)
# The footprint of what is never still in a cache.
COLD_BYTES = 2.0**40


@dataclass(frozen=True, order=True)
class Kernel:
    """One operator of eager PyTorch with its sizes.

    A product multiplies `rows x inner` by `inner x columns`. Attention has `rows` queries over `columns` keys in
    `batch` heads of width `inner`. A stream passes over `rows x columns` elements, an update over `batch` such
    tensors. `footprint_bytes` is what else is read before the same weights are read again: it decides whether they
    are still in the cache.
    """

    kind: str
    rows: float
    columns: float
    inner: float = 1.0
    batch: float = 1.0
    footprint_bytes: float = COLD_BYTES

    def to_dict(self) -> dict[str, Any]:
        """Its fields."""
        return asdict(self)

    @property
    def sizes(self) -> tuple[float, ...]:
        """Its numbers, in the order of the fields."""
        return self.rows, self.columns, self.inner, self.batch, self.footprint_bytes


def product(rows: float, columns: float, inner: float, footprint_bytes: float = COLD_BYTES) -> Kernel:
    """A product of activations and a weight in the forward pass: which kind it is follows from its rows."""
    kind = VECTOR if rows < PAIR_ROWS else PAIR if rows < FEW_ROWS else FEW if rows < MANY_ROWS else PRODUCT
    return Kernel(kind, rows, columns, inner, footprint_bytes=footprint_bytes if kind != PRODUCT else COLD_BYTES)
