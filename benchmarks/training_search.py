"""How fast whole training searches are, beside those of Calculon on the same problems.

    python benchmarks/training_search.py                       our side alone: every problem, one line each
    python benchmarks/training_search.py --sweep               one search of more than 10^8 layouts, and its memory
    python benchmarks/training_search.py --peer ~/calculon     the peer's side too, from a checkout of its repository

The problems are Calculon's: GPT models of 22, 175, 530 and 1,000 billion weights on A100s. Ours is the space with every
choice (`Space.wide`), on exactly as many chips; theirs is the cross product that `llm-optimal-execution` walks. A
configuration counts as timed when its step time was worked out; theirs when it passes the checks that come before the
model. CPU time is this process's, with the catalogue loaded before the clock starts. Whole searches of the peer take
hours, so its side is a random sample of the cross product, scaled by the exact count.
"""

import argparse
import itertools
import logging
import math
import random
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polysilicon.facts import Catalogue, load
from polysilicon.performance import Cluster, Recipe, Space, estimate_training
from polysilicon.performance.grid import table_of
from polysilicon.performance.search import asked, search_training
from polysilicon.performance.tally import Tally, evaluate
from polysilicon.sweep import workers
from polysilicon.workloads.huggingface import from_config
from polysilicon.workloads.model import Transformer
from polysilicon.workloads.task import Training

CHIP = "nvidia-a100-sxm-80gb"


@dataclass(frozen=True)
class Problem:
    """A model by its layers, width and heads, the chips, the batch, and what the peer enumerates and reaches."""

    model: str
    layers: int
    hidden: int
    heads: int
    chips: int
    batch: int
    enumerated: int
    reached: int

    @property
    def task(self) -> Training:
        return Training(2048, self.batch)

    def transformer(self) -> Transformer:
        config = {"model_type": "gpt2", "n_layer": self.layers, "n_embd": self.hidden, "n_head": self.heads}
        return from_config(config | {"vocab_size": 51200, "tie_word_embeddings": True}, f"GPT {self.model}")


PROBLEMS = (
    Problem("22B", 48, 6144, 64, 64, 64, 2_393_240, 1_372_028),
    Problem("22B", 48, 6144, 64, 64, 512, 3_892_112, 2_229_080),
    Problem("175B", 96, 12288, 96, 512, 512, 6_582_816, 2_488_240),
    Problem("175B", 96, 12288, 96, 4096, 4096, 7_126_368, 2_188_192),
    Problem("530B", 105, 20480, 128, 2240, 2240, 4_498_592, 899_536),
    Problem("1T", 128, 25600, 160, 4096, 4096, 7_276_848, 1_893_529),
)
HELD = PROBLEMS[2]
# CPU seconds that Calculon's whole search of `HELD` takes, measured on another machine of the same kind: samples scaled
# by the exact count, and for the last a scalar driver over its own code with the block part memoised by hand.
PEER_CPU_S = {"as shipped": 29_800.0, "its logging silenced": 4_450.0, "memoised by hand": 35.0}
PEER_FILE = {"22B": "megatron-22B", "175B": "gpt3-175B", "530B": "turing-530B", "1T": "megatron-1T"}


def space(problem: Problem) -> Space:
    return Space.wide(sizes=(problem.chips,))


def ours(catalogue: Catalogue, problem: Problem, *, with_front: bool) -> float:
    """Search one problem, print a line, and return the CPU seconds."""
    cluster = Cluster.from_catalogue(catalogue, CHIP, problem.chips)
    before = time.process_time()
    found = search_training(
        catalogue, problem.transformer(), problem.task, cluster, space(problem), with_front=with_front
    )
    spent = time.process_time() - before
    front = f", front of {len(found.front)}" if found.front is not None else ""
    print(
        f"{problem.model:>4} on {problem.chips:>4}, batch {problem.batch:>4}: {found.enumerated:>10,} enumerated, "
        f"{found.timed:>10,} timed, {found.feasible:>10,} fit; {spent:5.2f} CPU s, "
        f"{spent / found.enumerated * 1e9:4.0f} ns an enumerated one, {spent / found.timed * 1e9:4.0f} ns a timed one, "
        f"{found.enumerated / spent:.1e} a CPU second{front}; best {found.best.step_s[0]:.3f} s"
    )
    return spent


