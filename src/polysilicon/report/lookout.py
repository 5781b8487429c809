"""What a lookout saw: on the screen, the most pressing first, and as an Atom feed (RFC 4287)."""

from collections.abc import Iterable, Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from rich.console import Group, RenderableType

from polysilicon.policy.screening import Screening
from polysilicon.report.terminal import plain_grid, text
from polysilicon.report.words import label, number, printable
from polysilicon.watch import LEVELS, Alert, Lookout

TONES = {"urgent": "bold red", "act": "red", "check": "yellow", "note": "dim"}
ON_SCREEN = 40  # alerts that are shown in full; --json has all
STEPS = 3
TOUCHED = 6
EPOCH = "1970-01-01T00:00:00Z"  # the moment of a feed that has nothing dated: no clock is asked


def render(seen: Lookout) -> RenderableType:
    """What is new, grouped by matter."""
    parts: list[RenderableType] = [text(f"{seen.name}: {_headline(seen)}", "bold")]
    grouped = list(_grouped(seen.alerts))
    for alerts in grouped[:ON_SCREEN]:
        parts += ["", *_matter(alerts)]
    if len(grouped) > ON_SCREEN:
        parts += ["", text(f"{len(grouped) - ON_SCREEN} more matters; --json lists them", "dim")]
    if seen.faults:
        parts += ["", text("Could not be read", "bold yellow"), *(text(f"  {fault}") for fault in seen.faults)]
    parts += ["", text(_came(seen), "dim")]
    if any(alert.legal for alert in seen.alerts):
        parts.append(text(seen.notice, "dim"))
    return Group(*parts)


def _headline(seen: Lookout) -> str:
    if not seen.alerts:
        return "nothing new touches it"
    counts = [(level, sum(one.level == level for one in seen.alerts)) for level in LEVELS]
    return ", ".join(f"{count} {LABELS[level]}" for level, count in counts if count)


LABELS = {"urgent": "urgent", "act": "to act on", "check": "to check", "note": "to note"}


def _came(seen: Lookout) -> str:
    came = ", ".join(f"{count:,} {what}" for what, count in seen.arrived.items() if count) or "nothing"
    again = "; all matched again, as the holdings are others than last time" if seen.again else ""
    return f"{seen.holdings} holdings; notices: {came}; {seen.matched:,} matters matched{again}"


def _grouped(alerts: Sequence[Alert]) -> Iterator[list[Alert]]:
    """The alerts of one matter together, the most pressing matter first."""
    matters: dict[tuple[str, str], list[Alert]] = {}
    for one in alerts:
        matters.setdefault((one.matter, one.level), []).append(one)
    yield from sorted(matters.values(), key=lambda some: (LEVELS.index(some[0].level), -_base(some[0]), some[0].matter))


def _base(alert: Alert) -> float:
    return alert.score.base if alert.score else 0.0


def _matter(alerts: list[Alert]) -> Iterator[RenderableType]:
    one = alerts[0]
    bad = f"  CVSS {number(one.score.base)} ({one.score.version or 'as stated'})" if one.score else ""
    exploited = "  EXPLOITED" if one.exploited else ""
    head = text(f"{LABELS[one.level].upper()}  {one.matter}{bad}{exploited}", TONES[one.level])
    yield head
    yield text(f"  {one.title}")
    for each in alerts[:TOUCHED]:
        yield text(f"  - {each.touches.line}: {each.touches.title}{_where(each)}: {label(each.status)}")
    if len(alerts) > TOUCHED:
        yield text(f"  - and {len(alerts) - TOUCHED} more of yours")
    yield text(f"  why: {one.why}")
    for paragraph in one.paragraphs[:STEPS]:
        yield text(f"    {paragraph.mark} {_cut(paragraph.text)}", "dim")
    for step in one.do[:STEPS]:
        yield text(f"  do: {_cut(step)}")
    if one.doubts:
        yield text(f"  doubts: {_cut('; '.join(one.doubts))}", "yellow")
    links = "  ".join(one.references[:2])
    yield text(f"  ask: {one.ask}{f'  see {links}' if links else ''}", "dim")


def _where(alert: Alert) -> str:
    place = ", ".join(part for part in (alert.touches.site, alert.touches.country) if part)
    return f" at {place}" if place else ""


def _cut(words: str, most: int = 240) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"


# -- Atom -------------------------------------------------------------------------------------------------------------


def atom(name: str, alerts: Sequence[Alert]) -> str:
    """An Atom feed of alerts, newest first. The same alerts give the same bytes; an entry's id is its alert's."""
    moments = [_moment(one) for one in alerts]
    entries = "".join(_entry(one) for one in reversed(alerts))
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<feed xmlns="http://www.w3.org/2005/Atom">\n'
        f"  <id>urn:polysilicon:watch:{_safe(name.replace(' ', '-'))}</id>\n"
        f"  <title>{_safe(f'Watch: {name}')}</title>\n"
        "  <author><name>polysilicon watch</name></author>\n"
        f"  <updated>{max(moments, default=EPOCH)}</updated>\n"
        f"{entries}</feed>\n"
    )


def _entry(alert: Alert) -> str:
    links = "".join(f"    <link href={quoteattr(printable(link))}/>\n" for link in alert.references[:1])
    lines = [alert.why, *(f"Do: {step}" for step in alert.do), f"Ask: {alert.ask}" if alert.ask else "", alert.legal]
    body = "\n".join(line for line in lines if line)
    heading = f"{LABELS[alert.level].upper()}: {alert.matter}: {alert.touches.title}: {alert.title}"
    return (
        "  <entry>\n"
        f"    <id>urn:polysilicon:alert:{alert.id}</id>\n"
        f"    <title>{_safe(heading[:300])}</title>\n"
        f"    <updated>{_moment(alert)}</updated>\n"
        f"    <category term={quoteattr(alert.level)}/>\n"
        f"{links}"
        f'    <content type="text">{_safe(body)}</content>\n'
        "  </entry>\n"
    )


def _moment(alert: Alert) -> str:
    return alert.moment or (f"{alert.published}T00:00:00Z" if alert.published else EPOCH)


def _safe(words: str) -> str:
    """Text as XML can hold it."""
    return escape(printable(words))


# -- a screened name --------------------------------------------------------------------------------------------------


def screened(found: Screening) -> RenderableType:
    """Every entry that is like a name, with its score."""
    head = f"{found.name!r} against {found.entries:,} entries of {found.file}"
    if not found.hits:
        line = f"no name on it is like it by {number(found.least_score)} of 100 or more; that is no clearance"
        return Group(text(head, "bold"), text(line), *_remarks(found))
    grid = plain_grid()
    grid.add_column("likeness", justify="right")
    for name in ("listed as", "list", "countries", "what follows"):
        grid.add_column(name, overflow="fold")
    for hit in found.hits:
        name = hit.name if hit.matched == hit.name else f"{hit.name} (as {hit.matched})"
        follows = "; ".join(part for part in (hit.means, hit.policy, hit.citation) if part)
        grid.add_row(
            text(f"{hit.score:.1f}"), text(name), text(hit.list_name), text(", ".join(hit.countries)), text(follows)
        )
    more = [text(f"{found.more} more entries are like it", "yellow")] if found.more else []
    return Group(text(head, "bold"), grid, *more, *_remarks(found))


def _remarks(found: Screening) -> Iterable[RenderableType]:
    yield from (text(f"doubt: {doubt}", "yellow") for doubt in found.doubts)
    yield text(found.notice, "dim")
