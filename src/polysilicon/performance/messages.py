"""Time of one collective of a communication library among chips, by message size and ranks.

A library switches protocols: a quick one for small messages that keeps little of the bandwidth, and a full one with a
longer start. Each is alpha-beta: a start, hops between ranks, and what a rank must send over its link. A protocol that
sends to every other rank at once, instead of around a ring, sends more the more ranks there are. Tokens of a mixture of
experts are sent to the ranks of their experts and back, once for each rank that any of them lies on.

The parameters are fitted to libraries that were timed alone (`measurements/operators/`). Link rates come from the
record of the chip, so that they carry over; a chip that was never timed has its family's shares of them.
"""

from typing import NamedTuple

import numpy as np

from polysilicon.performance.operators import held, overlapped_s, smooth_ratio
from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula

# How sharply a library switches to the protocol that is faster.
SWITCH = 4.0
# Libraries were timed among 2 to 8 ranks; what grows with ranks is held from here on.
MOST_RANKS = 16.0


class MessageCurve(NamedTuple):
    """What the time of one collective of one library depends on, each a number or a column.

    `quick_bytes_per_s`, `full_bytes_per_s`: what the two protocols keep of a link between two ranks. `quick_growth`,
    `full_growth`: how much more each sends with more ranks, as a power of them: 0 around a ring, 1 where each rank
    sends all it has to every other. `start_s`: launch. `hop_s`: from one rank to the next. `lag_s`: what the full
    protocol takes longer to start. `launch_s`: what the host takes to launch one after another where no graph was
    recorded, beside which they run.
    """

    quick_bytes_per_s: Values
    full_bytes_per_s: Values
    quick_growth: Values
    full_growth: Values
    start_s: Values
    hop_s: Values
    lag_s: Values
    launch_s: Values
    surface: tuple[Values, ...]


class ExchangeCurve(NamedTuple):
    """What the time of sending tokens to their experts or back depends on, each a number or a column.

    `link_bytes_per_s`, `network_bytes_per_s`: what is kept of the links inside a domain and between domains.
    `token_s`: what each token costs to pack. `start_s`: launch and handshake. `rank_s`: what each rank adds.
    `domain_s`: what another domain adds. `saturating`: compute units that fill the links.
    """

    link_bytes_per_s: Values
    network_bytes_per_s: Values
    token_s: Values
    start_s: Values
    rank_s: Values
    domain_s: Values
    saturating: Values
    surface: tuple[Values, ...]


@formula
def sent_ratio(ranks: Values, passes: Values) -> Values:
    """Bytes that each rank sends over the size of the message: `passes` times what the other ranks hold of it.

    Source: Thakur, Rabenseifner, Gropp, Optimization of Collective Communication Operations in MPICH (IJHPCA 19(1),
    2005): 2 passes for an all-reduce, 1 for a gather, a reduce-scatter or an exchange.
    """
    return passes * (ranks - 1.0) / ranks


@formula
def collective_s(message_bytes: Values, ranks: Values, passes: Values, curve: MessageCurve) -> Values:
    """Time of a collective over a message of `message_bytes` among `ranks` chips; nothing for a rank alone.

    Source: Hockney, The communication challenge for MPP (Parallel Computing 20(3), 1994), alpha-beta; Thakur,
    Rabenseifner, Gropp (IJHPCA 19(1), 2005), rings against algorithms of fewer steps that send more; NVIDIA NCCL
    documentation, NCCL_PROTO: LL, LL128 and Simple; parameters from the fit of measurements/operators/.
    """
    sent_bytes = message_bytes * sent_ratio(ranks, passes)
    more = np.minimum(np.maximum(ranks, 2.0), MOST_RANKS) / 2.0
    begin_s = curve.start_s + curve.hop_s * (ranks - 1.0)
    quick_s = begin_s + sent_bytes * more**curve.quick_growth / curve.quick_bytes_per_s
    full_s = begin_s + curve.lag_s + sent_bytes * more**curve.full_growth / curve.full_bytes_per_s
    faster_s = (quick_s**-SWITCH + full_s**-SWITCH) ** (-1.0 / SWITCH)
    axes = held(message_bytes, 18.0, 10.0), held(ranks, 2.0, 2.0)
    device_s = faster_s * smooth_ratio(axes, curve.surface)
    return np.where(ranks > 1.0, overlapped_s(device_s, curve.launch_s, SWITCH), 0.0)


@formula
def holders(top_k: Values, places: Values) -> Values:
    """Of `places` that share the experts evenly, how many hold at least one of a token's `top_k`.

    Source: DeepSeek-AI, DeepSeek-V3 (arXiv 2412.19437), section 3.2.2: a token is sent once to each place.
    """
    return places * (1.0 - (1.0 - 1.0 / places) ** top_k)


@formula
def exchange_s(
    tokens: Values,
    token_bytes: Values,
    top_k: Values,
    ranks: Values,
    domains: Values,
    communicating: Values,
    curve: ExchangeCurve,
) -> Values:
    """Time of sending `tokens` tokens of each rank, of `token_bytes` bytes, to their experts or of bringing them back.

    The experts lie on `ranks` chips in `domains` scale-up domains; `communicating` compute units do the sending.

    Source: DeepSeek-AI, DeepEP (2025) and DeepSeek-V3 (arXiv 2412.19437), section 3.2.2; parameters from the fit of
    measurements/operators/.
    """
    inside = ranks / domains
    share = np.minimum(1.0, communicating / curve.saturating)
    near = holders(top_k, ranks) * (inside - 1.0) / inside
    far = holders(top_k, domains) * (domains - 1.0) / domains
    near_s = tokens * token_bytes * near / curve.link_bytes_per_s / share
    # Inside one domain the rate of the network is not asked for, and may be unknown.
    far_s = np.where(domains > 1.0, tokens * token_bytes * far / curve.network_bytes_per_s / share, 0.0)
    slower_s = (near_s**SWITCH + far_s**SWITCH) ** (1.0 / SWITCH)
    begin_s = curve.start_s + curve.rank_s * (ranks - 1.0) + curve.domain_s * (domains - 1.0)
    axes = held(tokens, 8.0, 8.0), held(ranks, 3.0, 3.0), held(token_bytes, 13.0, 2.0)
    whole_s = (begin_s + curve.token_s * tokens + slower_s) * smooth_ratio(axes, curve.surface)
    return np.where(ranks > 1.0, whole_s, 0.0)