def agreement(catalogue: Catalogue, problem: Problem, most: int = 1000) -> None:
    """Evaluate the best again by the plain formula, and print by how much the two differ."""
    model, cluster = problem.transformer(), Cluster.from_catalogue(catalogue, CHIP, problem.chips)
    question, grids = asked(catalogue, model, problem.task, cluster, space(problem), Recipe(), most)
    kept = Tally.read(evaluate(question, grids)).best
    plain = estimate_training(catalogue, model, problem.task, cluster, table_of(kept.rows))
    off = max(
        np.max(np.abs(np.asarray(mine) / theirs - 1.0))
        for mine, theirs in ((plain.step_s, kept.step_s), (plain.memory.memory_bytes, kept.figures[:, 1]))
    )
    print(f"the {len(kept):,} best by the plain formula: largest relative difference {off:.1e}")


def sweep(catalogue: Catalogue, folder: Path | None, count: int) -> None:
    """One search of more than 10^8 layouts with its front, its progress and its memory; resumed where it was killed."""
    chips, shares = 4096, tuple(share / 12 for share in range(1, 13))
    cluster = Cluster.from_catalogue(catalogue, CHIP, chips)
    offered = Space.wide(recomputed_shares=shares, precisions=("bf16", "fp16"))

    def told(done: int, whole: int) -> None:
        print(f"\r{done:,} of {whole:,} layouts", end="", file=sys.stderr)

    before, began = time.process_time(), time.monotonic()
    with workers(count) as executor:
        found = search_training(
            catalogue,
            HELD.transformer(),
            Training(2048, chips),
            cluster,
            offered,
            with_front=True,
            executor=executor,
            folder=folder,
            progress=told,
        )
    print(file=sys.stderr)
    who = resource.RUSAGE_CHILDREN if count > 1 else resource.RUSAGE_SELF
    spent = time.process_time() - before + (resource.getrusage(who).ru_utime if count > 1 else 0.0)
    most = max(resource.getrusage(one).ru_maxrss for one in (resource.RUSAGE_SELF, who)) / 1024
    print(
        f"{found.enumerated:,} enumerated, {found.timed:,} timed, {found.feasible:,} fit: "
        f"{time.monotonic() - began:.1f} s, {spent:.1f} CPU s, {spent / found.enumerated * 1e9:.0f} ns each; at most "
        f"{most:,.0f} MiB a process; best {found.best.step_s[0]:.6f} s"
    )


def peer(checkout: Path, problem: Problem, many: int) -> None:
    """Time the peer on a random sample of its own cross product, as it is shipped and with its logging silenced."""
    sys.path.insert(0, str(checkout))
    from calculon import io
    from calculon.llm import Llm
    from calculon.system import System

    app = Llm.Application(io.read_json_file(str(checkout / "models" / f"{PEER_FILE[problem.model]}.json")))
    system = System(io.read_json_file(str(checkout / "systems" / "a100_80g.json")))
    tasks = list(_tasks(Llm, app, system, problem))
    sizes = [math.prod(map(len, choices.values())) for _, choices in tasks]
    drawn = random.Random(0).choices(range(len(tasks)), sizes, k=many)
    rows = [_row(tasks[task], at) for at, task in enumerate(drawn)]
    for words, level in (("as shipped", logging.NOTSET), ("its logging silenced", logging.CRITICAL)):
        before = time.process_time()
        for row in rows:
            model = Llm(app, logging.Logger("sub", level))
            try:
                model.compile(system, Llm.Execution.from_json(row))
                model.run(system)
                model.get_stats_json(False)
            except Llm.Error:
                continue
        spent = time.process_time() - before
        whole = spent / many * sum(sizes)
        print(
            f"peer, {words}: {sum(sizes):,} enumerated; {spent:.1f} CPU s for {many:,} of them, "
            f"{spent / many * 1e6:,.0f} us each; {whole:,.0f} CPU s for all"
        )


