"""How often large jobs and clusters were seen to stop, and for how long."""

from typing import Annotated

import msgspec

from polysilicon.facts.record import Count, Record

ChipDays = Annotated[float, msgspec.Meta(gt=0, extra={"unit": "chip-days"})]


class Reliability(Record, frozen=True, kw_only=True):
    """What one published observation counted: so many interruptions while chips worked so many chip-days.

    `interruptions_low` and `interruptions_high` bound the count where its source does. `covers` says what was
    counted: every unexpected stop of a job, or broken hardware alone.
    """

    chip_id: str
    chip_days: ChipDays
    interruptions: Count
    interruptions_low: Count | None = None
    interruptions_high: Count | None = None
    covers: str
