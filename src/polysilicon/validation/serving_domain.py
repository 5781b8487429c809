"""How far the measured cases of serving reach, written down as records that `performance.serving_domain` reads.

Cases count that the estimator answers; the requests in flight only where a constant number is.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip
from polysilicon.performance.serving_domain import QUANTITIES, choices
from polysilicon.validation.serving_cases import Question


def domains(catalogue: Catalogue, questions: Sequence[Question]) -> dict[str, dict[str, Any]]:
    """The records by id: of all chips, and how many cases there are of each family and chip."""
    chips = Counter(one.asked.cluster.chip for one in questions)
    families: Counter[str] = Counter()
    for name, count in chips.items():
        families[catalogue.get(Chip, name).family] += count
    steady = [one for one in questions if one.way == "steady"]
    reach = {}
    for name, (of, _) in QUANTITIES.items():
        values = [of(one.asked) for one in (steady if name == "concurrency" else questions)]
        reach[name] = [min(values), max(values)]
    made = Counter(choice for one in questions for choice in choices(one.asked))
    every = _record("all", "all", len(questions), reach=reach, choices=dict(sorted(made.items())))
    records = {"serving-cases-all": every}
    records |= {f"serving-cases-{name}": _record("family", name, families[name]) for name in sorted(families) if name}
    return records | {f"serving-cases-{name}": _record("chip", name, chips[name]) for name in sorted(chips)}


def _record(level: str, applies_to: str, cases: int, **more: Any) -> dict[str, Any]:
    named = {"from": ["serving-fit"], "confidence": "measured", "room": "serving"}
    return named | {"level": level, "applies_to": applies_to, "cases": cases} | more
