"""Which kernel runs where a chip lacks what the one asked for is written in."""

import numpy as np
import pytest

from polysilicon.facts import load
from polysilicon.facts.hardware import Chip
from polysilicon.performance.kernel_curves import decode_curve
from polysilicon.performance.kernel_kinds import KERNELS, collective_runs_as, runs_as
from polysilicon.performance.kernels import Kernels
from polysilicon.performance.latent import Latent, latent_decode_s
from polysilicon.records.document import read_csv
from polysilicon.workloads import transformer

CATALOGUE = load()
A100, H100, L40S = "nvidia-a100-sxm-80gb", "nvidia-h100-sxm-80gb", "nvidia-l40s"
LATENT = Latent.of(transformer(CATALOGUE, "deepseek-v3"))


@pytest.mark.parametrize(
    ("family", "operator", "kind", "runs"),
    [
        ("ampere", "mla_decode", "fp8", "bf16@whole"),
        ("ampere", "mla_prefill", "fp8", "bf16"),
        ("blackwell-rtx", "mla_decode", "bf16", "bf16@whole"),
        ("blackwell-rtx", "mla_decode", "fp8", "fp8"),
        ("hopper", "mla_decode", "bf16", "bf16"),
        ("ampere", "decode", "bf16.fp8.wide", "bf16.fp8.wide"),
    ],
)
def test_a_family_runs_the_kernel_that_it_has(family, operator, kind, runs):
    assert runs_as(family, operator, kind) == runs


def test_every_line_of_the_table_names_a_family_of_the_catalogue_and_why():
    families = {one.family for one in CATALOGUE.every(Chip)}
    rows = [row for _, row in read_csv(KERNELS)]
    assert rows
    assert all(row["family"] in families and row["source"] and row["why"] for row in rows)


@pytest.mark.parametrize(
    ("chip", "kind", "ranks", "runs"),
    [
        (L40S, "all_reduce@vllm.graph", 4.0, "all_reduce"),
        (L40S, "all_reduce@sglang.eager", 8.0, "all_reduce@eager.bus"),
        (L40S, "all_reduce@vllm.graph", 2.0, "all_reduce@vllm.graph"),
        (L40S, "all_gather", 8.0, "all_gather"),
        (L40S, "send@eager.link", 2.0, "send@eager.bus"),
        (H100, "all_reduce@vllm.graph", 8.0, "all_reduce@vllm.graph"),
    ],
)
def test_frameworks_leave_more_than_two_ranks_on_a_bus_to_the_library(chip, kind, ranks, runs):
    assert collective_runs_as(CATALOGUE.get(Chip, chip).scaleup_domain, kind, ranks) == runs


def test_a_kernel_that_takes_a_sequence_whole_is_as_slow_with_many_idle_units():
    kernels = Kernels.of(CATALOGUE, A100)
    few, many = (
        decode_curve(kernels.parameters, kernels.silicon, "bf16@whole", "mla_decode")._replace(units=units, surface=())
        for units in (64.0, 6400.0)
    )
    level = tuple(0.0 for _ in kernels.latent_decode("bf16").surface)
    times = [latent_decode_s(1.0, 65_536.0, 16.0, 2.0, LATENT, one._replace(surface=level)) for one in (few, many)]
    assert times[0] == pytest.approx(times[1])


@pytest.mark.parametrize("chip", [A100, "nvidia-rtx-pro-6000-server"])
def test_a_variant_that_was_never_timed_is_taken_for_the_kernel_that_the_chip_has(chip):
    kernels = Kernels.of(CATALOGUE, chip)
    assert kernels.kind("mla_decode", "bf16@nobody") == "bf16@whole"
    assert kernels.latent_decode("bf16@nobody") == kernels.latent_decode("bf16")
    (low, high), (lower, higher) = (kernels.interval("mla_decode", kind) for kind in ("bf16", "bf16@nobody"))
    assert lower < low
    assert higher > high


def test_eight_bit_keys_take_the_time_of_sixteen_where_a_chip_has_no_eight_bit_format():
    kernels = Kernels.of(CATALOGUE, A100)
    assert kernels.latent_decode("fp8") == kernels.latent_decode("bf16")
    assert kernels.interval("mla_decode", "fp8") == kernels.interval("mla_decode", "bf16")
    sizes = {"batch": np.array([2.0]), "keys": np.array([4096.0]), "heads": np.array([16.0])}
    own, usual = (kernels.residual_ratio("mla_decode", kind, sizes) for kind in ("fp8", "bf16"))
    assert own == usual
