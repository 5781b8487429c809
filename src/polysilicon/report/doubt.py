"""The mark on every figure that rests on a record of low confidence."""

from polysilicon.facts.record import LOW_CONFIDENCE

MARK = "†"
FOOTNOTE = f"{MARK} rests on a low-confidence record ({', '.join(sorted(LOW_CONFIDENCE))})"


def doubted(confidence: object) -> bool:
    """Whether a value of this confidence is marked wherever it is shown."""
    return confidence in LOW_CONFIDENCE
