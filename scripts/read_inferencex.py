"""Read the settings that SemiAnalysis InferenceX publishes for its runs into `measurements/serving_recipes.csv`.

Run `python scripts/read_inferencex.py CHECKOUT` on a clone of github.com/SemiAnalysisAI/InferenceX with its history:
every version of its lists of configurations is read, and the scripts that start its servers. A row says which layout,
workers and drafting a configuration has for which lengths and numbers in flight, and in which days it stood there.
Models that were retired before there were lists have scripts alone: their rows hold for whatever was run. Results are
not read.
"""

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from polysilicon.facts.index import DATA
from polysilicon.records import files

SOURCE = "inferencex-configs"
OUT = DATA / "measurements" / "serving_recipes.csv"
LISTS = (
    ".github/configs/nvidia-master.yaml",
    ".github/configs/amd-master.yaml",
    "configs/nvidia-master.yaml",
    "configs/amd-master.yaml",
    "configs/deprecated/nvidia-1k1k-master.yaml",
    "configs/deprecated/nvidia-glm5-glm5.1-master.yaml",
    "configs/deprecated/nvidia-kimik2.5-8k1k-master.yaml",
)
MODELS = {
    "70b": "llama-3.1-70b",
    "dsr1": "deepseek-v3",
    "glm5": "glm-5",
    "gptoss": "gpt-oss-120b",
    "kimik2.5": "kimi-k2.5",
    "minimaxm2.5": "minimax-m2.5",
    "qwen3.5": "qwen3.5-397b-a17b",
}
CHIPS = {
    "h100": "nvidia-h100-sxm-80gb",
    "h200": "nvidia-h200-sxm-141gb",
    "b200": "nvidia-b200-sxm",
    "b300": "nvidia-b300-sxm",
    "gb200": "nvidia-gb200",
    "gb300": "nvidia-gb300",
    "mi300x": "amd-mi300x",
    "mi325x": "amd-mi325x",
    "mi355x": "amd-mi355x",
}
ENGINES = {"trt": "trtllm", "sglang": "sglang", "vllm": "vllm"}
# The scripts as they stood when the measured rows were run.
SCRIPTS_OF = "2026-04-07"
RETIRED = re.compile(r"benchmarks/(?P<name>(?P<prefix>70b)_(?P<precision>fp\d)_(?P<chip>\w+?)(?P<trt>_trt)?_slurm)\.sh")
NARROW_CACHE = re.compile(r"kv-cache-dtype[ =:]+\S*fp8|kv_cache_config:\s+dtype: +fp8")
CHUNK = re.compile(r"(?:chunked-prefill-size|max.num.batched.tokens|max_num_tokens|CHUNKED_PREFILL_SIZE=)[ =:]*(\d+)")
# How many passes an engine makes before it looks for new requests, or for ranks of attention that have none to read.
LOOKS = re.compile(r"scheduler-recv-interval[ =]+(?P<sglang>\S+)|timeout_iters: (?P<trtllm>\d+)")
CONDITION = re.compile(r"(?P<word>if|elif) \[\[ (?P<all>.+) \]\]; then")
COMPARED = re.compile(r'"?\$(?P<name>\w+)"? (?P<how>-\w\w|==|!=) "?(?P<value>\w+)"?')
SET = re.compile(r"(?:export )?(?P<name>[A-Z_]+)=(?P<value>\w+)")
COMPARISONS = {"-ge": int.__ge__, "-gt": int.__gt__, "-le": int.__le__, "-lt": int.__lt__, "-eq": int.__eq__}
DRAFTED = re.compile(r"(?:num_nextn_predict_layers: |speculative-num-steps[ =])(\d)")
# Recipes of github.com/NVIDIA/srt-slurm that the lists name for TensorRT-LLM, and the cache that all 330 of those for
# DeepSeek-R1 state (commit c88ef731); gpt-oss and others state none.
RECIPE, CACHE_OF = "recipes/trtllm/", {"deepseek-v3": "fp8"}
SIDES = ("prefill", "decode")
COLUMNS = (
    *("config", "model", "chip_id", "engine", "precision", "isl", "osl", "concurrency", "spec_decoding"),
    *("draft_tokens", "tp", "ep", "dp_attention"),
    *(f"{side}_{name}" for side in SIDES for name in ("workers", "tp", "ep", "dp_attention")),
    *("kv_precision", "chunk_tokens", "look_passes", "first_seen", "last_seen", "source"),
)


