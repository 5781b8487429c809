"""The name of a limit, by which an infeasible scenario is explained."""

from typing import NamedTuple


class Limit(NamedTuple):
    """`subject` says what kind of limit, `name` whose."""

    subject: str
    name: str = ""
