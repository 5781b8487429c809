"""The layout and the recipe that the cells and words of a measured row say."""

import re
from dataclasses import replace

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip
from polysilicon.facts.money import Assumption
from polysilicon.performance.layouts import RECOMPUTE
from polysilicon.performance.recipe import OVERLAPS, UNSAID, Recipe, alone, tuned_attention, years_to_mature
from polysilicon.performance.values import PRECISIONS
from polysilicon.records.errors import InputError
from polysilicon.validation.publishers import vendor_tuned
from polysilicon.validation.training_software import PEAKS, RECIPE, Software, software_of
from polysilicon.validation.training_table import Case
from polysilicon.validation.training_words import (
    BLOCKS_AGAIN,
    CORES,
    MAXTEXT,
    ONCE,
    PACKED,
    PARTIAL,
    ahead_said,
    layout_said,
    overlap_said,
    precision_of,
    recompute_of,
    released,
    says_fused,
    vendor_kernels,
)


def layout_of(case: Case, layers: float) -> dict[str, float]:
    """The degrees a row states, with the plainest choice for what it leaves open."""
    chips = case.number("chips") or 1.0
    layout = {name: case.number(name) or 1.0 for name in ("tp", "pp", "cp", "ep", "interleave")}
    layout["dp"] = case.number("dp") or max(chips / (layout["tp"] * layout["pp"] * layout["cp"]), 1.0)
    batch = case.number("global_batch") or 1.0
    # MaxText rows state the batch of one device; its replicas take their whole share of the batch at once.
    maxtext = MAXTEXT.search(f"{case.word('other_tricks')} {case.word('source_ref')}")
    layout["micro_batch"] = batch / layout["dp"] if maxtext else case.number("micro_batch") or 1.0
    zero = case.number("zero_stage")
    layout["zero_stage"] = 1.0 if zero is None else zero
    layout["sequence_parallel"] = _sequence_parallel(case)
    word = recompute_of(case.word("recompute")) or "none"
    layout["recompute"] = float(RECOMPUTE.index("full" if word in PARTIAL else word))
    layout["recomputed_share"] = _recomputed_share(case)
    layout["precision"] = float(PRECISIONS.index(precision_of(case.word("precision"))))
    unsaid = {"shard": 0.0, "schedule": 0.0, "offload_optimizer": 0.0, "offload_activations": 0.0}
    # Experts are cut as all weights are, unless that takes more chips than there are.
    room = max(np.floor(chips / (layout["pp"] * layout["ep"])), 1.0)
    unsaid["expert_tp"] = case.number("expert_tp") or (float(room) if layout["tp"] > room else 0.0)
    slice_chips = case.number("scaleup_domain") or chips
    if maxtext and slice_chips < chips:
        # It splits states inside a slice, and copies them from slice to slice, unless told otherwise.
        unsaid["shard"] = max(slice_chips / (layout["tp"] * layout["pp"]), 1.0)
    return layout | unsaid | layout_said(case.word("other_tricks"), layers)


def _sequence_parallel(case: Case) -> float:
    """Whether the row says that the sequence is cut with the tensors, in its column or as its software is known."""
    stated = case.number("seq_parallel")
    return float(software(case).sequence_parallel) if stated is None else stated


def software(case: Case) -> Software:
    """What is known of the software of a row beyond its columns; a column `peak` says which peak it prints.

    Raises:
        InputError: no such peak is known.
    """
    known, stated = _tabled(case), case.word("peak")
    if stated and stated not in PEAKS:
        raise InputError("unknown peak of memory", found=stated, allowed=list(PEAKS))
    return replace(known, peak=stated) if stated else known


def _tabled(case: Case) -> Software:
    """What the table of software says of a row, by the words of its software, its reference and its model."""
    words = f"{case.word('other_tricks')} {case.word('source_ref')} {case.word('model')}"
    return software_of(case.word("source_key"), words, case.word("precision"))


def disputed(case: Case) -> str:
    """Why the settings of a row can't be those of its measurement; empty where its source doesn't contradict them."""
    return _tabled(case).disputed


def samples_unsaid(case: Case) -> bool:
    """Whether samples are packed that attend within themselves, and nothing says how long they are."""
    return bool(PACKED.search(case.word("other_tricks"))) and "sample_tokens" not in _tabled(case).recipe


def filled(case: Case) -> Case:
    """The row with what it leaves empty and the public settings of its benchmark say, and with its degrees in chips."""
    known = _tabled(case)
    said = {name: text for name, text in known.settings.items() if not case.word(name) or name in known.instead}
    numbers = {name: float(text) for name, text in said.items() if name != "recompute"} | _in_chips(case)
    if not said and not numbers:
        return case
    return replace(case, words={**case.words, **said}, numbers={**case.numbers, **numbers})


