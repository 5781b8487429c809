"""Words that tables of training measurements use, into the few that the estimator knows."""

import re

from polysilicon.performance.layouts import RECOMPUTE, SCHEDULES
from polysilicon.performance.recipe import OVERLAPS
from polysilicon.performance.values import BYTES_PER_ELEMENT, PRECISIONS
from polysilicon.records.errors import InputError

FORMATS = {one: one for one in PRECISIONS} | {
    "bfloat16": "bf16",
    "float16": "fp16",
    "half": "fp16",
    "float32": "fp32",
    "hfp8": "fp8",
    "e4m3": "fp8",
    "e5m2": "fp8",
    "w8a8": "int8",
    "fp4": "nvfp4",
}
# Mixed precision without a word on which: 16-bit products with master weights in 32 bits.
MIXED = ("amp", "mixed")
# `partial-full` and `custom` recompute some layers in full; how many stands elsewhere in the row.
PARTIAL = ("partial-full", "custom")
RECOMPUTED = {one: one for one in (*RECOMPUTE, *PARTIAL)} | {
    "no": "none",
    "off": "none",
    "false": "none",
    "0": "none",
    "yes": "full",
    "on": "full",
    "true": "full",
    "1": "full",
    "uniform": "full",
    "block": "partial-full",
    "partial": "partial-full",
    "core_attn": "selective",
    "attention": "selective",
    "unknown": "",
    "": "",
}
MAXTEXT = re.compile(r"\bmaxtext\b", re.IGNORECASE)
SHARDED = re.compile(
    r"sharded over (\d+) DP ranks|\bshard group (\d+)|FSDP2? shard (\d+)|\bzero1 size (\d+)", re.IGNORECASE
)
KEPT_BY_HOST = re.compile(r"cpu_offloading_num_layers=(\d+)", re.IGNORECASE)
EXPERT_TP = re.compile(r"\b(?:expert-TP|ETP)[ =](\d+)", re.IGNORECASE)
PACKED = re.compile(r"reset-position-ids", re.IGNORECASE)
INPUTS_ON_HOST = re.compile(r"layer input offloaded", re.IGNORECASE)
ON_HOST = re.compile(r"optimizer ?\+ ?activation offload", re.IGNORECASE)
WITHOUT_OVERLAP = re.compile(r"\b(no|without) (comm\w* )?overlap|overlap (switched )?off", re.IGNORECASE)
PLAIN_TENSORS = re.compile(r"\bvanilla TP\b", re.IGNORECASE)
ZERO_BUBBLE = re.compile(r"\b(zero-bubble|zbv?|zb-h1)\b", re.IGNORECASE)
RELEASE = re.compile(r"\bv?(2\d)\.(0[1-9]|1[0-2])\b")
ONCE = re.compile(r"dispatcher=(deepep|hybridep)|\bDeepEP\b|\bHybridEP\b")
BLOCKS_AGAIN = re.compile(r"recompute_modules=(?:\w+,)*moe\b")
AHEAD = re.compile(
    r"(?<!without )(?<!no )\bMTP depth (\d+)|(?<!without )\bMTP layer included|\bw/ MTP\b", re.IGNORECASE
)
CORES = re.compile(r"\bdegrees count \w+ \(([1-9]\d*) per chip\)", re.IGNORECASE)
TUNED = re.compile(r"\bMegatron-FSDP\b|\bTE \+")
OWN_ATTENTION = re.compile(r"\bTorchSDPA\b|\bFlexAttn\b")
FLASH = re.compile(r"\bflash", re.IGNORECASE)
WITHOUT_FLASH = re.compile(r"\b(no|without|not)\W+flash", re.IGNORECASE)
INFERENCE = ("prefill", "decode", "serving", "inference", "generation")
ONE_LAYER = "single layer forward+backward"
TRAINING = ("", ONE_LAYER, "training", "train", "pretrain", "pretraining", "sft", "finetune", "finetuning")


def precision_of(word: str) -> str:
    """The format of the matrix products: of several that are named, the narrowest; bf16 where none is stated.

    Raises:
        InputError: no known format is named.
    """
    if not word.strip():
        return "bf16"
    parts = re.split(r"[^a-z0-9]+", word.casefold())
    named = [FORMATS[one] for one in parts if one in FORMATS]
    if named:
        return min(named, key=lambda one: (BYTES_PER_ELEMENT[one], one))
    if any(one in MIXED for one in parts):
        return "bf16"
    raise InputError("unknown precision", found=word, allowed=sorted(FORMATS))


def recompute_of(word: str) -> str:
    """What is computed again: a name of `RECOMPUTE` or `PARTIAL`, or nothing where it is not stated.

    Raises:
        InputError: the word is unknown.
    """
    folded = word.casefold().strip()
    first = re.split(r"[ (,;:]", folded)[0]
    for one in (folded, first):
        if one in RECOMPUTED:
            return RECOMPUTED[one]
    raise InputError("unknown recompute", found=word, allowed=[one for one in RECOMPUTED if one])


def says_fused(tricks: str, usual: bool) -> bool:
    """Whether attention was fused: as the words say, else as was usual."""
    if WITHOUT_FLASH.search(tricks):
        return False
    return usual or bool(FLASH.search(tricks))


def vendor_kernels(tricks: str) -> bool:
    """Whether the words name the vendor's kernels beside full sharding, and no other attention."""
    return bool(TUNED.search(tricks)) and not OWN_ATTENTION.search(tricks)


def layout_said(tricks: str, layers: float) -> dict[str, float]:
    """Columns of a layout that a row's words name: ZeRO groups, a schedule, what lies in host memory."""
    sharded, kept = SHARDED.search(tricks), KEPT_BY_HOST.search(tricks)
    said = {"shard": float(next(one for one in sharded.groups() if one))} if sharded else {}
    if kept:
        said["offload_activations"] = min(float(kept[1]) / layers, 1.0)
    if degree := EXPERT_TP.search(tricks):
        said["expert_tp"] = float(degree[1])
    if INPUTS_ON_HOST.search(tricks):
        said["offload_activations"] = 1.0
    if ON_HOST.search(tricks):
        said |= {"offload_optimizer": 1.0, "offload_activations": 1.0}
    if ZERO_BUBBLE.search(tricks):
        said["schedule"] = float(SCHEDULES.index("zero_bubble"))
    return said


def ahead_said(tricks: str) -> float | None:
    """How many further tokens a row's words say are predicted in training; nothing where they say none."""
    said = AHEAD.search(tricks)
    return float(said[1] or 1) if said else None


def overlap_said(tricks: str) -> dict[str, float]:
    """Shares of transfers that a row's words say are hidden: none, where they say that nothing overlaps."""
    if WITHOUT_OVERLAP.search(tricks):
        return dict.fromkeys(OVERLAPS, 0.0)
    return {"tensor_hidden": 0.0} if PLAIN_TENSORS.search(tricks) else {}


def released(*texts: str) -> float | None:
    """The date of a release that is named by its year and month (`26.04`), in years; of several texts, the first's."""
    found = next((one for text in texts if (one := RELEASE.search(text))), None)
    return 2000.0 + float(found[1]) + (float(found[2]) - 0.5) / 12.0 if found else None