class Checkout:
    """A clone of the benchmark's repository."""

    def __init__(self, path: str) -> None:
        self.path = path
        at = self.git("log", f"--before={SCRIPTS_OF}", "-1", "--format=%H").strip()
        names = self.git("ls-tree", "-r", at, "--name-only", "benchmarks").splitlines()
        self.scripts = {one.rpartition("/")[2].removesuffix(".sh"): f"{at}:{one}" for one in names}

    def git(self, *what: str) -> str:
        """What git prints."""
        done = subprocess.run(["git", "-C", self.path, *what], capture_output=True, text=True, check=False)
        return done.stdout

    def versions(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The day and contents of every version of every list; those that can't be parsed are left out."""
        read = set()
        for name in LISTS:
            for line in self.git("log", "--format=%H %cs", "--", name).splitlines():
                commit, day = line.split()
                blob = self.git("rev-parse", "--verify", "--quiet", f"{commit}:{name}").strip()
                if blob and blob not in read:
                    read.add(blob)
                    try:
                        yield day, yaml.load(self.git("cat-file", "blob", blob), Loader=yaml.CSafeLoader) or {}
                    except yaml.YAMLError as why:
                        print(f"{name} of {day} can't be read: {str(why).splitlines()[0]}", file=sys.stderr)

    def started(self, name: str, given: Mapping[str, str]) -> dict[str, str]:
        """What the script that starts a server says of its cache, its chunks and what it drafts."""
        if name not in self.scripts:
            return {}
        script = self.git("show", self.scripts[name])
        return settings(script) | {"look_passes": looks(script, given)}

    def retired(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """A row for each script of a model that no list has, as its last version stood, and the day of that."""
        for name in sorted(set(self.git("log", "--format=", "--name-only", "--", "benchmarks").split())):
            named = RETIRED.fullmatch(name)
            if named is None or named["chip"] not in CHIPS:
                continue
            commit, day = self.git("log", "-1", "--diff-filter=AM", "--format=%H %cs", "--", name).split()
            row = dict.fromkeys(COLUMNS, "") | {
                "source": SOURCE,
                "config": named["name"],
                "model": MODELS[named["prefix"]],
                "chip_id": CHIPS[named["chip"]],
                "engine": "trtllm" if named["trt"] else "vllm",
                "precision": named["precision"],
                "spec_decoding": "none",
            }
            yield day, row | settings(self.git("show", f"{commit}:{name}"))


def settings(script: str) -> dict[str, str]:
    """The cache, the chunks and the drafting that a script states."""
    text = "\n".join(line for line in script.splitlines() if line[:1] != "#")
    chunks, drafted = set(CHUNK.findall(text)), DRAFTED.search(text)
    return {
        "kv_precision": "fp8" if NARROW_CACHE.search(text) else "",
        "chunk_tokens": chunks.pop() if len(chunks) == 1 else "",
        "draft_tokens": drafted.group(1) if drafted else "",
    }


def looks(script: str, given: Mapping[str, str]) -> str:
    """Passes between two looks for new requests where the variables have the values `given`; empty if it says none.

    Raises:
        KeyError: it depends on a variable that is not known.
    """
    held, found = dict(given), ""
    for line in branches(script, held):
        if looked := LOOKS.search(line):
            said = looked["sglang"] or looked["trtllm"]
            found = held[said.strip('"$')] if said[0] in '"$' else said
    return found


def branches(script: str, held: dict[str, str]) -> Iterator[str]:
    """The lines that run; what they set is put into `held`. Comparisons with anything unknown hold for nobody."""
    within: list[list[bool]] = []  # of each condition: whether its lines run now, and whether any of its branches did
    for line in (one.strip() for one in script.splitlines() if not one.strip().startswith("#")):
        if asked := CONDITION.match(line):
            true = all(holds(one, held) for one in asked["all"].replace("]] && [[", "&&").split("&&"))
            if asked["word"] == "if":
                within.append([true, true])
            else:
                within[-1] = [true and not within[-1][1], true or within[-1][1]]
        elif line.startswith("if "):
            within.append([False, False])
        elif line == "else":
            within[-1] = [not within[-1][1], True]
        elif line == "fi":
            within.pop()
        elif all(runs for runs, _ in within):
            if assigned := SET.fullmatch(line):
                held[assigned["name"]] = assigned["value"]
            yield line


def holds(comparison: str, held: Mapping[str, str]) -> bool:
    """Whether a comparison of a variable with a word or a number holds."""
    asked = COMPARED.search(comparison)
    if asked is None or asked["name"] not in held:
        return False
    is_now, value = held[asked["name"]], asked["value"]
    if asked["how"] in COMPARISONS:
        return COMPARISONS[asked["how"]](int(is_now), int(value))
    return (is_now == value) == (asked["how"] == "==")


def rows(config: str, entry: Mapping[str, Any], checkout: Checkout) -> Iterator[dict[str, Any]]:
    """A row for each point of a configuration's search space, where we know its model, chip and engine."""
    prefix, precision, chip = config.split("-")[:3]
    engine = ENGINES.get(str(entry.get("framework", "")).split("-")[-1].replace("disagg", "sglang"), "")
    if prefix not in MODELS or chip not in CHIPS or not engine:
        return
    for lengths in entry.get("seq-len-configs") or []:
        for point in lengths.get("search-space") or []:
            spoken = point.get("spec-decoding") or "none"
            row = dict.fromkeys(COLUMNS, "") | {
                "source": SOURCE,
                "config": config,
                "model": MODELS[prefix],
                "chip_id": CHIPS[chip],
                "engine": engine,
                "precision": precision,
                "isl": lengths["isl"],
                "osl": lengths["osl"],
                "spec_decoding": spoken,
            }
            if "prefill" in point:
                cache = CACHE_OF.get(MODELS[prefix], "") if RECIPE in json.dumps(point) else ""
                yield row | {"concurrency": words(in_flight(point)), "kv_precision": cache} | of_workers(point)
                continue
            script = "_".join([prefix, precision, chip, *["trt"] * (engine == "trtllm"), *["mtp"] * (spoken == "mtp")])
            copied = {"true": "true", "True": "true"}.get(str(point.get("dp-attn")), "false")
            degrees = {"tp": point.get("tp", 1), "ep": point.get("ep", 1)}
            given = {"TP": str(degrees["tp"]), "EP_SIZE": str(degrees["ep"]), "DP_ATTENTION": copied}
            given |= {"ISL": str(lengths["isl"]), "OSL": str(lengths["osl"])}
            alike: dict[str, list[int]] = {}
            for one in in_flight(point):
                told = checkout.started(script, given | {"CONC": str(one)})
                alike.setdefault(json.dumps(told), []).append(one)
            for told, loads in alike.items():
                same = degrees | {"dp_attention": said(point.get("dp-attn")), "concurrency": words(loads)}
                yield row | same | json.loads(told)


def words(numbers: Iterable[int]) -> str:
    """Numbers as one cell of the table."""
    return " ".join(map(str, numbers))


def in_flight(point: Mapping[str, Any]) -> list[int]:
    """The numbers in flight of one point: a list, or doublings from a first to a last."""
    if point.get("conc-list"):
        return list(point["conc-list"])
    found, last = [int(point["conc-start"])], int(point["conc-end"])
    while found[-1] * 2 <= last:
        found.append(found[-1] * 2)
    return found


def of_workers(point: Mapping[str, Any]) -> dict[str, Any]:
    """The workers of a disaggregated point; how many tokens are drafted stands in the name of its file of settings."""
    told: dict[str, Any] = {}
    for side in SIDES:
        one = point[side]
        told |= {
            f"{side}_workers": one.get("num-worker") or "",
            f"{side}_tp": one.get("tp", 1),
            f"{side}_ep": one.get("ep", 1),
            f"{side}_dp_attention": said(one.get("dp-attn")),
        }
        drafted = re.search(r"mtp(\d)", " ".join(map(str, one.get("additional-settings") or ())))
        if drafted and point.get("spec-decoding") == "mtp":
            told["draft_tokens"] = drafted.group(1)
    return told


def said(flag: object) -> str:
    """A flag as the table has it."""
    return "1" if flag in (True, "true") else "0"


def main(path: str) -> None:
    """Read every version and write what is distinct, with the first and last day it was seen."""
    checkout, days = Checkout(path), dict[str, tuple[str, str]]()
    for day, entries in checkout.versions():
        for config, entry in entries.items():
            for row in rows(config, entry, checkout) if isinstance(entry, dict) else ():
                known = json.dumps(row)
                first, last = days.get(known, (day, day))
                days[known] = min(first, day), max(last, day)
    for day, row in checkout.retired():
        days[json.dumps(row)] = day, day
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    every = [json.loads(known) | {"first_seen": first, "last_seen": last} for known, (first, last) in days.items()]
    writer.writerows(sorted(every, key=lambda row: [str(row[name]) for name in COLUMNS]))
    files.write(OUT, table.getvalue())
    print(f"{len(every)} rows in {OUT.name}")


if __name__ == "__main__":
    main(sys.argv[1])
