"""Tables of timed operators, row by row: which operator it is, on which chip, with which sizes; or why we can't say."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polysilicon.performance.attention import attention_s
from polysilicon.performance.curves import FORMATS, Parameters, Silicon, attention_curve, attention_kind, product_curve
from polysilicon.performance.matrix import product_s
from polysilicon.performance.values import Values
from polysilicon.records.document import read_csv
from polysilicon.records.errors import InputError, Place
from polysilicon.records.units import KILO
from polysilicon.validation.score import Status

Row = Mapping[str, str]
Sizes = Mapping[str, Values]
# What a row says: the kind of its kernel, its sizes, and the group that shares a fold.
Read = tuple[str, dict[str, float], str]

RESULT_BYTES = 2.0
BYTES = {"bf16": 2.0, "fp8": 1.0}
# How the tables call a format, and how we do.
FORMAT = {
    "bfloat16": "bf16",
    "fp16": "bf16",
    "half": "bf16",
    "fp8": "fp8",
    "fp8_block": "fp8_block",
    "nvfp4": "nvfp4",
    "int8_wo": "int8_weights",
    "int4_wo": "int4_weights",
    "sq": "int8",
}
# Frameworks whose own kernels were timed beside the usual ones of their system.
FRAMEWORKS = ("sglang", "vllm")


@dataclass(frozen=True)
class Timed:
    """One timed operator: its `kind` names the fitted parameters, `group` what it must share a fold with."""

    id: str
    operator: str
    kind: str
    chip: str
    sizes: dict[str, float]
    measured_s: float
    group: str
    source: str


@dataclass(frozen=True)
class Refused:
    """A row that can't be predicted, and why."""

    id: str
    operator: str
    chip: str
    measured_s: float
    status: Status
    why: str
    source: str


def read(path: Path) -> list[Timed | Refused]:
    """Every row of a table.

    Raises:
        InputError: the file can't be read, or its columns are those of no table of operators.
    """
    rows = [{name: text.strip() for name, text in row.items()} for _, row in read_csv(path)]
    columns = set(rows[0]) if rows else set()
    if not {"case_id", "chip_id", "latency_ms"} <= columns:
        raise InputError(
            "is no table of timed operators",
            place=Place(str(path), 1),
            found=", ".join(sorted(columns)[:6]),
            remedy="columns are named as in our own tables, facts/data/measurements/operators/",
        )
    return [_one(row, columns) for row in rows]


def _one(row: Row, columns: set[str]) -> Timed | Refused:
    operator, read_row = _reader(columns)
    try:
        measured_s = float(row["latency_ms"]) / KILO
    except ValueError:
        measured_s = 0.0
    source = " ".join(
        row.get(name, "") for name in ("backend", "backend_version", "library", "library_version")
    ).strip()

    def refused(status: Status, why: str) -> Refused:
        return Refused(row["case_id"], operator, row["chip_id"], measured_s, status, why, source)

    if not row["chip_id"]:
        return refused("unsupported", "the row names no chip of the catalogue")
    if not measured_s > 0:
        return refused("underspecified", "no measured time")
    try:
        kind, sizes, group = read_row(row)
    except _Unread as missing:
        return refused(missing.status, str(missing))
    except (KeyError, ValueError) as missing:
        return refused("underspecified", f"a size is missing or no number: {missing}")
    return Timed(row["case_id"], operator, kind, row["chip_id"], sizes, measured_s, group, source)


class _Unread(Exception):
    def __init__(self, status: Status, why: str) -> None:
        super().__init__(why)
        self.status = status


def _reader(columns: set[str]) -> tuple[str, Callable[[Row], Read]]:
    if {"m", "n", "k", "dtype"} <= columns:
        return "gemm", _product
    if {"attn_dtype", "q_len", "kv_len", "num_heads", "num_key_value_heads", "head_dim"} <= columns:
        return "attention", _attention
    return "other", _other


def _other(row: Row) -> Read:
    raise _Unread("unsupported", "operators of this table are not estimated here yet")


def _product(row: Row) -> Read:
    kind = FORMAT.get(row["dtype"], "")
    if not kind:
        raise _Unread("unsupported", f"no curve for products in {row['dtype']}")
    m, n, k = (float(row[name]) for name in "mnk")
    framework = row.get("backend", "")
    own = f"{kind}@{framework}" if framework in FRAMEWORKS and "default" not in row.get("kernel_source", "") else kind
    return own, {"m": m, "n": n, "k": k}, f"gemm {n:g} {k:g} {np.floor(np.log2(m) / 2):g}"


def _attention(row: Row) -> Read:
    sizes = {
        "batch": float(row["batch_size"]),
        "queries": float(row["q_len"]),
        "keys": float(row["kv_len"]),
        "heads": float(row["num_heads"]),
        "kv_heads": float(row["num_key_value_heads"]),
        "head_dim": float(row["head_dim"]),
    }
    if row.get("phase", "") == "decode" or "generation" in row["case_id"]:
        raise _Unread("unsupported", "attention of one new token is not estimated here yet")
    if float(row.get("window_size") or 0) > 0:
        raise _Unread("unsupported", "attention over a window is not estimated here yet")
    queries, kept = FORMAT.get(row["attn_dtype"], ""), FORMAT.get(row["kv_cache_dtype"], "")
    if queries not in BYTES or kept not in BYTES:
        raise _Unread("unsupported", f"no curve for attention in {row['attn_dtype']} over {row['kv_cache_dtype']}")
    group = " ".join(f"{sizes[name]:g}" for name in ("batch", "queries", "heads", "kv_heads"))
    return attention_kind(queries, kept, sizes["head_dim"]), sizes, "attention " + group


def predicted_s(operator: str, kind: str, sizes: Sizes, parameters: Parameters, silicon: Silicon) -> Values:
    """Predicted time of operators of one kind; `sizes` and `silicon` are numbers or columns of one length."""
    if operator == "gemm":
        _, left, right = FORMATS[kind.partition("@")[0]]
        curve = product_curve(parameters, silicon, kind)
        return product_s(sizes["m"], sizes["n"], sizes["k"], 1.0, left, right, RESULT_BYTES, curve)
    kept = BYTES[kind.split(".")[1]]
    return attention_s(
        sizes["batch"],
        sizes["queries"],
        sizes["keys"],
        sizes["heads"],
        sizes["kv_heads"],
        sizes["head_dim"],
        kept,
        1.0,
        attention_curve(parameters, silicon, kind),
    )


def columns(cases: Iterable[Timed]) -> dict[str, NDArray[np.float64]]:
    """The sizes of cases of one operator as columns."""
    rows = [one.sizes for one in cases]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}