def _in_chips(case: Case) -> dict[str, float]:
    """A degree in chips where the row's words say that degrees count its cores: those of a chip share its tensors."""
    counted = CORES.search(case.word("other_tricks"))
    if not counted:
        return {}
    cores = float(counted[1])
    degrees = {name: case.number(name) or 1.0 for name in ("tp", "dp")}
    return next(({name: degree / cores} for name, degree in degrees.items() if degree % cores == 0.0), {})


def recipe_of_case(catalogue: Catalogue, case: Case) -> dict[str, float]:
    """What a row's words say of the software."""
    adapters = catalogue.get(Assumption, "lora-adapter-share").value
    fused_since = catalogue.get(Assumption, "fused-attention-since").value
    tricks, year = case.word("other_tricks"), case.number("year") or fused_since
    frozen = "lora" in case.word("task").casefold()
    graphs = float("cuda_graph=" in tricks and "cuda_graph=none" not in tricks)
    once, blocking = float(bool(ONCE.search(tricks))), float("LAUNCH_BLOCKING" in tricks)
    asked = 1.0 if vendor_kernels(tricks) else UNSAID
    overlaps = dict.fromkeys(OVERLAPS, float(alone(UNSAID, blocking)))
    chip = catalogue.get(Chip, case.word("chip_id") or case.word("chip"))
    on_gpu, on_tpu = (float(chip.device_class == one) for one in ("gpu", "tpu"))
    tuned = float(tuned_attention(asked, case.number("zero_stage") or 0.0, on_gpu))
    words = {"sent_once": once, "graphs": graphs, "whole_graphs": on_tpu, "tuned_attention": tuned}
    words |= {"reduce_bytes": _reduce_bytes(case), "lean_recompute": on_tpu}
    words["fused_attention"] = float(says_fused(tricks, year >= fused_since))
    return {
        "frozen": float(frozen),
        "adapter_share": adapters if frozen else 0.0,
        "blocking": blocking,
        "software_years": float(years_to_mature(_software_years(catalogue, case), on_tpu)),
        "vendor_tuned": float(vendor_tuned(case.words, chip.vendor)),
        **_tabled_recipe(case, words | overlaps),
        **_ahead(tricks),
        **overlap_said(tricks),
    }


def _reduce_bytes(case: Case) -> float:
    """Bytes of a gradient on the wire: two where the words say so, or where gradients are summed in 16 bits."""
    tricks = case.word("other_tricks")
    narrow = "PURE" in tricks or "grad_sync bf16" in tricks or software(case).recipe.get("gradient_bytes") == 2.0
    return 2.0 if narrow else 4.0


def _ahead(tricks: str) -> dict[str, float]:
    """Further tokens that are predicted and blocks that run again, where the words say so."""
    said, again = ahead_said(tricks), {"feed_forward_again": 1.0} if BLOCKS_AGAIN.search(tricks) else {}
    return again if said is None else again | {"predicted_ahead": said}


def _tabled_recipe(case: Case, said: dict[str, float]) -> dict[str, float]:
    """What is known of a row's software: by the table, else as `said` by its words, else as in the neutral recipe."""
    return {name: float(getattr(Recipe, name)) for name in RECIPE} | said | dict(software(case).recipe)


def _software_years(catalogue: Catalogue, case: Case) -> float:
    """Years from the chip's release to that of the software, else to the middle of the row's year."""
    chip = catalogue.get(Chip, case.word("chip_id") or case.word("chip")).available
    date, year = released(case.word("source_ref"), case.word("source_title")), case.number("year")
    if date is None and year is not None:
        date = year + 0.5
    if date is None or not chip:
        return np.inf
    return max(
        date - float(chip[:4]) - (float(chip[5:7]) - 0.5) / 12.0 if chip[5:7] else date - float(chip[:4]) - 0.5, 0.0
    )


def _recomputed_share(case: Case) -> float:
    """The share of layers that is computed again, where the row says how many are."""
    tricks, layers = case.word("other_tricks"), case.number("layers")
    word = recompute_of(case.word("recompute"))
    if word == "custom" and "minimal" in tricks:
        return 0.0
    if word != "partial-full":
        return 1.0
    counted = re.search(r"recompute_num_layers=(\d+)|recompute of (\d+) of|recompute (\d+) layers?/stage", tricks)
    if not counted or not layers:
        return 0.5
    number = float(next(one for one in counted.groups() if one))
    stages = (case.number("pp") or 1.0) if counted[3] or counted[1] else 1.0
    return min(number * stages / layers, 1.0)
