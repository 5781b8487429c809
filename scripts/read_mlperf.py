"""Read the settings that submitters to MLPerf Inference publish into `measurements/serving_submissions.csv`.

Run `python scripts/read_mlperf.py CHECKOUT` on a clone of github.com/mlcommons/inference_results_v5.1: settings for
NVIDIA's harness (`configs/`) and for Intel's (`model_init/`) are parsed, and no file is run. A row says in which
layout, formats and limits a submitter's system answers a benchmark in a scenario. Results are not read, nor the rates
that runs aim at. Where a submitter sends requests to servers of its own, the file is not of those and left out.
"""

import ast
import csv
import io
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from polysilicon.facts.index import DATA
from polysilicon.records import files

SOURCE = "mlperf-inference-v5.1-configs"
OUT = DATA / "measurements" / "serving_submissions.csv"
NVIDIA = re.compile(
    r"closed/(?P<submitter>[^/]+)/configs/(?P<system>[^/]+)/(?P<scenario>Offline|Server|Interactive)/(?P<model>[^/]+)\.py"
)
INTEL = re.compile(
    r"closed/(?P<submitter>[^/]+)/code/(?P<model>[^/]+)/pytorch-xpu/model_init/(?P<own>[^/]+)/"
    r"init_env_(?P<scenario>offline|server)"
)
# What Intel's scripts call these.
EXPORTED = {
    "tp": "TP",
    "chunk_tokens": "MAX_NUM_BATCHED_TOKENS",
    "sequences": "BATCH_SIZE",
    "memory_share": "GPU_MEMORY_UTILIZATION",
}
# Of its one system, four cards of two chips: its files of measurements have weights in UINT4 and what those are
# multiplied with in UINT8; the script that makes its checkpoints keeps keys and values in eight bits.
OF_INTEL = {
    "system": "1-node-4x-BMG-Pro-B60-Dual",
    "chip_id": "intel-arc-pro-b60",
    "accelerators": 8,
    "pp": 1,
    "kv_precision": "fp8",
    "activations": "int8",
    "dp_attention": 0,
    "fused_reductions": 0,
}
MODELS = {
    "deepseek-r1": "deepseek-v3",
    "llama2-70b": "llama-2-70b",
    "llama3_1-405b": "llama-3.1-405b",
    "llama3_1-8b": "llama-3.1-8b",
    "mixtral-8x7b": "mixtral-8x7b",
}
ACCURACY = re.compile(r"-(?P<pct>99(?:\.9)?)$")
# Chips by what stands in the name of a system, the longer names first.
CHIPS = {
    "GB300": "nvidia-gb300",
    "GB200": "nvidia-gb200",
    "B200": "nvidia-b200-sxm",
    "H200-NVL": "nvidia-h200-nvl-141gb",
    "H200NVL": "nvidia-h200-nvl-141gb",
    "H200": "nvidia-h200-sxm-141gb",
    "H100-NVL": "nvidia-h100-nvl-94gb",
    "L40S": "nvidia-l40s",
    "RTX-PRO-6000": "nvidia-rtx-pro-6000-server",
}
# How a script starts the harness as the client of servers that it has started by other means: prefill apart, mostly.
ENDPOINT = re.compile(
    r'SYSTEM_NAME=(?P<system>\S+) make run_harness RUN_ARGS="--benchmarks=(?P<model>\S+) --scenarios=(?P<scenario>\w+)'
    r" --core_type=\w*endpoint "
)
COUNT = re.compile(r"(?:x|NVL)(?P<count>\d+)(?:[-_][A-Za-z]+)?$")
# Of each file, fields that state a setting, and what of a group of flags does.
SETTINGS = {
    "precision": "model_fields.precision",
    "tp": "llm_fields.tensor_parallelism",
    "pp": "llm_fields.pipeline_parallelism",
    "ep": "llm_fields.moe_expert_parallelism",
}
BUILD, CHECKPOINT, RUN = (f"llm_fields.trtllm_{one}_flags" for one in ("build", "checkpoint", "runtime"))
FLAGS = {
    "kv_precision": (CHECKPOINT, "kv_cache_dtype"),
    "dp_attention": (BUILD, "enable_attention_dp"),
    "chunk_tokens": (RUN, "max_num_tokens"),
    "memory_share": (RUN, "kvcache_free_gpu_mem_frac"),
    "policy": (RUN, "batch_scheduler_policy"),
    "look_passes": (RUN, "adp_balancing_timeout_iters"),
    "fused_reductions": (BUILD, "gemm_allreduce_plugin"),
    "most_sequences": (RUN, "max_batch_size"),
}
FUSED = ("float16", "bfloat16")
NAMED = ("submitter", "system", "chip_id", "accelerators", "model", "scenario", "accuracy_pct", "power")
COLUMNS = (*NAMED, *SETTINGS, *list(FLAGS)[:-1], "sequences", "activations", "source")


def git(checkout: str, *what: str) -> str:
    """What git prints."""
    done = subprocess.run(["git", "-C", checkout, *what], capture_output=True, text=True, check=True)
    return done.stdout


def exports(text: str) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """What a file exports: the arguments of each `WorkloadSetting`, and the fields under it by their dotted names.

    Raises:
        ValueError: it is written in a way that only running it would tell.
    """
    known: dict[str, Any] = {}
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            known[statement.targets[0].id] = plain(statement.value, known)
    for setting, fields in known["EXPORTS"]:
        yield setting, dict(fields)


