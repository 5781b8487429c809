import datetime as dt
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.energy import footprint, total
from polysilicon.facts import Catalogue, load
from polysilicon.facts.hardware import Chip, System
from polysilicon.facts.places import Region
from polysilicon.records.errors import InputError
from polysilicon.records.recorder import Recorder, Step

TODAY = dt.date(2026, 11, 24)


def steps(root: Step) -> list[Step]:
    found = [root]
    for one in (*root.inputs, *root.within):
        found += steps(one)
    return found


def test_the_chain_is_chip_node_network_facility_grid(catalogue: Catalogue) -> None:
    texas, dgx = catalogue.get(Region, "us-tx-dallas"), catalogue.get(System, "dgx-h100")
    made = footprint(catalogue, texas, dgx, as_of=TODAY, hours=8760.0, count=10.0, utilisation=0.7)
    assert made.drawn_kw.value < made.provisioned_kw.value
    assert made.facility_kwh.value == pytest.approx(made.it_kwh.value * made.pue.value)
    assert made.operational_kg.value == pytest.approx(made.facility_kwh.value * 302.9 / 1000.0)
    assert made.total_kg.value == pytest.approx(
        made.operational_kg.value + made.server_kg.value + made.building_kg.value
    )
    assert made.unknown == []
    assert any("building-embodied" in one.origin for one in made.doubtful)
    assert made.to_dict()["carbon_basis"] == "direct"


@given(
    st.floats(0.0, 1000.0),
    st.floats(0.0, 1.0),
    st.sampled_from(["us-or-thedalles", "cn-gz-guian", "sg", "ae-abudhabi"]),
)
def test_no_figure_is_negative_and_every_range_holds_its_value(count: float, utilisation: float, region: str) -> None:
    catalogue = load()
    made = footprint(
        catalogue,
        catalogue.get(Region, region),
        catalogue.get(System, "gb200-nvl72"),
        as_of=TODAY,
        hours=2190.0,
        count=count,
        utilisation=utilisation,
    )
    for name, figure in made.figures().items():
        if figure.known:
            assert 0.0 <= figure.low <= figure.value * (1 + 1e-12), name
            assert figure.value <= figure.high * (1 + 1e-12), name


def test_every_system_in_every_country_keeps_its_ends_in_order(catalogue: Catalogue) -> None:
    places = {region.country: region for region in catalogue.every(Region)}
    for system in catalogue.every(System):
        for region in list(places.values())[::6]:
            made = footprint(catalogue, region, system, as_of=TODAY, hours=1.0, utilisation=0.6)
            for name, figure in made.figures().items():
                assert 0.0 <= figure.low <= figure.high, (system.id, region.id, name)
                assert not figure.known or figure.low <= figure.value <= figure.high, (system.id, region.id, name)


def test_counts_and_utilisations_may_be_arrays(catalogue: Catalogue) -> None:
    texas, dgx = catalogue.get(Region, "us-tx-dallas"), catalogue.get(System, "dgx-h100")
    both = footprint(catalogue, texas, dgx, as_of=TODAY, hours=24.0, count=np.array([1.0, 5.0]))
    one = footprint(catalogue, texas, dgx, as_of=TODAY, hours=24.0)
    assert both.operational_kg.value == pytest.approx(one.operational_kg.value * np.array([1.0, 5.0]))
    busy = footprint(catalogue, texas, dgx, as_of=TODAY, hours=24.0, utilisation=np.array([0.2, 0.9]))
    assert busy.it_kwh.value[0] < busy.it_kwh.value[1]


def test_an_absent_basis_leaves_carbon_unknown_and_energy_known(catalogue: Catalogue) -> None:
    guizhou, atlas = catalogue.get(Region, "cn-gz-guian"), catalogue.get(System, "atlas-800t-a2")
    made = footprint(catalogue, guizhou, atlas, as_of=TODAY, hours=24.0, basis="lifecycle")
    assert made.it_kwh.known
    assert "operational_kg" in made.unknown


def test_two_bases_are_never_added(catalogue: Catalogue) -> None:
    sg, dgx = catalogue.get(Region, "sg"), catalogue.get(System, "dgx-h100")
    direct = footprint(catalogue, sg, dgx, as_of=TODAY, hours=1.0)
    lifecycle = footprint(catalogue, sg, dgx, as_of=TODAY, hours=1.0, basis="lifecycle")
    assert lifecycle.operational_kg.value > direct.operational_kg.value
    with pytest.raises(InputError, match="two bases"):
        total([direct, lifecycle])
    assert total([direct, lifecycle], "it_kwh").value == pytest.approx(2.0 * direct.it_kwh.value)


def test_a_chip_alone_is_a_share_of_a_node(catalogue: Catalogue) -> None:
    texas = catalogue.get(Region, "us-tx-dallas")
    lone = footprint(catalogue, texas, catalogue.get(Chip, "nvidia-h100-sxm-80gb"), as_of=TODAY, hours=1.0)
    whole = footprint(catalogue, texas, catalogue.get(System, "dgx-h100"), as_of=TODAY, hours=1.0)
    assert 8.0 * lone.provisioned_kw.value == pytest.approx(whole.provisioned_kw.value, rel=0.1)


@pytest.mark.parametrize(
    "wrong", [{"count": -1.0}, {"hours": -1.0}, {"utilisation": 1.2}, {"utilisation": float("nan")}]
)
def test_absurd_inputs_are_refused(catalogue: Catalogue, wrong: dict[str, float]) -> None:
    texas, dgx = catalogue.get(Region, "us-tx-dallas"), catalogue.get(System, "dgx-h100")
    with pytest.raises(InputError, match="out of range"):
        footprint(catalogue, texas, dgx, as_of=TODAY, **{"hours": 1.0, **wrong})


def test_a_footprint_explains_itself_down_to_its_records(catalogue: Catalogue) -> None:
    texas, dgx = catalogue.get(Region, "us-tx-dallas"), catalogue.get(System, "dgx-h100")
    with Recorder() as recorder:
        made = footprint(catalogue, texas, dgx, as_of=TODAY, hours=8760.0)
    root = recorder.tree(made.total_kg)
    names = {one.name for one in steps(root)}
    assert {"lifecycle_kg", "operational_kg", "facility_power_kw", "load_power_kw", "server_embodied_kg"} <= names
    leaves = [one for one in steps(root) if one.source.startswith("us-tx-dallas.carbon_intensity_g_per_kwh")]
    assert leaves
    assert all(one.confidence for one in leaves)
    assert any("chip-busy-power-share" in one.source for one in steps(root))


def test_a_coefficient_takes_less_than_a_millisecond(catalogue: Catalogue) -> None:
    texas, dgx = catalogue.get(Region, "us-tx-dallas"), catalogue.get(System, "dgx-h100")
    footprint(catalogue, texas, dgx, as_of=TODAY, hours=1.0)
    best = float("inf")
    for _ in range(20):
        begun = time.perf_counter()
        footprint(catalogue, texas, dgx, as_of=TODAY, hours=1.0)
        best = min(best, time.perf_counter() - begun)
    assert best < 1e-3
