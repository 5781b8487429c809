"""An estimate of training over samples as a performance engineer reads it."""

from rich.console import Group, RenderableType

from polysilicon.performance.sample_training import SampleTraining
from polysilicon.records.units import GIB
from polysilicon.report.estimate import doubts, shares
from polysilicon.report.terminal import pairs, text
from polysilicon.report.words import number, ranged

UNVALIDATED = "unvalidated: measured cases of this kind are too few, or too far off, to vouch for these figures"


def sample_training(made: SampleTraining) -> RenderableType:
    """Step and throughput with their intervals, where time goes, what fills memory; unvalidated where it is."""
    room = made.capacity_bytes / GIB
    fits = "" if made.fits else f": DOES NOT FIT{_remedy(made)}"
    each = made.samples_per_s_per_chip
    named = [
        ("step", ranged(made.step_s, "s")),
        ("throughput", ranged(made.samples_per_s, f"{made.samples}/s")),
        ("of one chip", f"{number(each.value)} {made.samples}/s"),
        ("memory", f"{number(made.memory_gib, 3)} of {number(room, 3)} GiB a chip{fits}"),
    ]
    said = ", ".join(f"{name} {value}" for name, value in made.layout.items())
    title = f"training {made.model} on {number(made.chips)} x {made.chip}"
    return Group(
        text(title, "bold"),
        text(f"{said}; {number(made.global_batch)} {made.samples} a step", "dim"),
        *([text(UNVALIDATED, "yellow")] if made.unvalidated else []),
        "",
        pairs(named),
        "",
        shares("where the step goes", made.parts, "step_s", "s"),
        "",
        shares("what fills memory", {n: v / GIB for n, v in made.memory.items()}, "memory_bytes", "GiB"),
        *doubts(str(one) for one in made.doubts),
    )


def _remedy(made: SampleTraining) -> str:
    if made.instead is None:
        return "; give it more chips"
    changed = [f"{name} {value}" for name, value in made.instead.items() if value != made.layout[name]]
    return f"; it would with {', '.join(changed)}"
