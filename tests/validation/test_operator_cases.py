"""Rows of the tables of timed operators: what they mean, or why we can't say."""

from collections import defaultdict

import pytest

from polysilicon.facts import load
from polysilicon.performance.curves import Silicon
from polysilicon.performance.kernels import Kernels
from polysilicon.records.document import read_csv
from polysilicon.records.errors import InputError
from polysilicon.validation.operator_cases import Refused, Timed, columns, read
from polysilicon.validation.operator_limits import impossible
from polysilicon.validation.operator_times import TIMES, predicted_s
from polysilicon.validation.operators import KINDS, SPLIT, tables

CATALOGUE = load()
H100 = "nvidia-h100-sxm-80gb"
PRODUCT = {"backend": "trtllm", "dtype": "fp8", "m": "128", "n": "4096", "k": "8192", "kernel_source": "torch_flow"}
ATTENTION = {
    "attn_dtype": "bfloat16",
    "kv_cache_dtype": "fp8",
    "batch_size": "2",
    "q_len": "512",
    "kv_len": "1024",
    "num_heads": "32",
    "num_key_value_heads": "8",
    "head_dim": "128",
    "window_size": "0",
}
LATENT = {
    "backend": "trtllm",
    "phase": "generation",
    "level": "module",
    "mla_dtype": "bfloat16",
    "kv_cache_dtype": "fp8",
    "gemm_type": "fp8_block",
    "num_heads": "16",
    "batch_size": "8",
    "q_len": "1",
    "kv_len": "4096",
}
EXPERTS = {
    "backend": "trtllm",
    "kernel_source": "moe_torch_flow_cutlass",
    "moe_dtype": "w4a16_mxfp4",
    "distribution": "power_law_1.2",
    "num_tokens": "256",
    "hidden_size": "2880",
    "inter_size": "2880",
    "topk": "4",
    "num_experts": "128",
    "moe_tp_size": "1",
    "moe_ep_size": "8",
}
COLLECTIVE = {"library": "nccl", "collective": "alltoall", "num_gpus": "8", "message_bytes": "1048576"}
CUSTOM = COLLECTIVE | {
    "library": "vllm_custom_allreduce",
    "collective": "all_reduce",
    "kernel_source": "vLLM_custom_eager",
}
EAGER = {"node": "a100_dgx", "collective": "send_recv", "num_gpus": "2", "devices_per_node": "1", "message_bytes": "64"}
EXCHANGE = {
    "comm_backend": "deepep_ll",
    "phase": "dispatch",
    "comm_dtype": "fp8",
    "ep_size": "8",
    "node_num": "1",
    "hidden_size": "7168",
    "topk": "8",
    "num_tokens": "128",
}
RACK = {
    "kernel_source": "NVLinkTwoSided",
    "op_name": "alltoall_combine",
    "moe_dtype": "nvfp4",
    "num_tokens": "128",
    "hidden_size": "7168",
    "topk": "8",
    "moe_ep_size": "8",
}
PAGED = {
    "dtype": "fp16",
    "tp": "2",
    "num_heads_total": "64",
    "num_kv_heads_total": "8",
    "n_embd": "8192",
    "phase": "decode",
    "batch_size": "4",
    "q_len_prefill": "0",
    "kv_cache_len": "1024",
}
POWER = {"op": "moe", "dtype": "fp8", "power_limit_w": "1000", "mean_power_w": "700", **EXPERTS}


@pytest.fixture(scope="module")
def folds() -> dict[str, str]:
    return {row["case_id"]: row["fold"] for _, row in read_csv(SPLIT)}


@pytest.fixture(scope="module")
def every() -> list[Timed | Refused]:
    return [one for path in tables() for one in read(CATALOGUE, path)]


@pytest.fixture(scope="module")
def timed(every: list[Timed | Refused]) -> list[Timed]:
    return [one for one in every if isinstance(one, Timed)]


def test_the_split_names_every_timed_row_and_parts_no_group(timed: list[Timed], folds: dict[str, str]) -> None:
    silicon = {chip: Silicon.of(CATALOGUE, chip) for chip in {one.chip for one in timed}}
    possible = [one for one in timed if not impossible(one, silicon[one.chip])]
    assert {one.id for one in possible} == set(folds)
    groups = defaultdict(set)
    for one in possible:
        groups[one.group].add(folds[one.id])
    assert all(len(one) == 1 for one in groups.values())


