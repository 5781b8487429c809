"""How far the measured cases reach that an estimator was held against."""

from typing import Literal

from polysilicon.facts.record import Count, Record


class Domain(Record, frozen=True, kw_only=True):
    """The measured cases of one room that took part in validation: of all chips, of a family or of one chip.

    `reach` is the least and the most that any case has of a quantity, `choices` how many cases made a choice, and
    `best_mfu_pct` the highest utilisation measured (causal, of the dense peak), by what was run. A single chip has
    only the last of the three; of serving, utilisation is not told, and reach and choices are those of all chips.
    """

    room: Literal["training", "serving"]
    level: Literal["all", "family", "chip"]
    applies_to: str
    cases: Count
    reach: dict[str, tuple[float, float]] = {}
    choices: dict[str, float] = {}
    best_mfu_pct: dict[str, float] = {}
