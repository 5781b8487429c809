"""What stands is what was contracted and still runs; no more can be used than stands."""

from typing import Any

from polysilicon.planning import money
from polysilicon.planning.labelled import labelled


def add(programme: Any) -> None:
    """`stands = standing + sum of active units`, `sum of use <= stands`."""
    instance = programme.instance
    stands = labelled(money.active(instance), "contract", "place", "start", "quarter")
    contracted = (programme.units * stands).sum(["contract", "start"])
    programme.model.add_constraints(
        programme.stands - contracted == labelled(instance.standing, "place", "quarter"), name="stands"
    )
    programme.model.add_constraints(programme.use.sum("task") - programme.stands <= 0, name="capacity")
