"""Layers that keep a state of fixed size in place of a cache: what one of them weighs, keeps, computes and moves."""

from dataclasses import dataclass

from polysilicon.workloads.model import LinearAttention, StateSpace, Transformer

# Tokens that linear attention takes through its state at once while it reads a prompt.
# Source: Yang and Zhang, flash-linear-attention (2024), the chunk size of its gated delta rule.
LINEAR_CHUNK = 64.0


@dataclass(frozen=True)
class Recurrence:
    """One layer with a state. Widths and operations of one token; `state_values` are kept of one sequence.

    Products make `projected_width` values of a token, of which `convolved_width` pass a short `convolution`; a scan
    takes those through the state and leaves `inner_width`, which a gate and a norm turn into what the last product
    reads. `scan_flop` are the scan's operations where it takes tokens chunk by chunk.
    """

    hidden: float
    convolution: float
    projected_width: float
    convolved_width: float
    inner_width: float
    scan_flop: float
    state_values: float

    @property
    def output_weights(self) -> float:
        """Weights of the last product."""
        return self.hidden * self.inner_width

    @property
    def weights(self) -> float:
        """Weights of the products and of the convolution."""
        return self.hidden * self.projected_width + self.output_weights + self.convolution * self.convolved_width

    @property
    def scan_values(self) -> float:
        """Values that the scan reads and writes: what was convolved, and twice the width of what it leaves."""
        return self.convolved_width + 2.0 * self.inner_width

    @property
    def streamed_width(self) -> float:
        """Values that kernels beside products and scan read and write, in pairs: one a convolved, three a gated one."""
        return self.convolved_width + 1.5 * self.inner_width

    @property
    def kept_width(self) -> float:
        """Values kept for a backward pass: what the first product made, what the scan left, and that normed."""
        return self.projected_width + 2.0 * self.inner_width


NONE = Recurrence(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def recurrence(model: Transformer) -> Recurrence:
    """One layer of `model` with a state; all nought where it has none."""
    if isinstance(model.linear, StateSpace):
        return _state_space(model.linear, float(model.hidden))
    return _delta_rule(model.linear, float(model.hidden)) if model.linear else NONE


def _delta_rule(one: LinearAttention, hidden: float) -> Recurrence:
    """Queries, keys, values, gates and decay; products within a chunk, and three with the state.

    Source: Yang et al., Gated Delta Networks (arXiv 2412.06464), section 3.3, the chunkwise form.
    """
    keys, values, heads = float(one.key_heads * one.key_dim), float(one.value_heads * one.value_dim), one.value_heads
    within = 2.0 * LINEAR_CHUNK * (3.0 * one.key_dim + 2.0 * one.value_dim)
    scan_flop = heads * (within + 6.0 * one.key_dim * one.value_dim)
    widths = 2.0 * (keys + values + heads), 2.0 * keys + values, values
    return Recurrence(hidden, one.convolution, *widths, scan_flop, float(heads * one.key_dim * one.value_dim))


def _state_space(one: StateSpace, hidden: float) -> Recurrence:
    """Inputs, their gate, both projections of the state and a step a head; products within a chunk, two with the state.

    Source: Dao and Gu (arXiv 2405.21060), section 6, the block decomposition; section 8.1, the parallel block.
    """
    inner, projections = float(one.heads * one.head_dim), float(one.groups * one.state)
    scan_flop = 2.0 * one.chunk * (projections + inner) + 4.0 * one.state * inner
    widths = 2.0 * (inner + projections) + one.heads, inner + 2.0 * projections, inner
    return Recurrence(hidden, one.convolution, *widths, scan_flop, inner * one.state)
