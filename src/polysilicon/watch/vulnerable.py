"""One vulnerability, as all its notices tell it together, against one holding."""

from collections.abc import Sequence
from dataclasses import dataclass

from polysilicon.watch.alert import Alert, Level, Status, alert_id, touched
from polysilicon.watch.holding import Holding
from polysilicon.watch.matching import Match, Target, matches
from polysilicon.watch.notice import Exploited, Notice, Score
from polysilicon.watch.severity import BANDS, Band, band, worst
from polysilicon.watch.versions import Standing

# Whose word comes first where notices on one vulnerability differ in wording.
PRECEDENCE = ("cve", "csaf", "osv", "nvd", "kev", "catalogue")
RANKS: dict[Status, int] = {"possible": 1, "disputed": 2, "affected": 3}
SEVERE = 9.0


@dataclass(frozen=True)
class Told:
    """What was said of one matter and one holding: a later alert comes only where it is worse, or a fix is known."""

    status: int
    exploited: bool
    severity: int
    fixed: bool

    def adds(self, before: "Told | None") -> bool:
        """Whether this says more than what was said before."""
        if before is None:
            return True
        return (
            self.status > before.status
            or (self.exploited and not before.exploited)
            or self.severity > before.severity
            or (self.fixed and not before.fixed)
        )

    def with_(self, before: "Told | None") -> "Told":
        """The most that was ever said."""
        if before is None:
            return self
        return Told(
            max(self.status, before.status),
            self.exploited or before.exploited,
            max(self.severity, before.severity),
            self.fixed or before.fixed,
        )


def in_order(notices: Sequence[Notice]) -> list[Notice]:
    """The notices on one matter, the primary source first."""
    ranks = {feed: at for at, feed in enumerate(PRECEDENCE)}
    return sorted(notices, key=lambda one: (ranks.get(one.feed, len(ranks)), one.id))


def is_withdrawn(notices: Sequence[Notice]) -> bool:
    """Whether the matter is no longer one: the CVE list says so, or everybody who wrote of it does.

    A source that only says that it is exploited or repeats it does not keep it alive.
    """
    primary = [one for one in notices if one.feed == "cve"]
    return all(one.withdrawn for one in primary or notices)


def concerns(notices: Sequence[Notice], target: Target) -> bool:
    """Whether any notice names a target, whatever its version."""
    return any(True for notice in notices for _ in matches(notice, target))


def examine(notices: Sequence[Notice], holding: Holding, target: Target) -> tuple[Alert, Told] | None:
    """The alert on one target of one holding, and what it says; `None` where it is not concerned."""
    found = [match for notice in notices for match in matches(notice, target)]
    if not found:
        return None
    stands = _standing(found)
    if stands == "unaffected":
        return None
    lead = next((one for one in notices if one.title), notices[0])
    scores = tuple(dict.fromkeys(score for one in notices for score in one.scores))
    exploited, top, fixed = _exploited(notices), worst(scores), _fixed(found)
    severity = band(top.base if top else None)
    status: Status = stands
    told = Told(RANKS[status], exploited is not None, _rank(severity), bool(fixed))
    alert = Alert(
        id=alert_id(lead.matter, holding.key, target.id, told),
        level=_level(status, top, exploited),
        status=status,
        matter=lead.matter,
        subject=target.id,
        title=lead.title,
        touches=touched(holding),
        why=_why(found, target, status),
        do=tuple(_steps(found, target, fixed, status, notices)),
        ask=next((one.contact for one in notices if one.contact), "")
        or f"the vendor, {target.vendor or lead.publisher}",
        published=min((one.published for one in notices if one.published), default=None),
        moment=max((one.modified for one in notices if one.modified), default=None),
        version=target.version,
        severity=severity,
        score=top,
        scores=scores,
        exploited=exploited,
        fixed=fixed,
        doubts=tuple(dict.fromkeys(f"{one.feed}: {odd}" for one in notices for odd in one.oddities))[:12],
        references=tuple(dict.fromkeys(link for one in notices for link in one.references))[:8],
        feeds=tuple(dict.fromkeys(one.feed for one in notices)),
    )
    return alert, told


def _exploited(notices: Sequence[Notice]) -> Exploited | None:
    """Who says that it is exploited: whoever says since when comes first."""
    said = [one.exploited for one in notices if one.exploited]
    return next((one for one in said if one.since), said[0] if said else None)


