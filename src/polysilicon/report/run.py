"""A whole training run, for people: how long, how many chip-hours, how much energy, and where the time goes."""

import numpy as np
from rich.console import Group, RenderableType

from polysilicon.performance.run import Run
from polysilicon.performance.training import TrainingEstimate
from polysilicon.records.units import GIGA, KILO, S_PER_DAY, S_PER_H, S_PER_MIN
from polysilicon.report.estimate import doubts, shares, training
from polysilicon.report.terminal import pairs, text
from polysilicon.report.words import interval, number, short

PERCENT = 100.0


def with_run(made: TrainingEstimate, found: Run, remedy: str = "") -> RenderableType:
    """A step, and the run of many of them; `remedy` says what to do where it does not fit."""
    fits = bool(np.ravel(made.fits)[0])
    warned = [] if fits else [text("as if it fitted in memory, which it does not:", "yellow")]
    return Group(training(made, remedy=remedy), "", *warned, run(found))


def run(found: Run, at: int = 0) -> RenderableType:
    """One candidate's run."""
    told = found.to_dict(at)
    divisor, unit = _unit(told["wall_s"]["value"], S_PER_DAY)
    often = "" if told["interruptions"] < 1.0 else f", one every {_time(told['mtbf_s'])}"
    often_saved = f"every {_plain_time(told['checkpoint_interval_s'])}"
    saved = f"{number(told['checkpoint_bytes'] / GIGA, 3)} GB"
    named = [
        ("time", _range(told["wall_s"], 1.0 / divisor, unit)),
        ("chip-hours", f"{short(told['chip_hours']['value'])} ({_ends(told['chip_hours'])})"),
        ("energy", _energy(told["energy_mwh"])),
        ("goodput", _range(told["goodput_share"], PERCENT, "% of the pace of an undisturbed step")),
        (
            "steps",
            f"{told['steps']:,.0f}, {_range(told['effective_share'], PERCENT, '% of the time in steps that count')}",
        ),
        ("interruptions", f"{number(told['interruptions'], 3)} to expect" + often),
        ("checkpoints", f"{often_saved}, {saved} each, standing still for {_plain_time(told['checkpoint_stall_s'])}"),
        ("spare nodes", number(told["spare_nodes"])),
        ("failures", str(found.failures).removeprefix("failures: ")),
        ("rests on", ", ".join(one.split(" [")[0].removesuffix(".value") for one in found.assumed)),
    ]
    parts = {name: value / divisor for name, value in told["parts"].items()}
    whole = parts | {"wall_s": told["wall_s"]["value"] / divisor}
    beyond = [one for one in found.doubts if "failures" in one]
    return Group(
        text(f"a run of {_tokens(found.tokens)} tokens on {number(told['chips'])} x {found.chip}", "bold"),
        pairs(named),
        "",
        shares("where the run goes", whole, "wall_s", unit),
        *doubts(beyond),
    )


def _range(figure: dict[str, float], factor: float, unit: str) -> str:
    value, low, high = (factor * figure[end] for end in ("value", "low", "high"))
    return f"{number(value, 3)} {unit} ({interval(low, high)})"


def _ends(figure: dict[str, float]) -> str:
    return f"90 %: {short(figure['low'])} to {short(figure['high'])}"


def _energy(figure: dict[str, float]) -> str:
    """The chips alone draw it; what stands around them comes on top."""
    factor, unit = (1.0, "MWh") if figure["value"] >= 1.0 else (KILO, "kWh")
    return f"{_range(figure, factor, unit)} of the chips alone"


def _time(figure: dict[str, float]) -> str:
    if figure["low"] == figure["high"]:
        return _plain_time(figure["value"])
    return f"{_plain_time(figure['value'])} (90 %: {_plain_time(figure['low'])} to {_plain_time(figure['high'])})"


def _plain_time(seconds: float) -> str:
    divisor, unit = _unit(seconds, 2 * S_PER_DAY)
    return f"{number(seconds / divisor, 3)} {unit}"


def _unit(seconds: float, day_from: float) -> tuple[float, str]:
    """The unit that suits a time, days from `day_from` on."""
    for least, divisor, unit in (
        (day_from, S_PER_DAY, "days"),
        (2 * S_PER_H, S_PER_H, "h"),
        (2 * S_PER_MIN, S_PER_MIN, "min"),
    ):
        if seconds >= least:
            return divisor, unit
    return 1.0, "s"


def _tokens(count: float) -> str:
    """A number of tokens as people say it: 300 B, 15.6 T."""
    for least, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if count >= least:
            return f"{number(count / least, 4)} {letter}"
    return number(count)
