"""What the shape of a network leaves of a chip's bandwidth: switch, full mesh, ring and torus; leaves and spine.

A chip's bandwidth is the sum of its links. Through a switch any group of chips uses all of it. In a full mesh a
group uses only the links between its members; in a ring or torus only those along the axes it spans, and messages
to chips further off take up links on their way. Beyond the scale-up domain, `leaf_chips` chips share a leaf switch;
what goes further passes a spine that may be oversubscribed. In a rail-optimised fabric a leaf joins the chips of one
place in many domains, so a collective crosses the spine less often.

A fabric that no record and no user states is neutral: a switch without oversubscription, which is what the
parameters were fitted with. The shape of a domain is read from the words of a *system* record, so a chip that is
asked for by itself keeps the neutral one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula


@dataclass(frozen=True)
class Fabric:
    """Each field a number, or a column with one entry a cluster.

    `torus_axes` is 1 in a ring, 2 or 3 in a torus, else 0; `full_mesh` is 1 where every chip of the domain has a link
    to every other. `oversubscription` is the bandwidth below a leaf over that above it; `leaf_chips` is how many
    chips one leaf joins; `rail` is 1 where they are of different domains. `reducing_scaleup` and `reducing_scaleout`
    are 1 where the switches of that level add up what passes them.
    """

    torus_axes: Values = 0.0
    full_mesh: Values = 0.0
    oversubscription: Values = 1.0
    leaf_chips: Values = np.inf
    rail: Values = 0.0
    reducing_scaleup: Values = 0.0
    reducing_scaleout: Values = 0.0

    @property
    def uneven(self) -> bool:
        """Whether its shape costs any candidate bandwidth."""
        return bool(
            np.any(np.asarray(self.torus_axes) > 0.0)
            or np.any(np.asarray(self.full_mesh) > 0.0)
            or np.any(np.asarray(self.oversubscription) > 1.0)
        )

    @classmethod
    def stack(cls, many: Sequence["Fabric"]) -> "Fabric":
        """One column a field."""
        return cls(**{one.name: np.array([getattr(each, one.name) for each in many], float) for one in fields(cls)})


def shape_of(words: str) -> dict[str, float]:
    """The shape of a scale-up domain that a system record's words state; empty where they state a switch or nothing."""
    said = words.casefold()
    for axes in (1, 2, 3):
        if f"{axes}d torus" in said:
            return {"torus_axes": float(axes)}
    if "full mesh" in said or "direct connect, full" in said:
        return {"full_mesh": 1.0}
    if said.endswith("ring"):
        return {"torus_axes": 1.0}
    return {}


@formula
def domain_chips(scaleup_domain: Values, chips: Values) -> Values:
    """Chips of a job that one scale-up domain joins; a slice of a torus is wrapped like a whole one.

    Source: Jouppi et al., TPU v4 (arXiv 2304.01433), section 2: optically switched slices.
    """
    return np.minimum(scaleup_domain, chips)


@formula
def spanned_axes(inside: Values, domain_chips: Values, torus_axes: Values) -> Values:
    """Axes of a torus that a compact group of chips spans.

    Source: Jouppi et al., TPU v4 (arXiv 2304.01433), section 2.
    """
    side = np.log(np.maximum(domain_chips, 2.0)) / np.maximum(torus_axes, 1.0)
    return np.clip(np.ceil(np.log(np.maximum(inside, 1.0)) / side - 1e-9), 1.0, np.maximum(torus_axes, 1.0))


@formula
def gather_share(
    inside: Values, domain_chips: Values, spanned_axes: Values, torus_axes: Values, full_mesh: Values
) -> Values:
    """Share of a chip's scale-up bandwidth that a gather or reduction among `inside` chips can use.

    A group shorter than an axis of a torus has no wrapped link, which halves what its rings carry.

    Source: Chan et al., Collective communication: theory, practice, and experience (CCPE 19(13), 2007), section 4;
    Jouppi et al., TPU v4 (arXiv 2304.01433), section 2.
    """
    side = np.maximum(domain_chips, 2.0) ** (1.0 / np.maximum(torus_axes, 1.0))
    wrapped = np.where(inside < side * (1.0 - 1e-9), 0.5, 1.0)
    along = np.where(np.asarray(torus_axes) > 0.0, wrapped * spanned_axes / np.maximum(torus_axes, 1.0), 1.0)
    meshed = np.maximum(inside - 1.0, 1.0) / np.maximum(domain_chips - 1.0, 1.0)
    return np.where(np.asarray(full_mesh) > 0.0, np.minimum(meshed, 1.0), along)


