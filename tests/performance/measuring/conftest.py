"""A device made of the analytic model itself: what is to be learned of it is known."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from polysilicon.performance.curves import Silicon
from polysilicon.performance.measuring.campaign import LEARNED, Campaign
from polysilicon.performance.measuring.forms import Table, kernel_s
from polysilicon.performance.measuring.journal import Journal
from polysilicon.performance.measuring.kernels import MODES, STEPS, TRANSFERS, Kernel
from polysilicon.performance.measuring.learning import Knowledge
from polysilicon.performance.measuring.reach import rehearsed
from polysilicon.performance.measuring.timing import Timing
from polysilicon.performance.measuring.truth import predicted_s

DTYPE = "fp32"
LAYER_S, STRETCH = 2e-4, 1.08


@dataclass
class Analytic:
    """A chip that takes exactly as long as its parameters say, times a little noise, on a clock of its own."""

    silicon: Silicon
    parameters: dict
    noise: float = 0.01
    now_s: float = 0.0
    timed: list = field(default_factory=list)
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))

    def seconds(self, kernel: Kernel) -> float:
        if kernel.kind in TRANSFERS:
            return 1e-3
        if kernel.kind in STEPS.values():
            return predicted_s(rehearsed(kernel), DTYPE, self.parameters, self.silicon)
        return float(kernel_s(Table.of([kernel]), DTYPE, self.parameters, self.silicon)[0])

    def take(self, dtype: str, kernel: Kernel, most_s: float) -> Timing:
        seconds = self.seconds(kernel) * (1.0 + self.noise * self.random.uniform())
        self.now_s += max(8 * seconds, 0.05)
        self.timed.append((dtype, kernel))
        return Timing(seconds, 0.01, 7, trusted=True)

    def clock(self) -> float:
        return self.now_s

    def campaign(self, journal=None, budget_s=16.0, **others) -> Campaign:
        return Campaign(
            self.take,
            DTYPE,
            Journal(None, {}) if journal is None else journal,
            budget_s,
            units=float(self.silicon.units),
            cache_bytes=float(self.silicon.cache_bytes),
            memory_bytes=16e9,
            peaks=(DTYPE,),
            said=lambda words, share: None,
            clock=self.clock,
            **others,
        )


@pytest.fixture
def analytic() -> Analytic:
    """Two units, 200 GFLOP/s, 20 GB/s, 32 MB of cache; every parameter half a prior's spread off its middle."""
    silicon = Silicon(2.0, 20e9, 32e6, {"fp32": 2e11, "bf16": 2e11})
    random = np.random.default_rng(3)
    parameters = {}
    for kind in LEARNED:
        known = Knowledge.none(kind, DTYPE, silicon)
        spread = np.array([known.before[name].spread for name in known.names])
        small = np.array([0.1 if known.before[name].straight else 0.5 for name in known.names])
        parameters |= known.parameters(known.point + small * spread * random.uniform(-1, 1, len(spread)))
    for mode in MODES:
        parameters |= {f"step.{DTYPE}.{mode}.stretch": STRETCH, f"step.{DTYPE}.{mode}.layer_s": LAYER_S}
    return Analytic(silicon, parameters)
