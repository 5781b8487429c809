"""Power of chips at work and the energy of a training step: the chips alone, as hosts and cooling are a site's."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip
from polysilicon.facts.reading import assumed, read
from polysilicon.performance.values import Values
from polysilicon.records.bounded import Amount, Bounded, exactly
from polysilicon.records.recorder import Leaf, formula
from polysilicon.records.units import J_PER_KWH, KILO


@formula
def chips_power_kw(chips: Amount, tdp_w: Amount) -> Amount:
    """Power of so many accelerators at their TDP.

    Source: makers' data sheets state TDP per accelerator; the sum is arithmetic.
    """
    return chips * tdp_w / KILO


@formula
def load_power_kw(full_kw: Amount, utilisation: Amount, idle_share: Amount, busy_share: Amount) -> Amount:
    """Mean power of equipment that is busy for `utilisation` of the time and idle for the rest.

    Source: Fan, Weber & Barroso, "Power Provisioning for a Warehouse-sized Computer", ISCA 2007 (linear).
    """
    return full_kw * (idle_share * (1.0 - utilisation) + busy_share * utilisation)


@formula
def busy_s(layers_s: Values, head_s: Values, optimizer_s: Values) -> Values:
    """Time of a step in which a chip computes; for the rest it waits for others or for its host.

    Source: Choukse et al., Power Stabilization for AI Training Datacenters (arXiv 2508.14318), section 2: the two
    phases of an iteration.
    """
    return layers_s + head_s + optimizer_s


@formula
def step_energy_j(
    step_s: Values, busy_s: Values, chips: Values, tdp_w: Values, waiting_share: Values, busy_share: Values
) -> Values:
    """Energy that the chips of a job draw in one training step, waiting for communication included.

    Source: Fan, Weber & Barroso, ISCA 2007 (linear in the share of time); phases as in Choukse et al.
    (arXiv 2508.14318), section 2.
    """
    mean_kw: Values = load_power_kw(
        chips_power_kw(chips, tdp_w), np.minimum(busy_s / step_s, 1.0), waiting_share, busy_share
    )
    return mean_kw * KILO * step_s


@formula
def run_energy_mwh(
    step_energy_j: Values,
    step_s: Values,
    stepping_s: Values,
    stalled_s: Values,
    still_s: Values,
    wall_s: Values,
    chips: Values,
    spare_chips: Values,
    tdp_w: Values,
    waiting_share: Values,
    idle_share: Values,
) -> Values:
    """Energy of the chips of a run: stepping, waiting for checkpoints, idle while it restarts, and idle spares.

    Source: Fan, Weber & Barroso, ISCA 2007 (linear in the share of time).
    """
    stepping_j = step_energy_j / step_s * stepping_s
    chip_s = chips * (waiting_share * stalled_s + idle_share * still_s) + spare_chips * idle_share * wall_s
    return (stepping_j + tdp_w * chip_s) / (J_PER_KWH * KILO)


@dataclass(frozen=True)
class ChipPower:
    """What one chip draws: its TDP, and the shares of it while it computes, waits inside a job, and idles."""

    tdp_w: Bounded
    busy_share: Bounded
    waiting_share: Bounded
    idle_share: Bounded


def chip_power(catalogue: Catalogue, chip_id: str, overrides: Mapping[str, float] | None = None) -> ChipPower:
    """The power figures of a chip; as wide as accelerators are where nobody gives its TDP.

    Raises:
        UnknownName: no chip is called so.
    """
    given = (overrides or {}).get("tdp_w")
    if given is not None:
        tdp_w = Bounded(given, given, given, Leaf("tdp_w: yours"))
    else:
        tdp_w = read(catalogue, catalogue.get(Chip, chip_id), "tdp_w")
    if not tdp_w.known:
        tdp_w = assumed(catalogue, "chip-power-where-unknown")
    return ChipPower(
        exactly(tdp_w),
        assumed(catalogue, "chip-busy-power-share"),
        assumed(catalogue, "chip-waiting-power-share"),
        assumed(catalogue, "chip-idle-power-share"),
    )
