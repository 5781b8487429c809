"""Rows of timed collectives and of exchanges of tokens between experts."""

from collections.abc import Mapping

import numpy as np

from polysilicon.facts.hardware import Chip
from polysilicon.performance.kernel_kinds import FRAMEWORKS
from polysilicon.validation.operator_nodes import refuse_copies
from polysilicon.validation.operator_readings import Reading, Row, Unread, size, sizes_of

# How often a rank sends what the others hold of the message, and ours for what the tables call each collective.
COLLECTIVES = {
    "all_reduce": ("all_reduce", 2.0),
    "all_gather": ("all_gather", 1.0),
    "reduce_scatter": ("reduce_scatter", 1.0),
    "alltoall": ("all_to_all", 1.0),
    "send_recv": ("send", 2.0),
}
# The libraries that stand for the usual one of a chip.
USUAL = ("", "nccl", "oneccl")
# How a framework's own all-reduce was launched or works, where its name says so.
HOW = ("eager", "oneshot", "twoshot")
PHASES = {
    "dispatch": "dispatch",
    "combine": "combine",
    "alltoall_prepare": "prepare",
    "alltoall_dispatch": "dispatch",
    "alltoall_combine": "combine",
    "alltoall_combine_low_precision": "combine_narrow",
}
# Bytes an element of tokens as they travel; block scales count with the element.
TOKEN_BYTES = {"default": 2.0, "bfloat16": 2.0, "fp16": 2.0, "fp8": 1.0, "nvfp4": 0.5625, "fp4": 0.5625}
UNSTATED_UNITS = 1000.0
# On the bus of one node, without a scale-up link or beyond its bridges, the tables time no more ranks.
BUS_RANKS = 8.0


def beyond(chip: Chip, kind: str, sizes: Mapping[str, float]) -> str:
    """Why no curve holds among so many ranks: they are not joined by what was timed. Empty where one does.

    Variants that end in `network` were timed across nodes, and an exchange says over how many domains it goes; all
    others were timed inside one scale-up domain, or on the bus of one node. An unknown domain counts as none.
    """
    ranks, domain = sizes["ranks"] / sizes.get("domains", 1.0), chip.scaleup_domain or 1.0
    bus = domain == 1.0 or kind.endswith("bus")
    if kind.endswith("network") or ranks <= (max(domain, BUS_RANKS) if bus else domain):
        return ""
    if not bus:
        return f"{ranks:g} ranks are more than the {domain:g} chips of a scale-up domain of {chip.id}"
    missing = "are joined by a bus" if chip.scaleup_domain else "have a scale-up domain of unknown size"
    return f"{chip.id} chips {missing}, on which no more than {BUS_RANKS:g} ranks were timed; found {ranks:g}"


def collective(row: Row) -> list[Reading]:
    """A collective of a communication library or of a serving framework among the chips of one node."""
    refuse_copies(row)
    name, passes = _collective(row)
    sizes = sizes_of(row, ranks="num_gpus", message_bytes="message_bytes") | {"passes": passes}
    library = row.get("library", "").removesuffix("_custom_allreduce")
    if library in USUAL:
        return [_message(name, sizes)]
    variant = row.get("kernel_source", "").lower()
    # A framework may run another's kernel.
    library = next((one for one in FRAMEWORKS if variant.startswith(one)), library)
    how = next((one for one in HOW if one in variant), "graph")
    return [_message(f"{name}@{library}.{how}", sizes)]


def eager_collective(row: Row) -> list[Reading]:
    """A collective that was launched without a graph, inside one node or over several, on a named kind of node."""
    refuse_copies(row)
    name, passes = _collective(row)
    sizes = sizes_of(row, ranks="num_gpus", message_bytes="message_bytes", inside="devices_per_node")
    paired = "pairwise" in row.get("node", "")
    if sizes["inside"] < sizes["ranks"]:
        # Machines whose chips are joined in pairs are on a network of another kind.
        where = "pairs.network" if paired else "network"
    else:
        where = "bus" if paired and sizes["inside"] > 2.0 else "link"  # the bridges join two; beyond them it is PCIe
    return [_message(f"{name}@eager.{where}", sizes | {"passes": passes})]