def test_every_row_of_every_table_is_either_timed_or_refused_with_a_reason(every: list[Timed | Refused]) -> None:
    assert {one.id for one in every} == {row["case_id"] for path in tables() for _, row in read_csv(path)}
    assert all(one.why for one in every if isinstance(one, Refused))
    assert {one.operator for one in every if isinstance(one, Timed)} == set(TIMES) == set(KINDS) - {""}


def of_one_row(folder, row, case="x-1", chip=H100, latency_ms="0.5"):
    row = {**row, "case_id": case, "chip_id": chip, "latency_ms": latency_ms}
    path = folder / "table.csv"
    path.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
    return read(CATALOGUE, path)[-1]


@pytest.mark.parametrize(
    ("row", "operator", "kind", "sizes"),
    [
        (PRODUCT, "gemm", "fp8", {"m": 128.0, "n": 4096.0, "k": 8192.0}),
        (PRODUCT | {"backend": "vllm", "kernel_source": "cutlass"}, "gemm", "fp8@vllm", {}),
        (PRODUCT | {"backend": "vllm", "kernel_source": "vllm_default"}, "gemm", "fp8", {}),
        (PRODUCT | {"dtype": "int4_wo"}, "gemm", "int4_weights", {}),
        (ATTENTION, "attention", "bf16.fp8.wide", {"queries": 512.0, "keys": 1024.0, "kv_heads": 8.0, "causal": 1.0}),
        (ATTENTION | {"window_size": "128"}, "attention", "bf16.fp8.wide@window", {"keys": 128.0, "causal": 0.0}),
        (LATENT, "mla_decode_block", "fp8_block.fp8", {"heads": 16.0, "hidden": 7168.0, "kept": 512.0}),
        (LATENT | {"level": "kernel", "gemm_type": "", "phase": "context"}, "mla_prefill", "fp8", {}),
        (EXPERTS, "moe", "mxfp4_weights", {"alpha": 1.2, "ep": 8.0}),
        (EXPERTS | {"kernel_source": "moe_torch_flow_min_latency"}, "moe", "mxfp4_weights@quick", {}),
        (COLLECTIVE, "collective", "all_to_all", {"ranks": 8.0, "passes": 1.0}),
        (CUSTOM, "collective", "all_reduce@vllm.eager", {"passes": 2.0}),
        (
            CUSTOM | {"library": "sglang_custom_allreduce", "kernel_source": "TRTLLM"},
            "collective",
            "all_reduce@trtllm.graph",
            {},
        ),
        (EAGER, "collective", "send@eager.network", {}),
        (EAGER | {"devices_per_node": "2", "node": "a100_pairwise"}, "collective", "send@eager.link", {}),
        (EAGER | {"node": "a100_pairwise"}, "collective", "send@eager.pairs.network", {}),
        (EAGER | {"devices_per_node": "4", "num_gpus": "4", "node": "x_pairwise"}, "collective", "send@eager.bus", {}),
        (EXCHANGE, "exchange", "dispatch@deepep_ll.narrow", {"token_bytes": 7168.0, "domains": 1.0}),
        (RACK, "exchange", "combine@NVLinkTwoSided", {"token_bytes": 14_336.0, "ranks": 8.0}),
        (PAGED, "decode", "bf16.bf16.wide@paged", {"heads": 32.0, "kv_heads": 4.0, "keys": 1025.0, "head_dim": 128.0}),
        (POWER | {"backend": "vllm", "kernel_source": "", "moe_dtype": "fp8"}, "moe", "fp8@vllm", {}),
    ],
)
def test_a_row_is_read_with_its_kind_and_sizes(tmp_path, row, operator, kind, sizes):
    one = of_one_row(tmp_path, row)
    assert isinstance(one, Timed)
    assert (one.operator, one.kind, one.measured_s) == (operator, kind, 0.0005)
    assert sizes.items() <= one.sizes.items()


