"""The kernels of one chip, read from the catalogue."""

import numpy as np
import pytest

from polysilicon.facts import load
from polysilicon.performance.experts import moe_s
from polysilicon.performance.kernel_curves import surface_names
from polysilicon.performance.kernels import Kernels
from polysilicon.performance.matrix import product_s
from polysilicon.performance.messages import collective_s
from polysilicon.performance.operators import kernel_s, monomials
from polysilicon.records.errors import InputError, UnknownName

CATALOGUE = load()
H100, NEVER_TIMED = "nvidia-h100-sxm-80gb", "huawei-ascend-910b2"


def test_every_operator_has_a_curve_on_a_chip_that_was_timed_and_on_one_that_was_not():
    for chip in (H100, NEVER_TIMED):
        kernels = Kernels.of(CATALOGUE, chip)
        curves = (
            kernels.product("fp8"),
            kernels.attention("bf16.fp8.wide"),
            kernels.decode("bf16.fp8.wide"),
            kernels.latent_decode("bf16"),
            kernels.experts("bf16"),
            kernels.message("all_reduce", 8.0),
            kernels.exchange("dispatch@deepep_ll.usual"),
            kernels.stream("add"),
        )
        assert all(np.all(np.isfinite(curve[0])) for curve in curves if not isinstance(curve[0], tuple))
        assert kernels.latent_prefill("fp8")[0].floor_s > 0.0


def test_a_variant_that_was_never_timed_is_taken_for_the_usual_kernel_with_a_wider_interval():
    kernels = Kernels.of(CATALOGUE, H100)
    assert kernels.product("bf16@nobody") == kernels.product("bf16")
    (low, high), (lower, higher) = kernels.interval("gemm", "bf16"), kernels.interval("gemm", "bf16@nobody")
    assert lower < low <= 1.0 <= high < higher


def test_no_kernel_that_another_stands_for_is_known_better_than_that_one():
    for chip in (H100, NEVER_TIMED):
        kernels = Kernels.of(CATALOGUE, chip)
        for operator, kind in (("gemm", "bf16"), ("mla_decode", "bf16"), ("moe", "fp8"), ("collective", "all_reduce")):
            (low, high), (lower, higher) = (
                kernels.interval(operator, kind),
                kernels.interval(operator, f"{kind}@nobody"),
            )
            assert lower <= low
            assert higher >= high


def test_a_framework_on_a_bus_leaves_many_ranks_to_the_library():
    kernels = Kernels.of(CATALOGUE, "nvidia-l40s")
    assert kernels.message("all_reduce@vllm.graph", 8.0) == kernels.message("all_reduce", 8.0)
    assert kernels.message("all_reduce@vllm.graph", 2.0) != kernels.message("all_reduce", 2.0)


def test_over_a_network_no_curve_of_a_scale_up_link_stands_for_an_unknown_one():
    kernels = Kernels.of(CATALOGUE, "nvidia-a100-pcie-80gb")
    assert kernels.kind("collective", "all_reduce@eager.pairs.network") == "all_reduce@eager.network"


def test_what_nobody_timed_is_refused():
    with pytest.raises(InputError, match="no kernel of the kind was timed for decode"):
        Kernels.of(CATALOGUE, H100).decode("int1.int1.wide")
    with pytest.raises(UnknownName):
        Kernels.of(CATALOGUE, "nobody-nothing")


def test_a_chip_without_tables_has_wider_intervals_than_one_with():
    timed, not_timed = (Kernels.of(CATALOGUE, chip) for chip in (H100, NEVER_TIMED))
    for operator, kind in (
        ("gemm", "bf16"),
        ("decode", "bf16.bf16.wide"),
        ("moe", "bf16"),
        ("collective", "all_reduce"),
    ):
        (low, high), (lower, higher) = timed.interval(operator, kind), not_timed.interval(operator, kind)
        assert np.log(higher / lower) > np.log(high / low)


def test_a_layer_of_an_engine_adds_up_from_one_chips_curves():
    kernels = Kernels.of(CATALOGUE, H100)
    parts = [
        product_s(64.0, 8192.0, 8192.0, 1.0, 2.0, 2.0, 2.0, kernels.product("bf16")),
        moe_s(64.0, 7168.0, 2048.0, 8.0, 256.0, 1.0, 8.0, 0.0, kernels.experts("fp8_block")),
        collective_s(64.0 * 8192.0 * 2.0, 8.0, 2.0, kernels.message("all_reduce@vllm.graph", 8.0)),
        kernel_s(64.0 * 8192.0 * 4.0, 64.0, *kernels.stream("add")),
    ]
    assert all(1e-6 < float(one) < 1e-3 for one in parts)


def test_a_surface_has_a_coefficient_for_each_monomial():
    assert monomials(2) == ((0,), (1,), (0, 0), (1, 1), (0, 1), (0, 0, 0), (1, 1, 1))
    assert surface_names("collective") == tuple(
        f"surface_{name}" for name in ("s", "r", "ss", "rr", "sr", "sss", "rrr")
    )
