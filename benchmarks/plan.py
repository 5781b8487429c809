"""How long a plan takes, part by part: `python benchmarks/plan.py [scenario.yaml ...]`."""

import sys
import time
from pathlib import Path

from polysilicon.planning import plan

EXAMPLES = Path(__file__).parents[1] / "examples"


def timed(scenario: Path) -> None:
    begun, cpu = time.perf_counter(), time.process_time()
    marks: list[tuple[float, str]] = []
    made = plan(scenario, progress=lambda text: marks.append((time.perf_counter() - begun, text)))
    total = time.perf_counter() - begun
    print(f"{made.name}: {total:.1f} s ({time.process_time() - cpu:.1f} CPU s), proved gap {made.solve.gap:.2%}")
    print(f"  {made.solve.variables} variables, {made.solve.integers} whole, {made.solve.rows} rows")
    for (at, text), after in zip(marks, [*(mark for mark, _ in marks[1:]), total], strict=True):
        print(f"  {after - at:6.2f} s  {text}")


if __name__ == "__main__":
    for name in sys.argv[1:] or [str(EXAMPLES / one / "scenario.yaml") for one in ("small", "novamind")]:
        timed(Path(name))