def plain(node: ast.expr, known: Mapping[str, Any]) -> Any:
    """A literal, a dotted name as text, or a table as pairs; a call is the list of its arguments."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name) and node.id in known:
        return known[node.id]
    if isinstance(node, ast.Attribute):
        return ast.unparse(node)
    if isinstance(node, ast.Dict):
        return [(plain(key, known), plain(value, known)) for key, value in named(node)]
    if isinstance(node, ast.List | ast.Tuple):
        return [plain(one, known) for one in node.elts]
    if isinstance(node, ast.BinOp | ast.UnaryOp):
        return ast.unparse(node)
    if isinstance(node, ast.Call) and not node.keywords:
        return [plain(one, known) for one in node.args]
    raise ValueError(f"line {node.lineno}: {ast.unparse(node)[:60]}")


def named(node: ast.Dict) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The pairs of a table, but for the rates that a run aims at."""
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            raise ValueError(f"line {node.lineno}: a table within a table")
        if not ast.unparse(key).endswith("_qps"):
            yield key, value


def of_nvidia(place: re.Match[str], text: str) -> Iterator[dict[str, Any]]:
    """A row for each setting of a file for NVIDIA's harness."""
    count = COUNT.search(place["system"].removesuffix("_TRT").removesuffix("_Dynamo"))
    chip = chip_in(place["system"])
    if not chip or place["model"] not in MODELS:
        return
    for (_, (accuracy,), power), fields in exports(text):
        flags = {name: dict(fields.get(name, ())) for name in (BUILD, CHECKPOINT, RUN)}
        told = {name: fields.get(field, "") for name, field in SETTINGS.items()}
        told |= {name: flags[group].get(flag, "") for name, (group, flag) in FLAGS.items()}
        yield told | {
            "activations": "",
            **{name: place[name] for name in ("submitter", "system", "scenario")},
            "model": MODELS[place["model"]],
            "chip_id": chip,
            "accelerators": count["count"] if count else "",
            "accuracy_pct": f"{100.0 * accuracy:g}",
            "power": power.rpartition(".")[2],
            "dp_attention": int(told["dp_attention"] is True),
            "fused_reductions": int(told["fused_reductions"] in FUSED),
            # TensorRT-LLM admits as many for each stage of a pipeline (trtllm-executor-batch).
            "sequences": (told.pop("most_sequences") or fields["model_fields.gpu_batch_size"][0][1])
            * (told["pp"] or 1),
        }


def of_intel(place: re.Match[str], text: str) -> Iterator[dict[str, Any]]:
    """The row of a script for Intel's harness, of what it exports where there are GPUs."""
    model = place["model"].replace("3.1", "3_1")
    accuracy = ACCURACY.search(model)
    if not model.startswith(place["own"]) or place["own"] not in MODELS:
        return
    exported = dict(re.findall(r"export (\w+)=([\d.]+)$", text.partition("\nelse")[0], re.MULTILINE))
    yield (
        dict.fromkeys(COLUMNS, "")
        | OF_INTEL
        | {
            **{name: exported.get(variable, "") for name, variable in EXPORTED.items()},
            "submitter": place["submitter"],
            "scenario": place["scenario"].capitalize(),
            "model": MODELS[place["own"]],
            "accuracy_pct": accuracy["pct"] if accuracy else "99",
        }
    )


def chip_in(system: str) -> str:
    """The id of the chip that the name of a system says, empty where it is not known."""
    return next((chip for mark, chip in CHIPS.items() if mark in system.upper().replace("_", "-")), "")


READERS = ((NVIDIA, of_nvidia), (INTEL, of_intel))


def served_apart(checkout: str, paths: list[str]) -> set[tuple[str, ...]]:
    """Submitter, system, scenario and model of runs whose servers the files of settings do not describe."""
    found = set()
    for path in paths:
        if path.endswith(".slurm"):
            for run in ENDPOINT.finditer(git(checkout, "show", f"HEAD:{path}")):
                found.add((path.split("/")[1], run["system"], run["scenario"].capitalize(), run["model"]))
    return found


def main(checkout: str) -> None:
    """Read every file of settings and write a table."""
    found = []
    paths = git(checkout, "ls-tree", "-r", "--name-only", "HEAD", "closed").splitlines()
    apart = served_apart(checkout, paths)
    for path in paths:
        for pattern, read in READERS:
            place = pattern.fullmatch(path)
            if place is None or (pattern is NVIDIA and named_in(place) in apart):
                continue
            try:
                found += [row | {"source": SOURCE} for row in read(place, git(checkout, "show", f"HEAD:{path}"))]
            except (ValueError, KeyError, SyntaxError) as why:
                print(f"{path} can't be read: {why!r}", file=sys.stderr)
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    # Directories of several benchmarks hold the same scripts.
    distinct = {tuple(str(row[name]) for name in COLUMNS): row for row in found}
    writer.writerows(distinct[key] for key in sorted(distinct))
    files.write(OUT, table.getvalue())
    print(f"{len(distinct)} rows in {OUT.name}")


def named_in(place: re.Match[str]) -> tuple[str, ...]:
    """Submitter, system, scenario and model as scripts name them."""
    return (place["submitter"], place["system"], place["scenario"], place["model"].replace("_", "."))


if __name__ == "__main__":
    main(sys.argv[1])