def test_a_row_of_several_quantities_has_one_reading_each(tmp_path):
    row = {"mode": "deepep_normal", "node_num": "2", "ep_size": "16", "hidden_size": "7168", "topk": "8", "sms": "20"}
    path = tmp_path / "table.csv"
    row |= {"num_tokens_per_rank": "64", "dispatch_ms": "0.08", "combine_ms": "0.1", "case_id": "a", "chip_id": H100}
    path.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
    found = read(CATALOGUE, path)
    assert [(one.quantity, one.kind) for one in found] == [
        ("dispatch_ms", "dispatch@nodes.normal"),
        ("combine_ms", "combine@nodes.normal"),
    ]


def test_power_beside_a_time_is_told_as_unsupported_and_the_time_is_read(tmp_path):
    of_one_row(tmp_path, POWER | {"moe_dtype": "fp8"})
    power, timed = read(CATALOGUE, tmp_path / "table.csv")
    assert (power.quantity, power.unit, power.measured, power.status) == ("mean_power_w", "W", 700.0, "unsupported")
    assert isinstance(timed, Timed)


@pytest.mark.parametrize(
    ("row", "other", "status", "why"),
    [
        (PRODUCT, {"chip": ""}, "unsupported", "names no chip"),
        (PRODUCT, {"latency_ms": ""}, "underspecified", "no measured time"),
        (PRODUCT, {"latency_ms": "-1"}, "implausible", "no time: -1"),
        (PRODUCT | {"dtype": "int1"}, {}, "unsupported", "no curve for products in int1"),
        (PRODUCT | {"n": "wide"}, {}, "underspecified", "n is no number: 'wide'"),
        (PRODUCT | {"n": ""}, {}, "underspecified", "n is missing"),
        (PRODUCT | {"m": "0"}, {}, "implausible", "m is no size: 0"),
        (PRODUCT | {"m": "inf"}, {}, "implausible", "m is no size"),
        (ATTENTION | {"attn_dtype": "int8_wo"}, {}, "unsupported", "no curve for attention in int8_wo"),
        (ATTENTION | {"num_key_value_heads": "5"}, {}, "implausible", "32 heads don't share 5"),
        (ATTENTION | {"kv_len": "8"}, {}, "implausible", "512 new tokens over 8"),
        (EXPERTS | {"topk": "500"}, {}, "implausible", "128 experts"),
        (EXPERTS | {"distribution": "odd"}, {}, "underspecified", "distribution is no number: 'odd'"),
        (EXPERTS | {"distribution": "power_law_900"}, {}, "implausible", "no exponent of a power law: power_law_900"),
        (RACK | {"kernel_source": ""}, {}, "underspecified", "kernel_source is missing"),
        ({name: text for name, text in RACK.items() if name != "kernel_source"}, {}, "underspecified", "kernel_source"),
        (COLLECTIVE | {"collective": "gossip"}, {}, "unsupported", "no curve for the collective gossip"),
        (COLLECTIVE | {"num_gpus": "1"}, {}, "implausible", "no group"),
        (EXCHANGE | {"node_num": "3"}, {}, "implausible", "8 ranks on 3 nodes"),
        (EXCHANGE | {"phase": "shuffle"}, {}, "unsupported", "no curve for the phase shuffle"),
    ],
)
def test_a_row_that_cannot_be_predicted_says_why(tmp_path, row, other, status, why):
    one = of_one_row(tmp_path, row, **other)
    assert isinstance(one, Refused)
    assert one.status == status
    assert why in one.why


PAIRS = EAGER | {"node": "a100_pairwise", "num_gpus": "4", "devices_per_node": "4"}