def _tasks(llm: Any, app: Any, system: Any, problem: Problem) -> Iterator[tuple[dict[str, Any], dict[str, list[Any]]]]:
    """What the peer's tool hands to a worker at once: what is fixed, and the choices that are crossed."""
    chips, nets, offload = problem.chips, list(range(system.num_networks)), [True, False]
    for tp in llm.get_all_tensor_parallelisms(chips, app.hidden, app.attn_heads):
        for pp in llm.get_all_pipeline_parallelisms(chips, tp, app.num_blocks):
            dp = llm.get_data_parallelism(chips, tp, pp)
            batch = problem.batch // dp * dp
            if not batch:
                continue
            crossed = itertools.product(
                llm.get_valid_pipeline_interleavings(app.num_blocks, pp),
                ["full", "attn_only", "none"],
                [True, False] if dp > 1 else [False],
                ["ar", "p2p_rs_ag", "rs_ag"],
            )
            for interleave, recompute, sharded, kind in crossed:
                fixed = {
                    "num_procs": chips,
                    "tensor_par": tp,
                    "pipeline_par": pp,
                    "data_par": dp,
                    "batch_size": batch,
                    "datatype": "float16",
                    "fused_activation": True,
                    "attention_type": "multihead",
                    "activation_recompute": recompute,
                    "pipeline_interleaving": interleave,
                    "optimizer_sharding": sharded,
                    "tensor_par_comm_type": kind,
                    "training": True,
                }
                yield (
                    fixed,
                    {
                        "seq_par_ag_redo": [True, False] if llm.can_redo_ag(kind, recompute) else [False],
                        "data_par_overlap": [True, False] if dp > 1 else [False],
                        "tensor_par_overlap": ["none", "ring", "pipe"] if tp > 1 else ["none"],
                        "weight_offload": offload,
                        "activations_offload": [False] if recompute == "full" else offload,
                        "optimizer_offload": offload,
                        "microbatch_size": list(llm.get_valid_microbatch_sizes(app.seq_size, tp, dp, batch, pp)),
                        "tensor_par_net": nets if tp > 1 else [0],
                        "pipeline_par_net": nets if pp > 1 else [0],
                        "data_par_net": nets if dp > 1 else [0],
                    },
                )


def _row(task: tuple[dict[str, Any], dict[str, list[Any]]], seed: int) -> dict[str, Any]:
    draw = random.Random(seed)
    return task[0] | {name: draw.choice(choices) for name, choices in task[1].items()}


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", type=Path, help="a checkout of github.com/calculon-ai/calculon (needs psutil)")
    parser.add_argument("--sample", type=int, default=1000, help="configurations of the peer that are timed")
    parser.add_argument("--sweep", action="store_true", help="only one search of more than 10^8 layouts")
    parser.add_argument("--folder", type=Path, help="keep the parts of the sweep here, and go on from them")
    parser.add_argument("--workers", type=int, default=1, help="processes that share the sweep")
    options = parser.parse_args()
    catalogue = load()
    if options.sweep:
        sweep(catalogue, options.folder, options.workers)
        return
    ours(catalogue, PROBLEMS[0], with_front=False)  # the first call imports what it needs
    print()
    spent = {problem: ours(catalogue, problem, with_front=False) for problem in PROBLEMS}[HELD]
    ours(catalogue, HELD, with_front=True)
    agreement(catalogue, HELD)
    for words, theirs in PEER_CPU_S.items():
        print(
            f"{HELD.model} on {HELD.chips}: {spent:.2f} CPU s is {theirs / spent:,.0f} times faster than Calculon "
            f"{words} ({theirs:,.0f} CPU s, {theirs / HELD.enumerated * 1e9:,.0f} ns an enumerated one, "
            f"{theirs / HELD.reached * 1e9:,.0f} ns one that reaches its model)"
        )
    if options.peer:
        peer(options.peer, HELD, options.sample)


if __name__ == "__main__":
    main()
