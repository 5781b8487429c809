"""Published carbon figures that the formulas must reproduce from their published inputs."""

import pytest

from polysilicon.energy.carbon import operational_kg
from polysilicon.energy.embodied import (
    carbon_per_area_kg_per_cm2,
    die_embodied_kg,
    memory_embodied_kg,
    server_embodied_kg,
    written_off_kg,
)
from polysilicon.energy.footprint import lifecycle_kg
from polysilicon.energy.power import energy_kwh, facility_power_kw

PATTERSON = "Patterson et al., arXiv 2104.10350, 2021, as in LLMCarbon's table 4"


def training_t(flop: float, flops_per_s: float, devices: int, watts: float, pue: float, kg_per_kwh: float) -> float:
    hours = flop / (flops_per_s * devices) / 3600.0
    drawn_kw = facility_power_kw(devices * watts / 1000.0, pue)
    return operational_kg(energy_kwh(drawn_kw, hours), kg_per_kwh * 1000.0) / 1000.0


@pytest.mark.parametrize(
    ("name", "flop", "rate", "devices", "watts", "pue", "kg_per_kwh", "published_t", "tolerance_pct"),
    [
        ("T5 11B", 6 * 11e9 * 600e9, 45.6e12, 512, 310, 1.12, 0.545, 46.7, 2.56),
        ("GShard 619B", 6 * 2.3e9 * 1e12, 48e12, 1000, 288, 1.09, 0.177, 4.3, 3.76),
        ("Switch 1.5T", 6 * 7.41e9 * 2e12, 34.4e12, 1000, 245, 1.10, 0.330, 59.1, 8.42),
        ("XLM 0.55B", 6 * 0.55e9 * 7e12, 26.5e12, 512, 342, 1.10, 0.413, 39.0, 4.04),
    ],
)
def test_training_emissions_of_five_models(
    name: str,
    flop: float,
    rate: float,
    devices: int,
    watts: float,
    pue: float,
    kg_per_kwh: float,
    published_t: float,
    tolerance_pct: float,
) -> None:
    """Source: Patterson et al., arXiv 2104.10350, 2021, as in LLMCarbon's table 4."""
    ours = training_t(flop, rate, devices, watts, pue, kg_per_kwh)
    assert ours == pytest.approx(published_t, rel=tolerance_pct / 100.0), f"{name}: {PATTERSON}"


@pytest.mark.parametrize(
    ("name", "device_hours", "watts", "kg_per_kwh", "published_t", "tolerance_pct"),
    [
        ("Code Llama", 1.4e6, 400, 0.408, 228.55, 2),
        ("Llama 2", 3.3e6, 400, 0.408, 539.0, 2),
        ("Llama 3.1", 39.3e6, 700, 0.414, 11_390.0, 2),
        ("Llama 3.1 405B", 30.84e6, 700, 0.4137, 8_930.0, 2),
        ("Llama 4", 7.38e6, 700, 0.387, 1_999.0, 3),
    ],
)
def test_model_cards_emissions(
    name: str, device_hours: float, watts: float, kg_per_kwh: float, published_t: float, tolerance_pct: float
) -> None:
    """Source: Meta's model cards; the factor is the one their figures imply, PUE included."""
    ours = operational_kg(energy_kwh(watts / 1000.0, device_hours), kg_per_kwh * 1000.0) / 1000.0
    assert ours == pytest.approx(published_t, rel=tolerance_pct / 100.0), name


def test_blooms_training_and_its_total() -> None:
    """433.196 MWh at 57 g/kWh is 24.7 t; with 14.6 t idle and 11.2 t embodied 50.5 t.

    Source: Luccioni et al., arXiv 2211.02001, 2022.
    """
    dynamic = operational_kg(433_196.0, 57.0)
    assert dynamic == pytest.approx(24_700.0, rel=0.01)
    assert lifecycle_kg(dynamic + 14_600.0, 11_200.0, 0.0) == pytest.approx(50_500.0, rel=0.01)


def test_xlms_embodied_share() -> None:
    """0.66 t for 20.4 days of a five-year life.

    Source: LLMCarbon, table 5: CPUs 1.47 cm² at 1.0 kg, 256 GB DRAM at 0.4, 32 TB SSD at 0.018, V100 8.15 cm² at 1.2,
    others 148.2 kg, as its hardware table lists.
    """
    host = die_embodied_kg(147.0, 1.0) + memory_embodied_kg(256.0, 0.4) + memory_embodied_kg(32_000.0, 0.018)
    whole = 64.0 * server_embodied_kg(8.0, die_embodied_kg(815.0, 1.2), (host + 148.2) / 8.0)
    assert written_off_kg(whole, 20.4 * 24.0, 5.0) == pytest.approx(660.0, rel=0.02)


def test_an_h100_die_at_the_grid_of_taiwan() -> None:
    """814 mm² at 5 nm: 22.6 kg. Source: ACT (Gupta et al., ISCA 2022): 583 g/kWh, 2.75 kWh/cm², yield 0.875."""
    cpa = carbon_per_area_kg_per_cm2(583.0, 2.75, 0.3275, 0.5, 0.875)
    assert die_embodied_kg(814.0, cpa) == pytest.approx(22.6, rel=0.03)


def test_boavizta_is_well_above_nvidias_own_footprint() -> None:
    """Die 119.7 kg, memory 136.7 kg, board 21.8 kg make 278 kg, 1.70 times NVIDIA's 164.

    Source: Boavizta boaviztapi factors (commit 15878f0); NVIDIA HGX H100 PCF summary.
    """
    bottom_up = die_embodied_kg(2_810.4, 4.2592) + memory_embodied_kg(80.0, 1.71) + 21.8
    assert bottom_up == pytest.approx(278.0, rel=0.01)
    assert bottom_up / 164.0 == pytest.approx(1.70, rel=0.01)


def test_geminis_overhead_is_a_pue_of_1_09() -> None:
    """Accelerator 0.58, host 0.25, idle 0.10, overhead 0.08 of a prompt. Source: Google, arXiv 2508.15734, 2025."""
    it_kwh = energy_kwh(0.58 + 0.25 + 0.10, 1.0)
    assert facility_power_kw(it_kwh, 1.09) == pytest.approx(1.01, rel=0.01)
