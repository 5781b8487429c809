"""From a transformer, a mode and a batch to the kernels that eager PyTorch runs for it, each with how often."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from polysilicon.performance.measuring.kernels import (
    ATTENTION,
    ATTENTION_BACK,
    COLD_BYTES,
    DECODE,
    INPUT,
    WEIGHT,
    Kernel,
    Mode,
    product,
)

# Tensors of one layer that the optimizer updates, and those outside the layers.
LAYER_TENSORS, OTHER_TENSORS = 9, 3


@dataclass(frozen=True)
class Job:
    """One run of the reference transformer on one device.

    A training step of `batch` sequences of `sequence` tokens, the reading of as many prompts, or one more token of
    each after `sequence` tokens.
    """

    mode: Mode
    hidden: float
    heads: float
    ffn: float
    layers: float
    vocab: float
    batch: float
    sequence: float

    @property
    def tokens(self) -> float:
        """Tokens of one pass."""
        return self.batch if self.mode == "decode" else self.batch * self.sequence

    @property
    def layer_weights(self) -> float:
        """Weights of the products of a layer."""
        return self.hidden * (4.0 * self.hidden + 3.0 * self.ffn)

    @property
    def weights(self) -> float:
        """All weights."""
        return self.layers * (self.layer_weights + 2.0 * self.hidden) + self.hidden * (2.0 * self.vocab + 1.0)

    @property
    def cached(self) -> float:
        """Elements of the keys and values of all sequences."""
        return 2.0 * self.layers * self.batch * self.sequence * self.hidden

    def memory_bytes(self, element_bytes: float) -> float:
        """Memory that the job needs, generously: weights, gradients, two moments, what backward reads, the scores."""
        if self.mode != "training":
            return element_bytes * (self.weights + self.cached + self.tokens * (8.0 * self.hidden + 4.0 * self.ffn))
        kept = self.layers * (16.0 * self.hidden + 4.0 * self.ffn) + 4.0 * self.vocab
        return element_bytes * (4.0 * self.weights + self.tokens * kept)

    def to_dict(self) -> dict[str, Any]:
        """Its fields."""
        return asdict(self)


Work = Counter[Kernel]


def kernels_of(job: Job, element_bytes: float) -> Work:
    """Every kernel of one run of a job, with how often it runs.

    Source: `measuring/reference.py`, operator by operator; of the backward pass, PyTorch's derivatives of them.
    """
    work = _forward(job, element_bytes)
    if job.mode == "training":
        work.update(_backward(job))
    return work


def _forward(job: Job, element_bytes: float) -> Work:
    tokens, hidden, layers = job.tokens, job.hidden, job.layers
    again = COLD_BYTES if job.mode != "decode" else element_bytes * (job.weights - job.vocab * hidden + job.cached)
    work: Work = Counter()
    for kernel, count in (
        (Kernel("norm", tokens, hidden), 2),
        (product(tokens, hidden, hidden, again), 4),
        (Kernel("rotary", tokens, hidden, job.heads, job.batch), 2),
        (_attention(job, again), 1),
        (Kernel("merge", tokens, hidden, job.heads, job.batch), 1),
        (Kernel("add", tokens, hidden), 2),
        (product(tokens, job.ffn, hidden, again), 2),
        (Kernel("gate", tokens, job.ffn), 1),
        (product(tokens, hidden, job.ffn, again), 1),
    ):
        work[kernel] += int(count * layers)
    if job.mode != "training":
        work[Kernel("cache", tokens, hidden, job.heads, job.batch)] += int(2 * layers)
    told = tokens if job.mode == "training" else job.batch
    work[Kernel("embed", tokens, hidden)] += 1
    work[Kernel("norm", told, hidden)] += 1
    work[product(told, job.vocab, hidden, again)] += 1
    if job.mode == "training":
        work[Kernel("loss", tokens, job.vocab)] += 1
    return work


def _attention(job: Job, again: float) -> Kernel:
    heads, width = job.batch * job.heads, job.hidden / job.heads
    if job.mode == "decode":
        return Kernel(DECODE, 1.0, job.sequence + 1.0, width, heads, again)
    return Kernel(ATTENTION, job.sequence, job.sequence, width, heads)


def _backward(job: Job) -> Work:
    tokens, hidden, layers = job.tokens, job.hidden, job.layers
    work: Work = Counter()
    for columns, inner, count in (
        (hidden, hidden, 4 * layers),
        (job.ffn, hidden, 2 * layers),
        (hidden, job.ffn, layers),
        (job.vocab, hidden, 1.0),
    ):
        work[Kernel(INPUT, tokens, inner, columns)] += int(count)
        work[Kernel(WEIGHT, columns, inner, tokens)] += int(count)
    heads = job.heads, job.batch
    for kernel, count in (
        (Kernel("norm_back", tokens, hidden), 2),
        (Kernel("rotary_back", tokens, hidden, *heads), 2),
        (Kernel(ATTENTION_BACK, job.sequence, job.sequence, hidden / job.heads, job.batch * job.heads), 1),
        (Kernel("merge_back", tokens, hidden, *heads), 2),
        (Kernel("gate_back", tokens, job.ffn), 1),
        # Gradients of what several operators read are added: three projections, two, and twice the residual.
        (Kernel("add", tokens, hidden), 5),
    ):
        work[kernel] += int(count * layers)
    work[Kernel("norm_back", tokens, hidden)] += 1
    work[Kernel("loss_back", tokens, job.vocab)] += 1
    work[Kernel("embed_back", job.vocab + tokens, hidden, tokens)] += 1
    tensors = layers * LAYER_TENSORS + OTHER_TENSORS
    work[Kernel("update", job.weights / tensors, 1.0, 1.0, tensors)] += 1
    return work