@pytest.mark.parametrize(
    ("row", "chip", "why"),
    [
        (
            COLLECTIVE | {"num_gpus": "16"},
            H100,
            "16 ranks are more than the 8 chips of a scale-up domain of nvidia-h100",
        ),
        (COLLECTIVE | {"num_gpus": "4096"}, H100, "4096 ranks are more than the 8"),
        (COLLECTIVE | {"num_gpus": "73"}, "nvidia-gb200", "73 ranks are more than the 72"),
        (CUSTOM | {"num_gpus": "9"}, H100, "9 ranks"),
        (EAGER | {"num_gpus": "16", "devices_per_node": "16"}, H100, "16 ranks"),
        (EXCHANGE | {"ep_size": "32", "node_num": "2"}, H100, "16 ranks"),
        (RACK | {"moe_ep_size": "64"}, H100, "64 ranks"),
        (RACK | {"moe_ep_size": "64"}, "nvidia-gb200", ""),
        (COLLECTIVE | {"num_gpus": "4"}, "nvidia-a100-pcie-80gb", "4 ranks are more than the 2"),
        (COLLECTIVE | {"num_gpus": "9"}, "nvidia-l40s", "joined by a bus, on which no more than 8 ranks were timed"),
        (COLLECTIVE | {"num_gpus": "9"}, "thead-zhenwu-v900", "a scale-up domain of unknown size"),
        (COLLECTIVE | {"num_gpus": "72"}, "nvidia-gb200", ""),
        (COLLECTIVE | {"num_gpus": "8"}, "nvidia-l40s", ""),
        (EAGER | {"num_gpus": "16"}, H100, ""),
        (EXCHANGE | {"ep_size": "32", "node_num": "4"}, H100, ""),
        (PAIRS, "nvidia-a100-pcie-80gb", ""),
        (PAIRS | {"num_gpus": "16", "devices_per_node": "16"}, "nvidia-a100-pcie-80gb", "on which no more than 8"),
        (COLLECTIVE | {"num_gpus": "16"}, "nosuch", ""),
    ],
)
def test_a_message_among_more_ranks_than_were_joined_is_unsupported(tmp_path, row, chip, why):
    one = of_one_row(tmp_path, row, chip=chip)
    assert isinstance(one, Refused) == bool(why)
    if isinstance(one, Refused):
        assert (one.status, one.measured) == ("unsupported", 0.5)
        assert why in one.why


def test_no_row_that_ships_is_among_more_ranks_than_are_joined(every: list[Timed | Refused]) -> None:
    assert not [one for one in every if isinstance(one, Refused) and "ranks" in one.why]


def test_a_table_of_something_else_is_refused(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="no table of timed operators"):
        read(CATALOGUE, path)


@pytest.mark.parametrize(
    ("row", "latency_ms", "why"),
    [
        (PRODUCT, "0.001", "too short for the chip's peak"),
        (ATTENTION | {"q_len": "1", "kv_len": "131072", "batch_size": "64"}, "0.01", "reading the keys"),
        (COLLECTIVE | {"message_bytes": "1073741824"}, "0.1", "the chip's link"),
    ],
)
def test_a_time_that_no_chip_can_reach_is_recognised(tmp_path, row, latency_ms, why):
    silicon = Silicon.of(CATALOGUE, H100)
    case = "generation-1" if "batch_size" in row else "x-1"
    assert why in impossible(of_one_row(tmp_path, row, case, latency_ms=latency_ms), silicon)
    assert not impossible(of_one_row(tmp_path, row, case, latency_ms="50"), silicon)


def test_a_bus_has_a_limit_too_and_an_unknown_link_has_none_that_is_known(tmp_path):
    message = PAIRS | {"message_bytes": "1073741824", "collective": "all_reduce"}
    paired = of_one_row(tmp_path, message, chip="nvidia-a100-pcie-80gb", latency_ms="1")
    assert "the chip's link" in impossible(paired, Silicon.of(CATALOGUE, paired.chip))
    unknown = of_one_row(
        tmp_path, COLLECTIVE | {"message_bytes": "1073741824"}, chip="hygon-dcu-k100", latency_ms="0.1"
    )
    assert not impossible(unknown, Silicon.of(CATALOGUE, unknown.chip))


def test_a_column_of_rows_gives_what_each_gives_alone(timed: list[Timed]) -> None:
    kernels = Kernels.of(CATALOGUE, H100)
    for operator in TIMES:
        ours = [one for one in timed if one.operator == operator and one.chip == H100]
        alike = [one for one in ours if one.kind == ours[0].kind][:5]
        kind = kernels.kind(operator, alike[0].kind) if alike else ""
        alone = [float(predicted_s(operator, kind, one.sizes, kernels.parameters, kernels.silicon)) for one in alike]
        if alike:
            together = predicted_s(operator, kind, columns(alike), kernels.parameters, kernels.silicon)
            assert list(together) == pytest.approx(alone)
