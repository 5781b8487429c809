"""AIConfigurator's answers to our published serving rows, so that `polysilicon validate serving` shows both.

    python -m venv peer && peer/bin/pip install aiconfigurator==0.12.0
    python benchmarks/serving_peer.py --peer-python peer/bin/python

writes `facts/data/measurements/serving_peers.csv` (then: `polysilicon facts build`) and prints how both did, on the
same rows and in the same run. Without `--peer-python`, the interpreter at hand must have both packages. All rows go to
one process of the peer, each distinct question once. How a row is translated:

- Rows of mode `aggregated` are asked. What our own reading refuses (a layout that the model can't have, figures that
  contradict each other) is not asked, and says why.
- The layout is the one that we read too: tensor, pipeline and attention-data parallelism and experts' ranks; the
  experts' tensor parallelism is what is left of the chips. Replicas share the requests in flight.
- Lengths are ours: InferenceX draws them from 0.8 to 1.0 of the nominal ones, so that both take the mean.
- Batch is the number in flight of each attention rank. The budget of prompt tokens in a step is the peer's own default.
- A model goes by the checkpoint among the peer's bundled ones that holds the format of the row, so that the peer's own
  reading of it decides which matrices are quantised; where it bundles none, the formats are given (`CHECKPOINTS`).
- Tables are the peer's current ones, the nearest that it has: every recorded version of an engine is older, and
  no older table is complete (no row was answered from the tables of its recorded version).
- Everything that a row leaves out stays at the peer's default.
"""

import argparse
import csv
import io
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from polysilicon.facts import load
from polysilicon.records import files
from polysilicon.validation.score import Score
from polysilicon.validation.serving import CASES, PEERS, validate
from polysilicon.validation.serving_cases import Question, Row, read
from polysilicon.validation.serving_figures import figures

PEER = "AIConfigurator 0.12.0"
SOURCE_KEY = "aiconfigurator-estimates"
COLUMNS = ("case_id", "peer", "quantity", "predicted", "status", "why", "tables", "source_key")
QUANTITIES = ("ttft_ms", "tpot_ms")
SYSTEMS = {
    "nvidia-h100-sxm-80gb": "h100_sxm",
    "nvidia-h200-sxm-141gb": "h200_sxm",
    "nvidia-b200-sxm": "b200_sxm",
    "nvidia-b300-sxm": "b300_sxm",
    "nvidia-gb200": "gb200",
}
# Our model and format of the weights to the peer's checkpoint, and formats where the checkpoint has another.
CHECKPOINTS: dict[tuple[str, str], dict[str, str]] = {
    ("deepseek-v3", "fp8"): {"model_path": "deepseek-ai/DeepSeek-R1"},
    ("deepseek-v3", "nvfp4"): {"model_path": "nvidia/DeepSeek-V3.1-NVFP4"},
    ("glm-5", "fp8"): {"model_path": "zai-org/GLM-5-FP8"},
    ("glm-5", "nvfp4"): {"model_path": "nvidia/GLM-5-NVFP4"},
    ("kimi-k2.5", "int4"): {"model_path": "moonshotai/Kimi-K2.5"},
    ("kimi-k2.5", "nvfp4"): {"model_path": "nvidia/Kimi-K2.5-NVFP4"},
    ("llama-3.1-70b", "fp8"): {"model_path": "nvidia/Llama-3.1-70B-Instruct-FP8"},
    ("llama-3.1-70b", "nvfp4"): {
        "model_path": "meta-llama/Meta-Llama-3.1-70B",
        "gemm_quant_mode": "nvfp4",
        "kvcache_quant_mode": "fp8",
    },
    ("minimax-m2.5", "fp8"): {"model_path": "MiniMaxAI/MiniMax-M2.5"},
    ("qwen3-32b", "bf16"): {"model_path": "Qwen/Qwen3-32B"},
    ("qwen3-32b", "fp8"): {"model_path": "Qwen/Qwen3-32B-FP8-Static-PerTensor"},
    ("qwen3-235b-a22b", "fp8"): {"model_path": "Qwen/Qwen3-235B-A22B-FP8"},
    ("qwen3.5-397b-a17b", "bf16"): {"model_path": "Qwen/Qwen3.5-397B-A17B"},
    ("qwen3.5-397b-a17b", "fp8"): {
        "model_path": "Qwen/Qwen3.5-397B-A17B",
        "gemm_quant_mode": "fp8_block",
        "moe_quant_mode": "fp8_block",
    },
}
RUNS = 7


