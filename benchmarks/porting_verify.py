"""How well `port verify` does: five models on five runtimes, fourteen planted faults, and a faked fallback.

    python benchmarks/porting_verify.py [--models] [--faults] [--placement]

Prints, for each model and runtime, the largest distance from the reference in units of the noise floor (the bar is
10) in the forward pass and in one training step; for each fault how large it is at the output, what each level says
of it and which operator is named; and what a provider that takes no node is told.
"""

import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.planted_faults import FAULTS, faulty

from polysilicon.porting.verifying import bisection, export, levels, run_onnxruntime, subject
from polysilicon.porting.verifying.examples import EXAMPLES
from polysilicon.porting.verifying.interpreter import evaluate
from polysilicon.porting.verifying.runtimes import known
from polysilicon.porting.verifying.trial import Bench

BAR = 10.0


def models() -> None:
    """Every example on every runtime, forward and one training step."""
    there = [one for one in known() if not one.missing()]
    print(f"{'model':13} {'case':14} " + " ".join(f"{one.name:>13}" for one in there))
    for name in EXAMPLES:
        found = subject.find(f"example:{name}")
        for level, make in (("L3", export.forward), ("L4", export.step)):
            case = make(found)
            results = {one.runtime: one for one in levels.whole(Bench(there), level, case)}
            cells = [_cell(results[one.name]) for one in there]
            print(f"{name:13} {case.name:14} " + " ".join(f"{one:>13}" for one in cells), flush=True)


def _cell(result: levels.Result) -> str:
    if result.worst is None:
        return "did not run"
    return f"{result.worst.ratio:.2g}{' OVER' if result.worst.ratio > BAR else ''}"


def faults() -> None:
    """Every planted fault: caught by which level, and named."""
    every = {one.name: one for one in known() if not one.missing()}
    judges = [one for name, one in every.items() if name != "iree"]  # its compiler is slow, and five judge as well
    plain = run_onnxruntime.runtimes()[0]
    kept = {}
    caught = named = 0
    print(f"{'fault':42} {'relative':>9} {'L1':>5} {'L2':>5} {'L3':>5}  first wrong operator")
    for fault in FAULTS:
        if fault.example not in kept:
            case = export.forward(subject.find(f"example:{fault.example}"))
            kept[fault.example] = case, evaluate(case.graph, case.feeds, "fp32")
        case, values = kept[fault.example]
        ported = faulty(plain, fault)
        bench = Bench([*judges, ported])
        results = [*levels.operators(bench, [case])[0], *levels.blocks(bench, case), *levels.whole(bench, "L3", case)]
        mine = {one.level: one for one in results if one.runtime == ported.name}
        blame = bisection.first_bad(bench, ported, case, case.graph, values)
        caught += any(one.verdict == "fail" for one in mine.values())
        right = blame is not None and len(blame.nodes) == 1 and blame.operators[0] in fault.expected
        named += right
        whole = mine["L3"].worst.distance.relative
        told = f"{blame.operators[0]} in {blame.scope or 'module'}" if blame else "none"
        verdicts = " ".join(f"{mine[one].verdict:>5}" for one in ("L1", "L2", "L3"))
        print(f"{fault.name:42} {whole:9.2g} {verdicts}  {told}{'' if right else ' (WRONG)'}", flush=True)
    print(f"caught {caught} of {len(FAULTS)}, the right operator named for {named}")


def placement() -> None:
    """A provider that takes no node, as a plain build of ONNX Runtime has one."""
    claimed = run_onnxruntime.runtime("AzureExecutionProvider")
    case = export.forward(subject.find("example:recommender"))
    result, placed = levels.placement(Bench([claimed]), case, replace(claimed, name="claimed"))
    print(f"a provider that takes none of {len(placed)} nodes: {result.verdict}: {'; '.join(result.notes)}")


def main() -> None:
    """What is asked for, or all of it."""
    asked = [one for one in (models, faults, placement) if f"--{one.__name__}" in sys.argv[1:]]
    for one in asked or (models, faults, placement):
        start = time.perf_counter()
        one()
        print(f"{one.__name__}: {time.perf_counter() - start:.0f} s\n", flush=True)


if __name__ == "__main__":
    main()
