"""Timed products and attention, predicted: the rows that no fit ever saw."""

from collections import defaultdict

import numpy as np
import pytest

from polysilicon.facts import load
from polysilicon.facts.index import DATA
from polysilicon.performance.curves import Silicon
from polysilicon.performance.efficiency import efficiency_of
from polysilicon.records.document import read_csv
from polysilicon.records.errors import InputError
from polysilicon.validation.operator_cases import Refused, Timed, columns, predicted_s, read

CATALOGUE = load()
TABLES = DATA / "measurements" / "operators"
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


@pytest.fixture(scope="module")
def folds() -> dict[str, str]:
    return {row["case_id"]: row["fold"] for _, row in read_csv(TABLES / "split.csv")}


@pytest.fixture(scope="module")
def every() -> list[Timed | Refused]:
    return [one for path in sorted(TABLES.glob("aic_*.csv")) for one in read(path)]


@pytest.fixture(scope="module")
def timed(every: list[Timed | Refused]) -> list[Timed]:
    return [one for one in every if isinstance(one, Timed)]


@pytest.fixture(scope="module")
def ratios(timed: list[Timed], folds: dict[str, str]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Of each operator's rows never fitted: measured over predicted time, and whether the interval held it."""
    alike = defaultdict(list)
    for one in timed:
        if folds[one.id] == "test":
            alike[one.operator, one.kind, one.chip].append(one)
    found = defaultdict(list)
    for (operator, kind, chip), rows in alike.items():
        fitted = efficiency_of(CATALOGUE, chip, "operators").parameters
        silicon = Silicon.of(CATALOGUE, chip)
        ratio = np.array([one.measured_s for one in rows]) / predicted_s(operator, kind, columns(rows), fitted, silicon)
        inside = (fitted[f"{operator}.low_ratio"] <= ratio) & (ratio <= fitted[f"{operator}.high_ratio"])
        found[operator].append((ratio, inside))
    return {name: tuple(np.concatenate(one) for one in zip(*parts, strict=True)) for name, parts in found.items()}


@pytest.mark.parametrize(("operator", "rows", "most_pct"), [("gemm", 690, 10.0), ("attention", 413, 7.0)])
def test_rows_never_fitted_are_predicted_closely_and_their_interval_holds(ratios, operator, rows, most_pct):
    ratio, inside = ratios[operator]
    assert len(ratio) == rows
    assert 100.0 * np.mean(np.abs(1.0 / ratio - 1.0)) < most_pct
    assert 0.85 < np.mean(inside) < 0.99


def test_the_split_names_every_timed_row_and_parts_no_group(timed: list[Timed], folds: dict[str, str]) -> None:
    assert {one.id for one in timed} == set(folds)
    groups = defaultdict(set)
    for one in timed:
        groups[one.group].add(folds[one.id])
    assert all(len(one) == 1 for one in groups.values())


def test_every_row_of_every_table_is_either_timed_or_refused_with_a_reason(every: list[Timed | Refused]) -> None:
    refused = [one for one in every if isinstance(one, Refused)]
    assert len(every) == sum(len(list(read_csv(path))) for path in TABLES.glob("aic_*.csv"))
    assert {one.operator for one in refused} == {"other"}  # collectives
    assert all(one.why for one in refused)


def of_one_row(folder, row, case="x-1", chip="nvidia-h100-sxm-80gb", latency_ms="0.5"):
    row = {**row, "case_id": case, "chip_id": chip, "latency_ms": latency_ms}
    path = folder / "table.csv"
    path.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
    (one,) = read(path)
    return one


def test_a_product_is_read_with_its_format_and_sizes(tmp_path):
    one = of_one_row(tmp_path, PRODUCT)
    assert (one.operator, one.kind, one.measured_s) == ("gemm", "fp8", 0.0005)
    assert one.sizes == {"m": 128.0, "n": 4096.0, "k": 8192.0}


@pytest.mark.parametrize(
    ("backend", "kernel", "kind"),
    [("vllm", "cutlass", "fp8@vllm"), ("vllm", "vllm_default", "fp8"), ("trtllm", "torch_flow", "fp8")],
)
def test_a_frameworks_own_kernel_is_told_from_the_usual_one(tmp_path, backend, kernel, kind):
    assert of_one_row(tmp_path, PRODUCT | {"backend": backend, "kernel_source": kernel}).kind == kind


def test_attention_is_read_with_the_formats_of_queries_and_cache(tmp_path):
    one = of_one_row(tmp_path, ATTENTION)
    assert (one.operator, one.kind) == ("attention", "bf16.fp8.wide")
    assert (one.sizes["queries"], one.sizes["keys"], one.sizes["kv_heads"]) == (512.0, 1024.0, 8.0)


@pytest.mark.parametrize(
    ("row", "other", "why"),
    [
        (PRODUCT, {"chip": ""}, "names no chip"),
        (PRODUCT, {"latency_ms": ""}, "no measured time"),
        (PRODUCT, {"latency_ms": "-1"}, "no measured time"),
        (PRODUCT | {"dtype": "int1"}, {}, "no curve for products in int1"),
        (PRODUCT | {"n": "wide"}, {}, "a size is missing"),
        (ATTENTION | {"attn_dtype": "int8_wo"}, {}, "no curve for attention in int8_wo"),
        (ATTENTION | {"window_size": "128"}, {}, "over a window"),
        (ATTENTION, {"case": "generation-1"}, "of one new token"),
    ],
)
def test_a_row_that_cannot_be_predicted_says_why(tmp_path, row, other, why):
    one = of_one_row(tmp_path, row, **other)
    assert isinstance(one, Refused)
    assert why in one.why


def test_a_table_of_something_else_is_refused(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="no table of timed operators"):
        read(path)


def test_a_column_of_rows_gives_what_each_gives_alone(timed: list[Timed]) -> None:
    alike = [one for one in timed if (one.operator, one.kind, one.chip) == ("gemm", "bf16", "nvidia-h100-sxm-80gb")][:5]
    fitted = efficiency_of(CATALOGUE, "nvidia-h100-sxm-80gb", "operators").parameters
    silicon = Silicon.of(CATALOGUE, "nvidia-h100-sxm-80gb")
    alone = [predicted_s("gemm", "bf16", one.sizes, fitted, silicon) for one in alike]
    assert list(predicted_s("gemm", "bf16", columns(alike), fitted, silicon)) == pytest.approx(alone)
