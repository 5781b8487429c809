import numpy as np
import pytest

from polysilicon.performance.pools import Link, pool
from polysilicon.records.errors import InputError, UnknownName

H100 = "nvidia-h100-sxm-80gb"


@pytest.mark.parametrize("figures", [(0, 1), (-1, 1), (np.nan, 1), (1, -1), (1, np.nan), (1, 1, 0), (1, 1, 1.5)])
def test_a_link_that_can_not_be_meant_is_refused(figures):
    with pytest.raises(InputError):
        Link(*figures)


@pytest.mark.parametrize("chips", [0, -1, 10**9])
def test_a_pool_has_a_sane_number_of_chips(catalogue, chips):
    with pytest.raises(InputError, match="at least one chip"):
        pool(catalogue, H100, chips)


def test_an_unknown_chip_is_named_with_the_nearest(catalogue):
    with pytest.raises(UnknownName, match="nvidia-h20-96gb"):
        pool(catalogue, "nvidia-h21-96gb", 8)


@pytest.mark.parametrize(
    ("said", "words"),
    [({"memry_gb": 1.0}, "memory_gb"), ({"tp": 1.5}, "whole number"), ({"memory_gb": -1.0}, "above 0")],
)
def test_what_is_said_of_a_pool_must_be_known_and_sane(catalogue, said, words):
    with pytest.raises(InputError, match=words):
        pool(catalogue, H100, 8, said)


def test_a_precision_that_the_chip_lacks_is_refused(catalogue):
    with pytest.raises(InputError, match="no dense matrix peak for fp8"):
        pool(catalogue, "huawei-ascend-910c", 8, precision="fp8")


def test_figures_of_ones_own_replace_those_of_the_record_and_degrees_are_fixed(catalogue):
    made = pool(catalogue, H100, 8, {"memory_gb": 40.0, "tp": 4.0})
    assert made.cluster.memory_bytes < pool(catalogue, H100, 8).cluster.memory_bytes
    assert made.space.tp == (4,)


def test_host_processors_are_a_pool_once_what_no_record_states_is_said(catalogue):
    with pytest.raises(InputError, match="unknown"):
        pool(catalogue, "cpu-intel-6980p", 8)
    made = pool(catalogue, "cpu-intel-6980p", 8, {"memory_gb": 768.0, "scaleup_bw_gbs": 100.0})
    assert made.cluster.device_class == "cpu"


@pytest.mark.parametrize("chips", [1, 4, 8])
def test_what_leaves_a_pool_inside_one_domain_passes_network_cards(catalogue, chips):
    few, many = pool(catalogue, H100, chips).cluster, pool(catalogue, H100, 16).cluster
    assert few.scaleout_bytes_per_s == many.scaleout_bytes_per_s < many.scaleup_bytes_per_s


def test_a_pool_whose_network_card_is_unknown_is_refused_until_it_is_given(catalogue):
    with pytest.raises(InputError, match="scaleout_nic_gbps is unknown"):
        pool(catalogue, "nvidia-l40", 4)
    given = pool(catalogue, "nvidia-l40", 4, {"scaleout_nic_gbps": 100.0})
    assert given.cluster.scaleout_bytes_per_s == 12.5e9
