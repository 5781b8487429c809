"""The marks: on figures that rest on a record of low confidence, and on results beyond what was ever validated."""

from polysilicon.facts.record import LOW_CONFIDENCE

MARK = "†"
# The mark on every result that lies outside what was ever validated.
BEYOND = "‡"
FOOTNOTE = f"{MARK} rests on a low-confidence record ({', '.join(sorted(LOW_CONFIDENCE))})"


def doubted(confidence: object) -> bool:
    """Whether a value of this confidence is marked wherever it is shown."""
    return confidence in LOW_CONFIDENCE
