"""What one sample costs, whatever the model's architecture: sums over its operators."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from polysilicon.records.recorder import formula
from polysilicon.workloads.counts import Values


@dataclass(frozen=True)
class Work:
    """One sample's forward pass, and the sizes that training it moves and holds.

    `product_flop` is of matrix products and convolutions, `core_flop` of attention proper. `moved_elements` are the
    values that all operators read and write, each once; `kept_elements` those that the backward pass needs again, and
    `edge_elements` the inputs of the blocks, which are kept where blocks are computed again. `kernels` are launched
    once a micro-batch, whatever its size. `parameters` are trained; `frozen_flop` is of encoders that only run forward.
    `layers`, `hidden` and `tokens` are of the transformer blocks that tensor and context parallelism can cut; 0 layers
    where the model has none that they can. Each is a number, or a column of models.
    """

    product_flop: Values
    core_flop: Values
    moved_elements: Values
    kept_elements: Values
    kernels: Values
    parameters: Values
    frozen_flop: Values = 0.0
    edge_elements: Values = 0.0
    layers: Values = 0.0
    hidden: Values = 0.0
    tokens: Values = 0.0

    @classmethod
    def stack(cls, many: Sequence["Work"]) -> "Work":
        """Models as one column of models."""
        return cls(**{one.name: np.array([getattr(work, one.name) for work in many], float) for one in fields(cls)})

    @property
    def flop(self) -> Values:
        """All arithmetic of the forward pass, frozen encoders aside."""
        return self.product_flop + self.core_flop

    def __add__(self, other: "Work") -> "Work":
        """Operators one after another; what can be cut is that of the first."""
        return Work(
            self.product_flop + other.product_flop,
            self.core_flop + other.core_flop,
            self.moved_elements + other.moved_elements,
            self.kept_elements + other.kept_elements,
            self.kernels + other.kernels,
            self.parameters + other.parameters,
            self.frozen_flop + other.frozen_flop,
            self.edge_elements + other.edge_elements,
            self.layers,
            self.hidden,
            self.tokens,
        )


@formula
def convolution_flop(positions: float, inner: float, outer: float, taps: float) -> float:
    """Floating-point operations of a convolution at `positions` output positions; a matrix product has one tap.

    Source: Dumoulin and Visin, A guide to convolution arithmetic (arXiv 1603.07285); a multiply and an add each.
    """
    return 2.0 * positions * inner * outer * taps


@formula
def attended_flop(queries: float, keys: float, width: float) -> float:
    """Forward operations of attention proper: scores, and the weighted sum of values.

    Source: Vaswani et al. (arXiv 1706.03762), section 3.2.1; Korthikanti et al. (arXiv 2205.05198), appendix A.
    """
    return 4.0 * queries * keys * width


@formula
def encoder_flop(parameters: float, tokens: float) -> float:
    """Forward operations of a frozen encoder on one sample: two for each weight that a token meets.

    Source: Kaplan et al., Scaling Laws (arXiv 2001.08361), section 2.1.
    """
    return 2.0 * parameters * tokens


def product(positions: float, inner: float, outer: float, taps: float = 1.0) -> Work:
    """A convolution or matrix product with its weights: inputs read, results written, inputs kept."""
    return Work(
        convolution_flop(positions, inner, outer, taps),
        0.0,
        positions * (inner + outer),
        positions * inner,
        1.0,
        inner * outer * taps,
    )


def attention(queries: float, keys: float, width: float) -> Work:
    """Fused attention without its projections: queries, keys and values read, the result written, all kept."""
    values = 2.0 * queries * width + 2.0 * keys * width
    return Work(0.0, attended_flop(queries, keys, width), values, values, 1.0, 0.0)


def edge(elements: float) -> Work:
    """The input of a block that can be computed again from it."""
    return Work(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, edge_elements=elements)


def streamed(elements: float, kept: float = 0.0, kernels: float = 1.0) -> Work:
    """Memory-bound operators: norms, activations, residuals."""
    return Work(0.0, 0.0, elements, kept, kernels, 0.0)
