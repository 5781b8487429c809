"""How much of its peaks a chip reaches: parameters of the estimators, fitted to measured cases."""

from typing import Literal

from polysilicon.facts.record import Count, Ratio, Record


class Fit(Record, frozen=True, kw_only=True):
    """Fitted parameters of one room, for every chip, a class, a family, chips of the same silicon, or one chip.

    A more specific level overrides what it states. `low_ratio` and `high_ratio` bound measured over predicted
    time for 90 of 100 cases that took no part in the fit. `unvalidated` says that measured cases are too few, or too
    far off, to vouch for what the room predicts.
    """

    room: Literal["training", "serving", "memory", "operators", "recommender", "diffusion", "encoder"]
    level: Literal["all", "class", "family", "silicon", "chip"]
    applies_to: str
    parameters: dict[str, float] = {}
    low_ratio: Ratio | None = None
    high_ratio: Ratio | None = None
    cases: Count = 0
    unvalidated: bool = False
