"""A scan as an engineer reads it: what was read, what ties the code to one vendor, the matrix, and the days."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.tree import Tree

from polysilicon.facts.porting import PortRule
from polysilicon.porting import Finding, Scan
from polysilicon.records.table import Table
from polysilicon.report.terminal import table, text
from polysilicon.report.words import number

if TYPE_CHECKING:
    from polysilicon.porting.effort import Amount, Effort

WORST = ("blocked", "change", "wrong", "slow", "check", "note")
SAYS = {
    "blocked": "no counterpart known",
    "change": "won't run unless changed",
    "wrong": "may give wrong results",
    "slow": "will run slowly",
    "check": "to be looked at",
    "note": "worth knowing",
}
TONES = {"blocked": "red", "change": "red", "wrong": "magenta", "slow": "yellow", "check": "yellow", "note": "dim"}
DEEPEST = 4
RULES_ON_SCREEN, PLACES_ON_SCREEN, ROWS_ON_SCREEN, ITEMS_ON_SCREEN = 8, 2, 12, 5


def to_dict(
    scan: Scan, rules: Mapping[str, PortRule], efforts: "Sequence[Effort]", added: Sequence[Finding] | None
) -> Any:
    """What `--json` prints: the scan, the rules it names, the matrix, the effort, and what is new to a ratchet."""
    named = {one.rule for one in scan.findings}
    return {
        "scan": scan,
        "rules": {
            name: {
                "category": rules[name].category,
                "what": rules[name].what,
                "advice": rules[name].advice,
                "fix": rules[name].fix,
                "band": rules[name].band,
                "sources": rules[name].sources,
                "date": rules[name].date,
                "confidence": rules[name].confidence,
            }
            for name in sorted(named)
        },
        "matrix": matrix(scan).to_dict(),
        "effort": list(efforts),
        "new": None if added is None else list(added),
    }


def matrix(scan: Scan) -> Table:
    """Folders by targets, findings that count, the worst folders first; as deep as it takes to tell folders apart."""
    found = _matrix(scan, 1)
    for depth in range(2, DEEPEST + 1):
        if len(found) > 1:
            break
        found = _matrix(scan, depth)
    return found


def _matrix(scan: Scan, depth: int) -> Table:
    counts: dict[str, Counter[str]] = {}
    for one in scan.findings:
        if one.counts:
            parts = one.path.split("/")
            folder = "/".join(parts[:depth]) + "/" if len(parts) > depth else "(top)"
            counts.setdefault(folder, Counter())[one.target] += 1
    rows = sorted(counts, key=lambda folder: (-sum(counts[folder].values()), folder))
    columns: dict[str, Sequence[Any]] = {"folder": rows}
    columns.update({name: [counts[folder][name] for folder in rows] for name in scan.targets})
    return Table("findings by folder and target", columns, units=dict.fromkeys(scan.targets, ""))


def render(
    scan: Scan,
    rules: Mapping[str, PortRule],
    efforts: "Sequence[Effort]" = (),
    added: Sequence[Finding] | None = None,
    *,
    everything: bool = False,
    team: int = 1,
) -> RenderableType:
    """The whole answer on a screen."""
    parts: list[RenderableType] = [text(read_line(scan))]
    if added is None:
        parts += [target_tree(scan, rules, name, everything=everything) for name in scan.targets]
        if len(scan.targets) > 1:
            parts.append(table(matrix(scan), first=ROWS_ON_SCREEN))
    else:
        parts.append(ratchet_tree(added, rules))
    parts += [effort_lines(one, rules, team) for one in efforts]
    return Group(*parts)


def read_line(scan: Scan) -> str:
    """`read 120 files (30,450 lines); skipped 4 because larger than 4 MB, ...`."""
    said = f"read {number(scan.files)} files ({number(sum(scan.lines.values()))} lines)"
    if scan.passed:
        said += "; skipped " + ", ".join(f"{number(one.files)} because {one.why}" for one in scan.passed)
    if scan.lines.get("kernel"):
        said += f"; C++ read by {scan.kernels_by}"
    if scan.doubted:
        said += "; with a doubt " + ", ".join(f"{number(one.files)}: {one.why}" for one in scan.doubted)
    return said


def target_tree(scan: Scan, rules: Mapping[str, PortRule], name: str, *, everything: bool) -> Tree:
    """The findings for one target: verdicts, then rules with the most places, then some places."""
    mine = [one for one in scan.findings if one.target == name]
    counted = [one for one in mine if one.counts]
    follows = sum(one.listed and one.role == "follows" for one in mine)
    suppressed = sum(bool(one.suppressed) for one in mine)
    head = f"{name}: {number(len(counted))} findings"
    head += f", {number(follows)} places follow" if follows else ""
    head += f", {number(suppressed)} suppressed" if suppressed else ""
    tree = Tree(text(head, "bold"), guide_style="dim")
    for verdict in WORST:
        of = [one for one in (mine if verdict == "note" else counted) if one.verdict == verdict]
        if of:
            branch = tree.add(text(f"{verdict}: {SAYS[verdict]} ({number(len(of))})", TONES[verdict]))
            _rules(branch, of, rules, everything=everything)
    if not scan.files:
        tree.add(text("nothing was read, so nothing is known of this code", "yellow"))
    elif not counted:
        tree.add(text("nothing found that ties this code to another vendor", "green"))
    return tree


def _rules(branch: Tree, findings: Sequence[Finding], rules: Mapping[str, PortRule], *, everything: bool) -> None:
    by_rule: dict[str, list[Finding]] = {}
    for one in findings:
        by_rule.setdefault(one.rule, []).append(one)
    ranked = sorted(by_rule, key=lambda rule: (-len(by_rule[rule]), rule))
    shown = ranked if everything else ranked[:RULES_ON_SCREEN]
    for rule in shown:
        places = by_rule[rule]
        twig = branch.add(text(f"{rules[rule].category} {rule} ×{len(places)}: {rules[rule].what}"))
        for one in places if everything else places[:PLACES_ON_SCREEN]:
            again = f" (and {one.repeats} more)" if one.repeats else ""
            twig.add(text(f"{one.path}:{one.line}: {one.symbol}{again}", "dim"))
    if len(ranked) > len(shown):
        branch.add(text(f"{len(ranked) - len(shown)} more rules; --all lists everything", "dim"))


def ratchet_tree(added: Sequence[Finding], rules: Mapping[str, PortRule]) -> Tree:
    """What is new since the baseline."""
    tree = Tree(text(f"{number(len(added))} new ties", "bold red" if added else "green"), guide_style="dim")
    for one in added:
        again = f" (and {one.repeats} more)" if one.repeats else ""
        told = f"{one.path}:{one.line}: {one.target}: {one.rule}: {one.symbol}{again}"
        tree.add(text(f"{told}; {rules[one.rule].advice}"))
    return tree


def effort_lines(one: "Effort", rules: Mapping[str, PortRule], team: int) -> RenderableType:
    """Days, months and weeks with their interval, who does them, and the largest items."""
    parts = ", ".join(f"{part} {number(days, 2)}" for part, days in one.parts.items())
    lines = [
        text(f"{one.target}: {_amount(one.days)} person-days ({_amount(one.person_months)} person-months)", "bold"),
        text(f"  {_amount(one.weeks(team))} weeks for a team of {team}; {_amount(one.lines)} new lines"),
        text(
            f"  days: {parts}, fixed {number(one.fixed_days, 2)}, verification {number(one.verify_days, 2)}; "
            f"at {number(one.days_per_line, 2)} days a line"
        ),
    ]
    for item in one.items[:ITEMS_ON_SCREEN]:
        what = rules[item.rule].what
        lines.append(text(f"  {number(item.days, 2)} days: {what}, {item.places}× in {item.path} ({item.part})", "dim"))
    if one.stack is None:
        lines.append(text("  no stack of the catalogue is charged for this target", "dim"))
    return Group(*lines)


def _amount(amount: "Amount") -> str:
    return f"{number(amount.p50, 3)} (P10 {number(amount.p10, 3)}, P90 {number(amount.p90, 3)})"