def main() -> None:
    """Ask the peer, write its answers, print both sides."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--peer-python", default=sys.executable, help="an interpreter that has AIConfigurator")
    options.add_argument("--out", type=Path, default=PEERS, help="where the answers go")
    chosen = options.parse_args()
    catalogue = load()
    with CASES.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["mode"] == "aggregated"]
    asked = {row["case_id"]: read(catalogue, row) for row in rows}
    translated = {row["case_id"]: translate(row, asked[row["case_id"]]) for row in rows}
    distinct = {_key(one): one for one in translated.values() if isinstance(one, dict)}
    told = ask(chosen.peer_python, list(distinct.values()))
    answers = dict(zip(distinct, told["answers"], strict=True))
    lines = [line for row in rows for line in written(row, translated[row["case_id"]], answers)]
    files.write(chosen.out, table(lines))
    print(f"wrote {chosen.out}: {Counter(line['status'] for line in lines)}")
    speeds(told, [one for one in asked.values() if isinstance(one, Question)])
    compare([score for score in validate(catalogue) if score.kind == "aggregated"], lines)


def translate(row: Row, read_row: object) -> dict[str, Any] | str:
    """The keywords of the peer's estimate of a row, or why the peer can't be asked."""
    if row["chip_id"] not in SYSTEMS:
        return f"the peer has no tables of {row['chip_id']}"
    if not isinstance(read_row, Question):
        return getattr(read_row, "why", "")
    asked, layout = read_row.asked, read_row.asked.layout
    checkpoint = CHECKPOINTS.get((asked.model.name, layout.precision))
    if checkpoint is None or layout.draft_tokens:
        return f"the peer bundles no {asked.model.name} in {layout.precision}"
    stage = layout.tp * layout.attn_dp
    experts = {"moe_ep_size": layout.ep, "moe_tp_size": stage // layout.ep} if asked.model.experts else {}
    return {
        **checkpoint,
        **experts,
        "system_name": SYSTEMS[row["chip_id"]],
        "backend_name": row["framework"],
        "isl": round(asked.input_tokens),
        "osl": round(asked.output_tokens),
        "batch_size": max(round(asked.concurrency / layout.attn_dp), 1),
        "tp_size": layout.tp,
        "pp_size": layout.pp,
        "attention_dp_size": layout.attn_dp,
    }


def _key(question: dict[str, Any]) -> str:
    return json.dumps(question, sort_keys=True)


def ask(python: str, questions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What the peer's side answers, and the CPU seconds it took."""
    script = Path(__file__).with_name("serving_peer_answers.py")
    done = subprocess.run(
        [python, str(script)], input=json.dumps(questions), stdout=subprocess.PIPE, text=True, check=True
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def written(row: Row, question: dict[str, Any] | str, answers: dict[str, Any]) -> list[dict[str, str]]:
    """One line for each time that the row measured."""
    found = {"why": question, "tables": ""} if isinstance(question, str) else answers[_key(question)]
    same = {"case_id": row["case_id"], "peer": PEER, "tables": found["tables"], "source_key": SOURCE_KEY}
    return [
        {
            **same,
            "quantity": name,
            "predicted": f"{found[name]:.5g}" if not found["why"] else "",
            "status": "unsupported" if found["why"] else "ok",
            "why": short(found["why"]),
        }
        for name in QUANTITIES
        if row[name]
    ]


def short(why: str, longest: int = 160) -> str:
    """A reason without folders, and no longer than a line."""
    words = [word for word in why.split() if "/site-packages/" not in word]
    told = " ".join(words)
    return told if len(told) <= longest else told[:longest].rsplit(" ", 1)[0] + " ..."


def table(lines: Sequence[dict[str, str]]) -> str:
    """The lines as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def speeds(told: dict[str, Any], questions: Sequence[Question]) -> None:
    """Start-up and distinct estimates a CPU second of both."""
    answered = sum(not one["why"] for one in told["answers"])
    print(
        f"peer: start-up {told['start_up_s']:.1f} CPU s, and {told['look_up_s']:.1f} to look up the current tables; "
        f"{answered} of {len(told['answers'])} distinct questions answered in {told['first_s']:.1f} CPU s with the "
        f"reading of the tables ({answered / told['first_s']:,.0f} a CPU second), again in {told['again_s']:.1f} "
        f"({answered / told['again_s']:,.0f}); {sum(one.get('queues', False) for one in told['answers'])} with its "
        "warning that requests wait for memory"
    )
    times = []
    for _ in range(RUNS):
        start = time.process_time()
        figures(questions)
        times.append(time.process_time() - start)
    code = (
        "import time, polysilicon.validation.serving; from polysilicon.facts import load; load(); "
        "print(time.process_time())"
    )
    begun = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    print(f"ours: start-up {float(begun.stdout):.1f} CPU s; {len(questions) / min(times):,.0f} estimates a CPU second")


def compare(scores: Sequence[Score], lines: Sequence[dict[str, str]]) -> None:
    """Errors of both on the rows that both answer, and how many each answers."""
    theirs = {(one["case_id"], one["quantity"]): float(one["predicted"]) for one in lines if one["predicted"]}
    for name in QUANTITIES:
        told = [one for one in scores if one.quantity == name]
        both = [one for one in told if one.status == "ok" and (one.case_id, name) in theirs]
        print(f"{name}: {len(told)} rows, we answer {sum(one.status == 'ok' for one in told)}, both {len(both)}")
        for title, part in (("all", both), ("never fitted", [one for one in both if not one.fitted])):
            ours = [abs(one.error_pct or 0.0) for one in part]
            peer = [100.0 * abs(theirs[one.case_id, name] / float(one.measured or 0.0) - 1.0) for one in part]
            print(
                f"  {title}, {len(part)}: ours median {np.median(ours):.1f} % mean {np.mean(ours):.1f} %, "
                f"theirs median {np.median(peer):.1f} % mean {np.mean(peer):.1f} %"
            )


if __name__ == "__main__":
    main()
