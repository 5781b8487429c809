import numpy as np
import pytest

from polysilicon.performance import Cluster
from polysilicon.performance.cluster import Reading
from polysilicon.records.errors import InputError, UnknownName


def test_a_chip_gives_its_figures_in_si_units_one_direction(catalogue):
    one = Cluster.from_catalogue(catalogue, "nvidia-h100-sxm-80gb", 16)
    assert one.peak("bf16") == 989e12
    assert one.memory_bytes == 80 * 2**30
    assert one.scaleup_bytes_per_s == 450e9
    assert one.scaleout_bytes_per_s == 50e9
    assert one.scaleup_domain == 8


def test_a_system_overrules_its_chip(catalogue):
    one = Cluster.from_catalogue(catalogue, "dgx-h100", 16)
    assert one.chip == "nvidia-h100-sxm-80gb"
    assert one.node_size == 8


def test_the_users_figure_comes_first_and_is_marked_as_theirs(catalogue):
    one = Cluster.from_catalogue(catalogue, "nvidia-h100-sxm-80gb", 16, {"scaleout_nic_gbps": 200})
    assert one.scaleout_bytes_per_s == 25e9
    assert [r.confidence for r in one.readings if r.field == "scaleout_nic_gbps"] == ["user"]


def test_low_confidence_figures_are_named(catalogue):
    one = Cluster.from_catalogue(catalogue, "nvidia-h20-96gb", 64)
    assert any(r.field == "scaleout_nic_gbps" for r in one.doubts)


def test_a_peak_of_two_precisions_is_doubted_once(catalogue):
    # Its rate in 8 bits is read for FP8 and for MXFP8.
    doubts = Cluster.from_catalogue(catalogue, "mthreads-s5000", 8).doubts
    assert [one.field for one in doubts].count("fp8_tflops") == 1


def test_cards_without_a_fabric_talk_through_their_host(catalogue):
    one = Cluster.from_catalogue(catalogue, "nvidia-l40s", 8)
    assert one.scaleup_domain == one.node_size
    assert any(r.record == "host-bus-gbs" for r in one.readings)


def test_no_chips_is_refused(catalogue):
    with pytest.raises(InputError, match="at least one chip"):
        Cluster.from_catalogue(catalogue, "nvidia-h100-sxm-80gb", 0)


def test_an_unknown_chip_is_refused_with_the_nearest(catalogue):
    with pytest.raises(UnknownName):
        Cluster.from_catalogue(catalogue, "nvidia-h1000-sxm", 8)


def test_a_precision_without_units_is_refused_with_those_that_have(catalogue):
    one = Cluster.from_catalogue(catalogue, "nvidia-a100-sxm-80gb", 8)
    with pytest.raises(InputError, match="bf16"):
        one.peak("fp8")


def test_a_column_of_clusters_keeps_each_figure(catalogue):
    names = ["nvidia-h100-sxm-80gb", "nvidia-a100-sxm-80gb"]
    column = Cluster.stack([Cluster.from_catalogue(catalogue, name, 8) for name in names])
    assert list(column.peak_flop_per_s["bf16"]) == [989e12, 312e12]
    assert np.isnan(column.peak_flop_per_s["fp8"][1])


def test_a_chip_alone_needs_no_link(catalogue):
    with pytest.raises(InputError, match="scaleup_bw_gbs"):
        Cluster.from_catalogue(catalogue, "metax-c600", 8)
    assert Cluster.from_catalogue(catalogue, "metax-c600", 1).memory_bytes > 0


def test_chips_without_a_network_form_no_cluster_beyond_their_host(catalogue):
    assert Cluster.from_catalogue(catalogue, "huawei-atlas-300i-duo", 8).chips == 8
    with pytest.raises(InputError, match="no network beyond its 8 chips"):
        Cluster.from_catalogue(catalogue, "huawei-atlas-300i-duo", 64)


def test_a_reading_with_many_sources_names_the_first():
    told = str(Reading("bf16_tflops", "a-chip", 100.0, "press", ("one", "two", "three", "four")))
    assert told == "a-chip: bf16_tflops = 100 (press; one, two and 2 more)"
    assert str(Reading("bf16_tflops", "a-chip", 100.0, "press", ("one",))).endswith("(press; one)")


def test_a_system_of_a_chip_that_nobody_names_says_so(catalogue):
    with pytest.raises(InputError, match="metax-s600: chip_id is unknown in every source read; give it yourself"):
        Cluster.from_catalogue(catalogue, "metax-s600", 16)


def test_a_domain_without_bandwidth_is_refused(catalogue):
    with pytest.raises(InputError, match="no bandwidth inside its scale-up domain of 8 chips"):
        Cluster.from_catalogue(catalogue, "nvidia-h100-sxm-80gb", 8, {"scaleup_bw_gbs": 0.0})
    assert Cluster.from_catalogue(catalogue, "nvidia-h100-sxm-80gb", 1, {"scaleup_bw_gbs": 0.0}).chips == 1


@pytest.mark.parametrize(("chip", "most"), [("furiosa-rngd", 8), ("nvidia-h100-sxm-80gb", 64)])
def test_where_no_network_is_known_a_cluster_ends_with_its_host(catalogue, chip, most):
    assert Cluster.within_reach(catalogue, chip, 64).chips == most
    assert Cluster.within_reach(catalogue, chip, 4).chips == 4
