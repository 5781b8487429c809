"""A verdict as an export-compliance officer reads it: the answer, the text, the margins, what is not known."""

from typing import get_args

from rich.console import Group, RenderableType
from rich.text import Text

from polysilicon.facts.law import Stage
from polysilicon.facts.record import USER
from polysilicon.policy.verdict import Reading, RuleFinding, Verdict
from polysilicon.report.doubt import MARK, doubted
from polysilicon.report.terminal import pairs, plain_grid, text
from polysilicon.report.words import cell, label, number

TONES = {"free": "green", "exception": "green", "warning": "yellow", "licence": "yellow", "prohibited": "red"}
SIGNS = {"at_least": "≥", "above": ">", "at_most": "≤", "below": "<", "in": "in", "is": "is"}
FLIPS_ON_SCREEN = 6
# In the order in which the law is asked.
STAGES = get_args(Stage)
# Free to do, and yet to be warned of.
WARNED = frozenset({"GP10_presumption", "text_licence_required:not_enforced"})
# What is no matter of licences is not told in their words.
OTHERWISE = {
    "site_outside_limits": "not allowed as it stands",
    "standard_contract_or_certification": "allowed after a procedure",
    "security_assessment": "allowed after an assessment",
}
# Planners treat these as reviewed case by case, for want of a known policy; a reader is told that it is wanting.
POLICY_UNKNOWN = {
    "licence_required:is_informed_letter": "licence required, review policy unpublished",
    "licence_required:review_policy_unknown": "licence required, review policy not found",
}


def render(verdict: Verdict) -> RenderableType:
    """The verdict; rules that do not concern the case are only counted."""
    concerned = [one for one in verdict.findings if one.binds != "no" and one.applies != "no"]
    concerned.sort(key=lambda one: STAGES.index(one.stage))
    others = len(verdict.findings) - len(concerned)
    parts: list[RenderableType] = [_headline(verdict), "", _facts(verdict)]
    parts += ["", text("Rules that bear on it", "bold"), *(_finding(one) for one in concerned)]
    parts.append(text(f"{others} other rules were looked at and do not apply; --json lists them", "dim"))
    near = _margins(verdict)
    if near is not None:
        parts += ["", near]
    if verdict.flips:
        parts += ["", text("What would change the answer", "bold"), _flips(verdict)]
    parts += ["", text(verdict.notice, "dim")]
    return Group(*parts)


def _headline(verdict: Verdict) -> Text:
    said = _heading(verdict)
    if verdict.undetermined and verdict.permission != "undetermined":
        said += ", whatever is still open"
    tone = "yellow" if verdict.undetermined else TONES.get(verdict.permission, "red")
    route = " ".join(f"{name.replace('_', ' ')} {value}" for name, value in verdict.transaction.items())
    return Text("\n").join(
        [
            Text.assemble(text(verdict.item, "bold"), text(f": {route}, on {verdict.on} ({verdict.view} view)")),
            Text.assemble(text(said.upper(), f"bold {tone}"), text(f"  {verdict.item_class}: {verdict.consequence}")),
            text(verdict.words),
        ]
    )


def _heading(verdict: Verdict) -> str:
    """The permission in words; a licence without a known review policy is not said to have one."""
    if verdict.permission == "free" and verdict.consequence in WARNED:
        return "free, with a warning"
    told = POLICY_UNKNOWN.get(verdict.consequence) or OTHERWISE.get(verdict.consequence)
    return told or label(verdict.permission)


def _confidence(verdict: Verdict) -> str:
    theirs = [one.field for one in verdict.inputs if USER in one.sources]
    rests = f" (reads your own {', '.join(theirs)})" if theirs else ""
    return verdict.confidence + (f" {MARK}" if doubted(verdict.confidence) else "") + rests


def _facts(verdict: Verdict) -> RenderableType:
    carried = " (law carried forward: assumed)" if verdict.assumed else ""
    named: list[tuple[str, object]] = [
        ("by", "; ".join(verdict.citations) or "no rule: nothing was found that requires a licence"),
        ("law read up to", verdict.known_until + carried),
        ("confidence", _confidence(verdict)),
    ]
    for name, words in (
        ("could be", verdict.could_be),
        ("missing", verdict.missing),
        ("duties", verdict.duties),
        ("limit of volume", verdict.caps),
        ("conditions", verdict.conditions),
        ("printed only", verdict.printed),
        ("presumed", verdict.presumed),
        ("remarks", verdict.remarks),
    ):
        if words:
            named.append((name, "; ".join(words)))
    if verdict.duty_share:
        named.append(("duty", f"{number(100 * verdict.duty_share)} % of the price"))
    named += [(f"also {regime}", said) for regime, said in verdict.also.items()]
    return pairs(named)


def _finding(finding: RuleFinding) -> RenderableType:
    end = f" until {finding.until}" if finding.until else ""
    sure = "" if finding.applies == "yes" else f" [{finding.applies}]"
    gives = f" → {finding.gives}" if finding.gives else ""
    stage = f"  {finding.stage}: "
    line = text(f"{stage}{finding.id}{sure}{gives}")
    line.append_text(text(f"\n    {finding.citation}; from {finding.effective}{end}", "dim"))
    if not finding.enforced:
        line.append_text(text("; not enforced", "yellow"))
    return line


def _margins(verdict: Verdict) -> RenderableType | None:
    """Every figure that a binding rule compared, nearest to its threshold first."""
    measured: dict[tuple[str, str, object], Reading] = {}
    for finding in verdict.findings:
        if finding.binds == "no":
            continue
        for one in finding.readings:
            if isinstance(one.limit, int | float) and not isinstance(one.limit, bool):
                measured.setdefault((one.subject, one.test, one.limit), one)
    if not measured:
        return None
    grid = plain_grid()
    for name, right in (("figure", 0), ("read", 1), ("threshold", 1), ("off by", 1), ("met", 0), ("unit", 0)):
        grid.add_column(name, justify="right" if right else "left", no_wrap=True, max_width=None if right else 24)
    for one in sorted(measured.values(), key=lambda one: 1e9 if one.margin_pct is None else abs(one.margin_pct)):
        grid.add_row(
            text(one.subject),
            text(_span(one)),
            text(f"{SIGNS.get(one.test, one.test)} {cell(one.limit)}"),
            "–" if one.margin_pct is None else f"{one.margin_pct:+.0f} %",
            "open" if one.holds == "undetermined" else one.holds,
            text(one.unit),
        )
    return Group(text("Figures and thresholds, nearest first", "bold"), grid)


def _span(reading: Reading) -> str:
    if reading.word:
        return reading.word
    if reading.low == reading.high and reading.low is not None:
        return number(reading.low)
    return f"{cell(reading.low)} … {'unknown' if reading.high is None else cell(reading.high)}"


def _flips(verdict: Verdict) -> RenderableType:
    grid = plain_grid()
    for name in ("figure", "moved", "by", "then"):
        grid.add_column(name, overflow="fold")
    for one in verdict.flips[:FLIPS_ON_SCREEN]:
        by = "–" if one.change_pct is None else f"{one.change_pct:+.1f} %"
        grid.add_row(
            text(one.quantity), text(f"{one.just} {number(one.to)}"), by, text(f"{one.item_class}: {one.consequence}")
        )
    return grid