@formula
def exchange_share(
    inside: Values, domain_chips: Values, spanned_axes: Values, torus_axes: Values, full_mesh: Values
) -> Values:
    """Share of a chip's scale-up bandwidth that an all-to-all among `inside` chips can use.

    In a torus a message takes a quarter of each spanned side on average, and every hop takes up a link.

    Source: Dally and Towles, Principles and Practices of Interconnection Networks (2004), chapter 3, torus channel
    load; Jouppi et al., TPU v4 (arXiv 2304.01433), section 2.
    """
    whole = gather_share(inside, domain_chips, spanned_axes, torus_axes, full_mesh)
    hops = spanned_axes * np.maximum(inside, 1.0) ** (1.0 / spanned_axes) / 4.0
    return np.where(np.asarray(torus_axes) > 0.0, whole / np.maximum(hops, 1.0), whole)


@formula
def neighbour_share(domain_chips: Values, torus_axes: Values, full_mesh: Values) -> Values:
    """Share of a chip's scale-up bandwidth that one message to one neighbour can use.

    Source: Dally and Towles, Principles and Practices of Interconnection Networks (2004), chapter 3.
    """
    along = np.where(np.asarray(torus_axes) > 0.0, 0.5 / np.maximum(torus_axes, 1.0), 1.0)
    return np.where(np.asarray(full_mesh) > 0.0, 1.0 / np.maximum(domain_chips - 1.0, 1.0), along)


@formula
def leaf_domains(leaf_chips: Values, scaleup_domain: Values, rail: Values) -> Values:
    """Scale-up domains that one leaf joins: as many as it has chips in a rail, else those whose chips it holds.

    Source: Gangidi et al., RDMA over Ethernet for Distributed AI Training at Meta Scale (SIGCOMM 2024, doi
    10.1145/3651890.3672233), section 3; Wang et al., Rail-only (arXiv 2307.12169), section 2.
    """
    return np.where(np.asarray(rail) > 0.0, leaf_chips, np.maximum(leaf_chips / scaleup_domain, 1.0))


@formula
def joined_domains(ranks: Values, inside: Values) -> Values:
    """Scale-up domains that a group of `ranks` chips is spread over, so many `inside` each.

    Source: Narayanan et al., Megatron-LM (SC21, arXiv 2104.04473), section 3: how groups are laid on nodes.
    """
    return np.ceil(ranks / inside)


@formula
def ring_spine_share(domains: Values, leaf_domains: Values, oversubscription: Values) -> Values:
    """Share of the network's bandwidth that rings between domains keep: each crosses the spine once a leaf.

    Source: Gangidi et al. (SIGCOMM 2024, doi 10.1145/3651890.3672233), section 3, oversubscribed aggregation.
    """
    slowed = 1.0 / np.maximum(oversubscription / leaf_domains, 1.0)
    return np.where(domains > leaf_domains, slowed, 1.0)


@formula
def exchange_spine_share(domains: Values, leaf_domains: Values, oversubscription: Values) -> Values:
    """Share of the network's bandwidth that an all-to-all between domains keeps: most messages cross the spine.

    Source: Gangidi et al. (SIGCOMM 2024, doi 10.1145/3651890.3672233), section 3, oversubscribed aggregation.
    """
    crossing = np.maximum(1.0 - leaf_domains / domains, 0.0)
    return 1.0 / np.maximum(oversubscription * crossing, 1.0)


@formula
def shared_bytes_per_s(bytes_per_s: Values, share: Values) -> Values:
    """Bandwidth that the shape of the network leaves.

    Source: Dally and Towles, Principles and Practices of Interconnection Networks (2004), chapter 3.
    """
    return bytes_per_s * share
