import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.facts.hardware import System
from polysilicon.performance import Cluster, Layouts
from polysilicon.performance.fabric import (
    Fabric,
    exchange_share,
    exchange_spine_share,
    gather_share,
    leaf_domains,
    neighbour_share,
    ring_spine_share,
    shape_of,
    spanned_axes,
)

POWER = st.sampled_from([1, 2, 4, 8, 16, 64])
AXES = st.sampled_from([0.0, 1.0, 2.0, 3.0])


@given(POWER, POWER, AXES, st.sampled_from([0.0, 1.0]))
def test_no_shape_gives_more_than_all_of_a_chips_links(inside, domain, axes, meshed):
    inside = float(min(inside, domain))
    spanned = spanned_axes(inside, float(domain), axes)
    for share in (gather_share, exchange_share):
        assert 0 < share(inside, float(domain), spanned, axes, meshed) <= 1
    assert 0 < neighbour_share(float(domain), axes, meshed) <= 1


@given(POWER, POWER)
def test_a_switch_leaves_everything(inside, domain):
    inside = float(min(inside, domain))
    for share in (gather_share, exchange_share):
        assert share(inside, float(domain), 1.0, 0.0, 0.0) == 1
    assert neighbour_share(float(domain), 0.0, 0.0) == 1
    assert not Fabric().uneven


def test_a_pair_in_a_full_mesh_has_one_link_of_seven():
    assert np.isclose(gather_share(2.0, 8.0, 1.0, 0.0, 1.0), 1 / 7)
    assert gather_share(8.0, 8.0, 1.0, 0.0, 1.0) == 1


def test_a_ring_along_one_axis_of_a_cube_has_a_third_and_half_of_it_without_a_wrap():
    assert spanned_axes(4.0, 64.0, 3.0) == 1
    assert spanned_axes(64.0, 64.0, 3.0) == 3
    assert np.isclose(gather_share(4.0, 64.0, 1.0, 3.0, 0.0), 1 / 3)
    assert np.isclose(gather_share(2.0, 64.0, 1.0, 3.0, 0.0), 1 / 6)
    assert gather_share(64.0, 64.0, 3.0, 3.0, 0.0) == 1
    assert exchange_share(512.0, 512.0, 3.0, 3.0, 0.0) == pytest.approx(1 / 6)


@given(POWER, st.floats(1, 8), st.sampled_from([0.0, 1.0]))
def test_an_oversubscribed_spine_hurts_exchanges_most_and_rails_least(domains, oversubscription, rail):
    leaf = leaf_domains(32.0, 8.0, rail)
    ring, exchange = (one(float(domains), leaf, oversubscription) for one in (ring_spine_share, exchange_spine_share))
    assert 0 < exchange <= 1
    assert 0 < ring <= 1
    assert ring >= ring_spine_share(float(domains), leaf_domains(32.0, 8.0, 0.0), oversubscription)
    assert ring_spine_share(float(domains), leaf, 1.0) == exchange_spine_share(float(domains), leaf, 1.0) == 1


@pytest.mark.parametrize(
    ("words", "shape"),
    [
        ("3D torus + OCS", {"torus_axes": 3.0}),
        ("4x4 2D torus", {"torus_axes": 2.0}),
        ("MLU-Link ring", {"torus_axes": 1.0}),
        ("xGMI full mesh 7 links", {"full_mesh": 1.0}),
        ("NVSwitch4 all-to-all", {}),
        ("UB all-to-all optical, 12 compute + 4 switch racks", {}),
    ],
)
def test_the_words_of_a_record_state_the_shape(words, shape):
    assert shape_of(words) == shape


def test_a_systems_shape_is_a_reading_and_a_chip_alone_is_neutral(catalogue):
    found = {one.scaleup_topology: one.id for one in catalogue.every(System) if one.scaleup_topology and one.chip_id}
    for words, name in found.items():
        if shape_of(words):
            cluster = Cluster.from_catalogue(catalogue, name, 8)
            assert cluster.fabric.uneven
            assert any(one.record == name and one.field in shape_of(words) for one in cluster.readings)
            assert not Cluster.from_catalogue(catalogue, cluster.chip, 1).fabric.uneven


def test_a_supernode_keeps_tensor_ranks_on_its_own_links(catalogue, gpt3, step_of):
    layout = Layouts.one(tp=32, dp=12, micro_batch=8)
    pod = Cluster.from_catalogue(catalogue, "cloudmatrix-384", 384)
    assert pod.scaleup_domain == 384
    whole = step_of(gpt3, layout, chip="cloudmatrix-384", chips=384)
    nodes = step_of(gpt3, layout, chip=pod.chip, chips=384, scaleup_domain=16.0, scaleout_nic_gbps=400.0)
    assert whole.tensor_s < nodes.tensor_s


def test_what_the_user_says_of_the_network_is_theirs_and_counts(catalogue, mixture, step_of):
    said = {"oversubscription": 4.0, "leaf_chips": 64.0}
    cluster = Cluster.from_catalogue(catalogue, "dgx-h100", 512, said)
    assert {one.field for one in cluster.readings if one.confidence == "user"} == set(said)
    layout = Layouts.one(dp=512, ep=32)
    free, crowded = step_of(mixture, layout), step_of(mixture, layout, **said)
    assert crowded.expert_s == free.expert_s  # 32 ranks stand below one leaf
    wide = Layouts.one(dp=512, ep=32, tp=8)
    assert step_of(mixture, wide, **said).expert_s > step_of(mixture, wide).expert_s
    stacked = Cluster.stack([cluster, Cluster.from_catalogue(catalogue, "dgx-h100", 512)])
    assert list(stacked.fabric.oversubscription) == [4.0, 1.0]
