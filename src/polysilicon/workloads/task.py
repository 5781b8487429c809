"""What is asked of a model: a training run, or a serving demand with latency targets."""

from dataclasses import dataclass

from polysilicon.records.errors import InputError, Place

# More of anything than can be meant.
MOST = 1e18


def _above_zero(name: str, **quantities: float | None) -> None:
    for field, value in quantities.items():
        if value is not None and not 0 < value <= MOST:
            place = Place(None, None, f"{name}.{field}")
            raise InputError("is no sane quantity", place=place, found=value, allowed=f"above 0, up to {MOST:g}")


@dataclass(frozen=True)
class Training:
    """Train on `tokens` tokens (samples, for a recommender or an image model) in steps of `global_batch` sequences."""

    sequence_length: int
    global_batch: int
    tokens: float | None = None

    def __post_init__(self) -> None:
        _above_zero(
            "training", sequence_length=self.sequence_length, global_batch=self.global_batch, tokens=self.tokens
        )


@dataclass(frozen=True)
class Serving:
    """Answer `requests_per_s` requests of `input_tokens` each with `output_tokens` tokens.

    `ttft_ms` bounds the time to the first token and `tpot_ms` the time of each later one, at the stated
    percentile of requests; `None` means no bound. `round_trip_ms` is the network's part of the first token. The
    analytic estimator knows means only, and holds those to the bounds whatever the percentile. For a recommender a
    request is one query of `input_tokens` candidates to rank; for an image model it is one image, and both lengths
    are 1.
    """

    input_tokens: int
    output_tokens: int
    requests_per_s: float | None = None
    ttft_ms: float | None = None
    tpot_ms: float | None = None
    percentile: float = 50.0
    round_trip_ms: float = 0.0

    def __post_init__(self) -> None:
        _above_zero(
            "serving",
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            requests_per_s=self.requests_per_s,
            ttft_ms=self.ttft_ms,
            tpot_ms=self.tpot_ms,
        )
        if not 0 <= self.round_trip_ms < 1e18:
            place = Place(None, None, "serving.round_trip_ms")
            raise InputError("must not be below zero", place=place, found=self.round_trip_ms)
        if not 0 < self.percentile < 100:
            raise InputError(
                "not a percentile",
                place=Place(None, None, "serving.percentile"),
                found=self.percentile,
                allowed="above 0, below 100",
            )
