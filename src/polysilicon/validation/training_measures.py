"""What a row measured, in the terms in which it can be compared."""

from polysilicon.records.units import TERA
from polysilicon.validation.training_cases import Prepared
from polysilicon.workloads.counts import Shape


def usable(made: Prepared) -> bool:
    """Whether a row can be fitted: expressible, plausible, of quality A or B, and with a time."""
    good = made.status == "ok" and made.expressible and not made.one_layer and made.case.word("quality") in ("A", "B")
    return good and measured_step_s(made) > 0


def exploited(convention: str) -> float:
    """1 where a source counts causal attention as half, 0 where it counts the whole score matrix."""
    return 1.0 if "causal" in convention else 0.0


def model_flop_per_token(made: Prepared) -> float:
    """Model operations of one trained token as the row's source counts them."""
    assert made.model is not None  # noqa: S101 - only asked for expressible cases
    shape, convention = Shape.of(made.model), made.case.word("flops_convention")
    if convention.startswith("6*N"):
        return 6.0 * float(shape.weights)
    sequence, frozen = made.case.number("seq_len") or 0.0, made.recipe["frozen"]
    return float(shape.training_flop_per_token(sequence, exploited(convention), frozen))


def measured_step_s(made: Prepared) -> float:
    """The measured time of a step, from the row's time or its throughput; NaN where it states neither."""
    case = made.case
    step, batch, chips = (case.number(name) for name in ("step_time_s", "global_batch", "chips"))
    if step is not None:
        return step
    sequence, throughput = case.number("seq_len"), case.number("tokens_per_s_per_chip")
    if batch is None or chips is None or sequence is None:
        return float("nan")
    if throughput is not None:
        return batch * sequence / (throughput * chips)
    rate, used, peak = (case.number(name) for name in ("model_tflops_per_chip", "mfu_pct", "peak_tflops_used"))
    if rate is None and used is not None and peak is not None:
        rate = used / 100.0 * peak
    if rate and made.model is not None:
        return model_flop_per_token(made) * batch * sequence / (rate * TERA * chips)
    return float("nan")