def _collective(row: Row) -> tuple[str, float]:
    asked = row.get("collective", "")
    if not asked:
        raise Unread("underspecified", "collective is missing")
    if asked not in COLLECTIVES:
        raise Unread("unsupported", f"no curve for the collective {asked}")
    return COLLECTIVES[asked]


def _message(kind: str, sizes: dict[str, float]) -> Reading:
    if sizes["ranks"] < 2.0:
        raise Unread("implausible", "num_gpus is no group: 1")
    near = np.floor(np.log2(sizes["message_bytes"]))
    return Reading("latency_ms", "collective", kind, sizes, f"collective {sizes['ranks']:g} {near:g}")


def exchange(row: Row) -> list[Reading]:
    """One phase of sending tokens to their experts by a framework's library, inside one scale-up domain."""
    phase = _phase(row, "phase")
    name = row.get("comm_backend", "") or row.get("kernel_source", "")
    sizes = sizes_of(row, tokens="num_tokens", top_k="topk", ranks="ep_size", domains="node_num", hidden="hidden_size")
    wide = row.get("comm_dtype", "") or "default"
    return [_exchange("latency_ms", f"{phase}@{name}.{_narrow(wide)}", sizes, wide)]


def rack_exchange(row: Row) -> list[Reading]:
    """One phase of sending tokens to their experts inside a rack-wide scale-up domain."""
    asked = row.get("op_name", "")
    phase, library = _phase(row, "op_name"), row.get("kernel_source", "")
    if not library:
        raise Unread("underspecified", "kernel_source is missing")
    sizes = sizes_of(row, tokens="num_tokens", top_k="topk", ranks="moe_ep_size", hidden="hidden_size")
    wide = row.get("moe_dtype", "") or "default"
    if phase.startswith("combine"):
        wide = "fp8" if "low_precision" in asked else "bfloat16"
    return [_exchange("latency_ms", f"{phase}@{library}", sizes | {"domains": 1.0}, wide)]


def network_exchange(row: Row) -> list[Reading]:
    """Both phases of sending tokens to their experts over several nodes."""
    sizes = sizes_of(
        row, tokens="num_tokens_per_rank", top_k="topk", ranks="ep_size", domains="node_num", hidden="hidden_size"
    )
    units = size(row, "sms") if row.get("sms") else UNSTATED_UNITS
    mode = row.get("mode", "").removeprefix("deepep_")
    found = []
    for phase in ("dispatch", "combine"):
        wide = "fp8" if phase == "dispatch" else "bfloat16"
        found.append(_exchange(f"{phase}_ms", f"{phase}@nodes.{mode}", sizes | {"units": units}, wide))
    return found


def _phase(row: Row, column: str) -> str:
    asked = row.get(column, "")
    if not asked:
        raise Unread("underspecified", f"{column} is missing")
    if asked not in PHASES:
        raise Unread("unsupported", f"no curve for the phase {asked}")
    return PHASES[asked]


def _narrow(wide: str) -> str:
    return {"bfloat16": "wide", "fp16": "wide", "default": "usual"}.get(wide, "narrow")


def _exchange(quantity: str, kind: str, sizes: dict[str, float], wide: str) -> Reading:
    if wide not in TOKEN_BYTES:
        raise Unread("unsupported", f"no curve for tokens sent in {wide}")
    if sizes["ranks"] % sizes["domains"] or sizes["ranks"] < 2.0:
        raise Unread("implausible", f"{sizes['ranks']:g} ranks on {sizes['domains']:g} nodes")
    own = {"units": UNSTATED_UNITS} | sizes | {"token_bytes": sizes["hidden"] * TOKEN_BYTES[wide]}
    near = np.floor(np.log2(sizes["tokens"]))
    return Reading(quantity, "exchange", kind, own, f"exchange {sizes['ranks']:g} {sizes['hidden']:g} {near:g}")
