"""Every provision on each side of its dates and of its lines, from `rule_cases.yaml`."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from polysilicon.facts import Catalogue, load
from polysilicon.facts.law import Definition, Event, Proposal, Rule
from polysilicon.policy import Items, Transaction, View, described, supposed, verdict
from polysilicon.policy.conditions import COMPARISONS
from polysilicon.records.dates import day
from polysilicon.records.document import read_yaml
from polysilicon.records.errors import InputError

CATALOGUE = load()
CASES: dict[str, dict[str, Any]] = read_yaml(Path(__file__).with_name("rule_cases.yaml")).data
MORE: dict[str, list[Any]] = read_yaml(Path(__file__).with_name("rule_lines.yaml")).data
NEVER = "never"
# Quantities as the rules name them, by the figure of a case that gives them.
GIVEN_BY = {"total_dram_bandwidth": "memory_bw_gbs", "aggregate_io_bandwidth": "scaleup_bw_gbs"}
ONE_DAY = dt.timedelta(days=1)

# The blocks of law that were compiled and read. Each is one record or several whose ids begin with it.
BLOCKS = Path(__file__).with_name("blocks.txt").read_text().split()


def applies(name: str, on: dt.date, view: View, act: dict[str, str], thing: dict[str, Any]) -> str:
    """Whether the provision applies that day: yes, no (also where it is not in force), or undetermined."""
    try:
        got = verdict(CATALOGUE, items(thing), Transaction.read(act), on, view, flips=False)
    except InputError as too_early:
        if "so early a day" not in str(too_early):
            raise
        return "no"
    return next((one.applies for one in got.findings if one.id == name), "no")


def items(thing: dict[str, Any]) -> Items:
    words = {name: str(value) for name, value in thing.items()}
    kind = words.pop("kind", None)
    return described(CATALOGUE, words.pop("chip", words.pop("name", "")), kind, words)


def boundaries() -> Iterator[tuple[str, View, dt.date, str]]:
    for name, case in CASES.items():
        start, until = case["from"], case.get("until")
        views: list[tuple[View, str]] = [("enforced", start), ("text", case.get("text", start))]
        for view, begins in views:
            if begins != NEVER:
                yield name, view, day(begins) - ONE_DAY, "no"
                yield name, view, day(begins), "yes"
            if until is not None:
                yield name, view, day(until) - ONE_DAY, "yes"
                yield name, view, day(until), "no"


def lines() -> Iterator[tuple[str, dict[str, str], dict[str, Any], str]]:
    for name, case in CASES.items():
        for moved, expected in (*case.get("lines", ()), *MORE.get(name, ())):
            yield name, case["act"], {**case["thing"], **moved}, expected
        for moved, expected in case.get("acts", ()):
            yield name, {**case["act"], **moved}, case["thing"], expected


def test_there_are_fifty_blocks_and_each_is_on_record() -> None:
    ids = {one.id for kind in (Rule, Event, Proposal) for one in CATALOGUE.every(kind)}
    assert len(BLOCKS) == 50
    for block in BLOCKS:
        stem = "US-03" if block in ("US-03a", "US-03b") else block
        assert any(one == block or one.startswith(f"{stem}-") for one in ids), block


def test_every_provision_has_its_case() -> None:
    ids = {one.id for kind in (Rule, Event) for one in CATALOGUE.every(kind)}
    assert ids == set(CASES)


@pytest.mark.parametrize(("name", "view", "on", "expected"), list(boundaries()))
def test_the_day_before_and_the_day_of(name: str, view: View, on: dt.date, expected: str) -> None:
    assert applies(name, on, view, CASES[name]["act"], CASES[name]["thing"]) == expected


@pytest.mark.parametrize(("name", "act", "thing", "expected"), list(lines()))
def test_at_just_below_and_just_above_a_line(
    name: str, act: dict[str, str], thing: dict[str, Any], expected: str
) -> None:
    start = CASES[name]["from"]
    got = applies(name, day(start), "enforced", act, thing)
    assert got == {"open": "undetermined"}.get(expected, expected)


def compared(tree: object) -> Iterator[tuple[str, Any]]:
    """Every figure and line that a condition compares."""
    if isinstance(tree, list):
        for part in tree:
            yield from compared(part)
    elif isinstance(tree, dict):
        for name, inner in tree.items():
            tests = inner if isinstance(inner, dict) else {}
            yield from ((name, tests[test]) for test in COMPARISONS if test in tests)
            yield from compared(inner)


def figures(rule: str, subject: str) -> list[Any]:
    """The figures of a quantity in all cases of a rule."""
    case = CASES[rule]
    moved = [one for one, _ in (*case.get("lines", ()), *MORE.get(rule, ()), *case.get("acts", ()))]
    name = GIVEN_BY.get(subject, subject)
    said = [
        table[name] for table in (case["thing"], case["act"], *moved) if table.get(name) not in (None, "", "unknown")
    ]
    return [one if "-" in str(one)[1:5] else float(one) for one in said]


def test_every_line_is_tried_at_it_and_on_both_sides() -> None:
    computed = {
        one.quantity for one in CATALOGUE.every(Definition) if set(one.formula) & {"sum", "ratio", "years_since"}
    }
    missing = []
    for rule in CATALOGUE.every(Rule):
        for subject, line in {*compared(rule.when), *compared(rule.binds)}:
            if subject in computed - {"performance_density", "memory_bandwidth_density"}:
                continue  # tried through what they are computed from
            tried = figures(rule.id, subject)
            ends = line == 0, str(line) == "100" and subject.endswith("_pct")
            sides = (
                ends[0] or any(one < line for one in tried),
                line in tried,
                ends[1] or any(one > line for one in tried),
            )
            if not all(sides):
                missing.append((rule.id, subject, line))
    assert not missing


@pytest.mark.parametrize(
    ("name", "thing", "denied"),
    [
        ("US-24-SAFE", {"datacenter": "yes", "tpp": 100, "memory_bw_gbs": 4100, "scaleup_bw_gbs": 0}, True),
        ("US-24-SAFE", {"datacenter": "yes", "tpp": 100, "memory_bw_gbs": 4099, "scaleup_bw_gbs": 0}, False),
        ("US-24-SAFE", {"datacenter": "no", "tpp": 100, "memory_bw_gbs": 4100, "scaleup_bw_gbs": 0}, False),
        ("US-24-SAFE", {"datacenter": "yes", "tpp": 100, "memory_bw_gbs": 3900, "scaleup_bw_gbs": 1099}, False),
        ("US-24-SAFE", {"datacenter": "yes", "tpp": 100, "memory_bw_gbs": 3901, "scaleup_bw_gbs": 1099}, True),
        ("US-24-overwatch", {"datacenter": "yes", "tpp": 4800, "memory_bw_gbs": 1, "scaleup_bw_gbs": 0}, True),
        ("US-24-overwatch", {"datacenter": "yes", "tpp": 1599, "memory_bw_gbs": 1, "scaleup_bw_gbs": 0}, False),
    ],
)
def test_a_bill_speaks_only_where_it_is_supposed(name: str, thing: dict[str, Any], denied: bool) -> None:
    on, act = dt.date(2026, 10, 1), Transaction("CN")
    without = verdict(CATALOGUE, items(thing), act, on, flips=False)
    within = verdict(CATALOGUE, items(thing), act, on, extra_rules=supposed(CATALOGUE, [name], on), flips=False)
    assert name not in {one.id for one in without.findings}
    assert (name in within.decided_by) is denied


def test_a_bill_without_lines_can_not_be_supposed(catalogue: Catalogue) -> None:
    with pytest.raises(InputError, match="its lines are not known"):
        supposed(catalogue, ["US-24-GAIN"], dt.date(2026, 10, 1))