def _rank(severity: Band) -> int:
    order = [word for _, word in reversed(BANDS)]
    return order.index(severity) + 1 if severity in order else 0


def _standing(found: Sequence[Match]) -> Standing:
    """All notices together. Where one is affected by one source and not by another, that is a dispute."""
    by_notice = [_within_notice({one.standing for one in found if one.notice is notice}) for notice in _notices(found)]
    if "affected" in by_notice:
        return "disputed" if "unaffected" in by_notice else "affected"
    for one in ("disputed", "unaffected"):
        if one in by_notice:
            return one
    return "possible"


def _notices(found: Sequence[Match]) -> list[Notice]:
    return list({id(one.notice): one.notice for one in found}.values())


def _within_notice(stands: set[Standing]) -> Standing:
    """Several rows of one notice name the target (branches of a product): unless they agree, it is possible."""
    stands = stands - {"possible"} or stands
    return next(iter(stands)) if len(stands) == 1 else "possible"


def _level(status: Status, top: Score | None, exploited: Exploited | None) -> Level:
    if status == "possible":
        return "act" if exploited else "check"
    return "urgent" if exploited or (top is not None and top.base >= SEVERE) else "act"


def _fixed(found: Sequence[Match]) -> tuple[str, ...]:
    """Versions in which it is fixed, as the notices write them; the ends of ranges where they name no fix."""
    spans = [span for one in found if one.affected for span in one.affected.fixed]
    named = [span.low or span.text if span.parsed else span.text for span in spans]
    if not named:
        rows = [span for one in found if one.affected for span in one.affected.versions]
        named = [span.high for span in rows if span.parsed and span.high and not span.high_included]
    return tuple(dict.fromkeys(one for one in named if "no fix" not in one.casefold()))[:12]


def _why(found: Sequence[Match], target: Target, status: Status) -> str:
    rows = [one for one in found if one.affected]
    said = "; ".join(
        dict.fromkeys(
            f"{one.notice.feed} says of {one.affected.product or one.affected.package}: "
            f"{', '.join(span.text for span in one.affected.versions[:3]) or 'no versions'}"
            for one in rows[:4]
            if one.affected
        )
    )
    ours = f"{target.title} {target.version}" if target.version else f"{target.title} in a version that is not stated"
    if target.implied:
        ours = f"{target.title}, which comes with the part, in a version that is not stated"
    if target.hardware:
        ours = target.title
    words = {
        "affected": "is affected",
        "disputed": "is affected by one source and mended by another",
        "possible": "may be affected",
    }
    return f"{ours} {words[status]}: {said or 'only the text names it'}"


def _steps(
    found: Sequence[Match], target: Target, fixed: tuple[str, ...], status: Status, notices: Sequence[Notice]
) -> list[str]:
    steps = []
    if status == "possible" and target.version is None and not target.hardware:
        steps.append(f"find out which version of {target.title} runs there, and state it")
    elif status == "possible":
        steps.append("have a person read the notice: what it says of versions can't be compared with yours")
    if status == "disputed":
        steps.append("the sources contradict each other: have a person read them")
    if fixed:
        steps.append(f"install a version in which it is fixed: {', '.join(fixed)}")
    elif any(one.affected and not one.affected.fix_planned for one in found):
        steps.append("no fix is planned: mitigate, isolate or replace it")
    else:
        steps.append("no fixed version is named: ask the vendor")
    remedies = [f"{one.category}: {one.text}" for notice in notices for one in notice.remedies]
    return [*steps, *dict.fromkeys(remedies)][:8]


def withdrawn(notices: Sequence[Notice], earlier: Alert) -> Alert:
    """That an alert given earlier is void."""
    lead = notices[0]
    return Alert(
        id=alert_id("withdrawn", earlier.id),
        level="note",
        status="withdrawn",
        matter=earlier.matter,
        subject=earlier.subject,
        title=earlier.title,
        touches=earlier.touches,
        why=f"{lead.feed} withdrew it: {lead.summary[:300] or 'no reason is given'}",
        do=("nothing more is needed for this one",),
        published=lead.published,
        moment=lead.modified,
        references=lead.references[:4],
        feeds=tuple(dict.fromkeys(one.feed for one in notices)),
    )
