"""Formulas of how experts and their rows lie on chips: cuts of their own, uneven routing, capacity."""

import numpy as np

from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula


@formula
def expert_degree(tp: Values, expert_tp: Values) -> Values:
    """Tensor ranks that share one expert: all of them, unless the experts have a degree of their own.

    Source: Liu et al., MoE Parallel Folding (arXiv 2504.14960), section 3.
    """
    return np.where(np.asarray(expert_tp) > 0.0, expert_tp, tp)


@formula
def expert_cut(ep: Values, tp: Values, expert_degree: Values) -> Values:
    """By how much the experts of a layer are cut beyond `tp`: their ranks, in whole tensor-parallel groups.

    Source: Liu et al., MoE Parallel Folding (arXiv 2504.14960), section 3.
    """
    return ep * (expert_degree / tp)


@formula
def busiest_rows(rows: Values, ep: Values, imbalance: Values, capacity_factor: Values) -> Values:
    """Token copies that the busiest expert-parallel rank works on; all others wait for it.

    Dropless routing gives it `imbalance` times the mean. With a capacity every expert's rows are padded or dropped
    to so many times the mean.

    Source: Gale et al., MegaBlocks (arXiv 2211.15841), section 3; Fedus et al., Switch Transformers
    (arXiv 2101.03961), section 2.2.
    """
    dropless = np.where(np.asarray(ep) > 1.0, imbalance, 1.0)
    return rows * np.where(np.asarray(capacity_factor) > 0.0, capacity_factor, dropless)


@formula
def local_rows(rows: Values, tp: Values, expert_degree: Values) -> Values:
    """Token copies that a chip's experts work on: those of the tensor ranks that share its experts.

    Source: Liu et al., MoE Parallel Folding (arXiv 2504.14960), section 3.
    """
    return rows * (expert_degree / tp)


@formula
def copies(experts_per_token: Values, ep: Values, chips: Values) -> Values:
    """Chips that a token is sent to, of the `chips` that share experts: those that hold slices of one it chooses.

    Each of `ep` ranks is chosen by chance, and gets a token once however many of its experts are.

    Source: DeepSeek-AI, DeepEP (2025), normal kernels; Feller, An Introduction to Probability Theory (1968), section
    IV.2, empty cells.
    """
    return chips * (1.0 - (1.0 - 1.0 / ep) ** np.maximum(experts_per_token, 1.0))


@formula
def sent_rows(rows: Values, experts_per_token: Values, copies: Values, sent_once: Values) -> Values:
    """Token copies that leave for experts: one for each expert chosen, or for each chip that holds any of them.

    Source: DeepSeek-AI, DeepEP (2025), normal kernels; NVIDIA, Megatron-Core, the `flex` token dispatcher.
    """
    return rows * np.where(np.asarray(sent_once) > 0.0, copies / np.maximum(experts_per_token, 1.0), 1.0)
