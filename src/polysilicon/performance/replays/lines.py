"""Reading costs off their nodes, and how many equal passes fit in a time. Runs compiled and plain."""

import math

from polysilicon.performance.replays.state import Costs, Floats


def below(nodes: Floats, x: float) -> int:
    """The last node at or below `x`, but never the last of all: the piece on which `x` lies, or is continued from."""
    low, high = 0, len(nodes) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if nodes[middle] <= x:
            low = middle
        else:
            high = middle
    return low


def decode_pass_s(costs: Costs, running: int, context: float) -> float:
    """Time of a pass that decodes one token of each of `running` sequences whose mean context is given [s]."""
    row, column = below(costs.running, float(running)), below(costs.context, context)
    up = (running - costs.running[row]) / (costs.running[row + 1] - costs.running[row])
    along = (context - costs.context[column]) / (costs.context[column + 1] - costs.context[column])
    lower, upper = costs.decode_s[row], costs.decode_s[row + 1]
    few = lower[column] + along * (lower[column + 1] - lower[column])
    many = upper[column] + along * (upper[column + 1] - upper[column])
    time_s: float = few + up * (many - few)
    return time_s


def prompt_costs_s(costs: Costs, tokens: int) -> tuple[float, float, float]:
    """Work of the first `tokens` of a prompt read alone, the same beside others', and the overhead of its pass [s]."""
    lengths = costs.lengths
    low, high = 0, len(lengths) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if lengths[middle].length <= tokens:
            low = middle
        else:
            high = middle
    left, right = lengths[low], lengths[low + 1]
    part = (tokens - left.length) / (right.length - left.length)
    return (
        left.alone_s + part * (right.alone_s - left.alone_s),
        left.together_s + part * (right.together_s - left.together_s),
        left.overhead_s + part * (right.overhead_s - left.overhead_s),
    )


def stretch_s(first_s: float, slope_s: float, passes: int) -> float:
    """Time of passes of which each takes `slope_s` longer than the one before [s].

    Source: sum of an arithmetic series.
    """
    return passes * first_s + slope_s * (0.5 * passes * (passes - 1))


def passes_until(first_s: float, slope_s: float, room_s: float, most: int) -> int:
    """The fewest of at most `most` such passes that end no sooner than `room_s` from now, at least one.

    Source: root of the arithmetic series, in the form that does not cancel.
    """
    linear = first_s - 0.5 * slope_s
    root = linear + math.sqrt(max(linear * linear + 2.0 * slope_s * room_s, 0.0))
    passes = most if root <= 0.0 else int(min(2.0 * room_s / root, float(most)))
    passes = max(passes, 1)
    while passes > 1 and stretch_s(first_s, slope_s, passes - 1) >= room_s:
        passes -= 1
    while passes < most and stretch_s(first_s, slope_s, passes) < room_s:
        passes += 1
    return passes
