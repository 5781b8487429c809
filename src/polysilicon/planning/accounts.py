"""What an answer costs, draws and emits, quarter by quarter."""

from dataclasses import dataclass

import numpy as np

from polysilicon.planning import money
from polysilicon.planning.constraints.demand import scaled
from polysilicon.planning.instance import Instance
from polysilicon.records.interval import Floats


@dataclass(frozen=True)
class Accounts:
    """Units that stand (P, T), and sums by quarter; `cost_musd` has hardware as an annuity, rent, running, porting."""

    stands: Floats
    hardware_musd: Floats
    rent_musd: Floats
    running_musd: Floats
    porting_musd: Floats
    cash_musd: Floats
    power_kw: Floats
    energy_mwh: Floats
    operational_t: Floats
    embodied_t: Floats
    water_m3: Floats

    @property
    def cost_musd(self) -> Floats:
        """The economic cost."""
        return self.hardware_musd + self.rent_musd + self.running_musd + self.porting_musd

    @property
    def carbon_t(self) -> Floats:
        """Operational, and embodied written off over the hardware's life."""
        return self.operational_t + self.embodied_t


def accounts(instance: Instance, units: Floats, stands: Floats, ported: Floats) -> Accounts:
    """The sums of an answer (or of a relaxed one)."""

    def paid(coefficients: Floats) -> Floats:
        total: Floats = np.einsum("cps,cpsq->q", units, coefficients)
        return total

    contracts = money.contract_musd(instance)
    hardware, rent = contracts.copy(), contracts.copy()
    hardware[money.RESERVE :] = 0.0
    rent[money.OWN] = 0.0
    porting = np.zeros(len(instance.quarters))
    if instance.porting_musd:
        porting[0] = ported @ np.asarray([instance.porting_musd[code] for code in sorted(instance.porting_musd)])
    kept = (instance.standing * instance.running_musd).sum(axis=0)
    return Accounts(
        stands=stands,
        hardware_musd=paid(hardware),
        rent_musd=paid(rent),
        running_musd=paid(money.running_musd(instance)) + kept,
        porting_musd=porting,
        cash_musd=paid(money.cash_musd(instance)) + kept + porting,
        power_kw=instance.power_kw @ stands,
        energy_mwh=(instance.energy_mwh * stands).sum(axis=0),
        operational_t=(instance.carbon_t * stands).sum(axis=0),
        embodied_t=(instance.embodied_t * stands).sum(axis=0),
        water_m3=(instance.water_m3 * stands).sum(axis=0),
    )


def met(instance: Instance, use: Floats) -> Floats:
    """The fraction of each task's demand met, (W, T); of a run, what of it was done in each quarter."""
    done: Floats = np.einsum("wpq,wpq->wq", use, scaled(instance))
    return done


def contract_spend_musd(instance: Instance, units: Floats) -> Floats:
    """Annuities and rents by place over the horizon: what vendor and country shares are counted in."""
    spend: Floats = np.einsum("cps,cpsq->p", units, money.contract_musd(instance))
    return spend
