"""Collectives and exchanges between experts: laws that hold whatever the parameters."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.performance.curves import Silicon
from polysilicon.performance.efficiency import efficiency_of
from polysilicon.performance.kernel_curves import exchange_curve, message_curve
from polysilicon.performance.messages import collective_s, exchange_s, holders, sent_ratio

CATALOGUE = load()
CHIPS = ("nvidia-h100-sxm-80gb", "nvidia-l40s", "nvidia-gb200", "huawei-ascend-910b2")


def message_of(chip, kind="all_reduce"):
    return message_curve(efficiency_of(CATALOGUE, chip, "operators").parameters, Silicon.of(CATALOGUE, chip), kind)


def exchange_of(chip, kind="dispatch"):
    return exchange_curve(efficiency_of(CATALOGUE, chip, "operators").parameters, Silicon.of(CATALOGUE, chip), kind)


SIZE = st.integers(1, 2**30).map(float)
RANKS = st.sampled_from([2.0, 4.0, 8.0, 64.0])


@settings(max_examples=60, deadline=None)
@given(chip=st.sampled_from(CHIPS), size=SIZE, ranks=RANKS, more=st.floats(1.0, 8.0))
def test_a_faster_link_never_slows_a_collective(chip, size, ranks, more):
    curve = message_of(chip)
    faster = curve._replace(
        quick_bytes_per_s=curve.quick_bytes_per_s * more, full_bytes_per_s=curve.full_bytes_per_s * more
    )
    assert collective_s(size, ranks, 2.0, faster) <= collective_s(size, ranks, 2.0, curve) * (1.0 + 1e-12)


@settings(max_examples=60, deadline=None)
@given(chip=st.sampled_from(CHIPS), size=SIZE, ranks=RANKS)
def test_a_message_twice_as_long_takes_longer_but_for_the_surface(chip, size, ranks):
    curve = message_of(chip)
    level = curve._replace(surface=tuple(0.0 for _ in curve.surface))
    assert collective_s(2.0 * size, ranks, 2.0, level) >= collective_s(size, ranks, 2.0, level)


@pytest.mark.parametrize("chip", CHIPS)
def test_a_rank_alone_sends_nothing(chip):
    assert collective_s(1e9, 1.0, 2.0, message_of(chip)) == 0.0
    assert exchange_s(4096.0, 7168.0, 8.0, 1.0, 1.0, 100.0, exchange_of(chip)) == 0.0


@settings(max_examples=60, deadline=None)
@given(size=SIZE, ranks=RANKS, slower=st.floats(1.0, 20.0))
def test_a_launch_runs_beside_the_transfer_so_that_only_the_longer_counts(size, ranks, slower):
    curve = message_of("nvidia-h100-sxm-80gb", "all_reduce@eager.link")
    moved_s = collective_s(size, ranks, 2.0, curve._replace(launch_s=0.0))
    launched_s = slower * curve.launch_s
    both_s = collective_s(size, ranks, 2.0, curve._replace(launch_s=launched_s))
    assert max(moved_s, launched_s) <= both_s * (1.0 + 1e-12)
    assert both_s <= 1.2 * max(moved_s, launched_s)


def test_a_chip_joined_to_its_host_launches_at_that_hosts_pace_and_moves_as_fast():
    joined, apart = (message_of(chip, "all_reduce@vllm.eager") for chip in ("nvidia-gb200", "nvidia-b200-sxm"))
    assert joined.launch_s > 1.5 * apart.launch_s
    assert message_of("nvidia-gb200").launch_s == 0.0


def test_a_bus_is_the_link_to_the_host_or_the_only_one_there_is():
    for chip, bus in (("nvidia-a100-pcie-80gb", 32e9), ("nvidia-rtx-pro-6000-server", 64e9)):
        assert Silicon.of(CATALOGUE, chip).bus_bytes_per_s == bus


def test_an_all_reduce_sends_twice_what_a_gather_does():
    assert sent_ratio(8.0, 2.0) == 2.0 * sent_ratio(8.0, 1.0) == pytest.approx(1.75)


@given(top_k=st.integers(1, 16).map(float), places=st.sampled_from([1.0, 2.0, 8.0, 64.0]))
def test_a_token_is_held_at_no_more_places_than_it_has_experts(top_k, places):
    assert 0.0 < holders(top_k, places) <= min(top_k, places) + 1e-9


@settings(max_examples=40, deadline=None)
@given(tokens=st.integers(1, 65_536).map(float), wide=st.sampled_from([4096.0, 14_336.0]))
def test_tokens_over_several_domains_take_longer_than_within_one(tokens, wide):
    curve = exchange_of("nvidia-h200-sxm-141gb", "dispatch@nodes.normal")
    near, far = (exchange_s(tokens, wide, 8.0, 16.0, domains, 100.0, curve) for domains in (1.0, 2.0))
    assert near <= far


def test_a_chip_whose_network_is_unknown_can_exchange_within_its_domain():
    curve = exchange_of("nvidia-gb200")._replace(network_bytes_per_s=float("nan"))
    assert exchange_s(128.0, 7168.0, 8.0, 8.0, 1.0, 100.0, curve) > 0.0
