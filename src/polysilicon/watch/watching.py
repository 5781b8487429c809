"""`watch`: read what is new, match it, keep what is to be said, once."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from polysilicon.records.errors import InputError
from polysilicon.watch import legal, parties, sources, vulnerable
from polysilicon.watch.alert import NOT_LEGAL_ADVICE, Alert
from polysilicon.watch.feeds import catalogue as advisories
from polysilicon.watch.feeds.reading import Limits, read
from polysilicon.watch.holding import Holding, Holdings
from polysilicon.watch.matching import Target, targets
from polysilicon.watch.notice import SECURITY, Notice
from polysilicon.watch.state import Document, State
from polysilicon.watch.vulnerable import Told

# Documents kept, and matters matched, in one step: few enough to lose little work, enough not to wait for the disk.
BATCH = 200

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Lookout:
    """What one run saw: how many notices came (new, changed, the same, older than what is kept), and the alerts that
    no reader has had yet. `faults` say what could not be read.
    """

    name: str
    file: str
    holdings: int
    catalogue: str
    arrived: dict[str, int]
    matched: int
    again: bool
    alerts: tuple[Alert, ...]
    faults: tuple[str, ...]
    notice: str = NOT_LEGAL_ADVICE

    @property
    def needs_attention(self) -> bool:
        """Whether somebody has to look: an alert that is more than a note, or a feed that could not be read."""
        return bool(self.faults) or any(one.needs_attention for one in self.alerts)

    def with_faults(self, faults: Sequence[str]) -> "Lookout":
        """The same, with what else went wrong."""
        return replace(self, faults=(*self.faults, *faults))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `--json` prints it."""
        plain = {name: value for name, value in vars(self).items() if name != "alerts"}
        return {**plain, "needs_attention": self.needs_attention, "alerts": [one.to_dict() for one in self.alerts]}


@dataclass
class _Run:
    """One run over one state."""

    state: State
    holdings: Holdings
    limits: Limits
    since: str | None
    progress: Progress
    faults: list[str] = field(default_factory=list)
    arrived: Counter[str] = field(default_factory=Counter)
    wanted: dict[tuple[str, str | None], list[tuple[Holding, Target]]] = field(default_factory=dict)


def watch(
    holdings: Holdings,
    feeds: Sequence[str],
    state: State,
    *,
    limits: Limits | None = None,
    since: str | None = None,
    outlet: str = "screen",
    progress: Progress = lambda words: None,
) -> Lookout:
    """Read every feed, match what is new to the holdings, and return the alerts that `outlet` has not had.

    The alerts are kept in `state` and are given again until `state.deliver` says that the outlet has them. Notices
    published before the day `since` are kept, and cause no alert.

    Raises:
        InputError: a feed that does not exist, or a state that can no longer be written.
    """
    sources.check(tuple(feeds))
    run = _Run(state, holdings, limits or Limits(), since, progress)
    try:
        for feed in dict.fromkeys(feeds):
            _take_in(run, feed)
        again = state.match_again_if_changed(f"{holdings.digest} {since or ''}")
        matched = _match(run)
        alerts = tuple(state.undelivered(outlet))
    except sqlite3.Error as cause:
        raise InputError(
            f"{state.path} can't be written: {cause}", remedy="free some room, then run it again"
        ) from cause
    return Lookout(
        name=holdings.name,
        file=holdings.file,
        holdings=len(holdings.every),
        catalogue=holdings.catalogue.hash,
        arrived=dict(run.arrived),
        matched=matched,
        again=again,
        alerts=alerts,
        faults=tuple(run.faults),
    )


def _take_in(run: _Run, feed: str) -> None:
    """Keep every notice of a feed. A document that was not read whole is read again next time."""
    if feed == sources.CATALOGUE:
        run.progress("reading the catalogue's advisories")
        run.arrived.update(run.state.take([Document(feed, advisories.read(run.holdings.catalogue))]))
        return
    waiting: list[Document] = []
    for document in sources.arrivals(feed, run.state, run.limits, run.faults):
        if document.content is None:
            run.arrived["unchanged documents"] += 1
            continue
        run.progress(f"reading {document.name}")
        found = read(document.content, document.name, run.holdings.catalogue, run.limits)
        run.faults.extend(found.faults)
        waiting.append(Document(document.name, found.notices, None if found.faults else document.source))
        if len(waiting) >= BATCH or len(found.notices) >= BATCH:
            run.arrived.update(run.state.take(waiting))
            waiting = []
    if waiting:
        run.arrived.update(run.state.take(waiting))


def _match(run: _Run) -> int:
    """Match what has not been matched, a step at a time; how many matters that were."""
    catalogue, done = run.holdings.catalogue, 0
    for holding in run.holdings.every:
        for target in targets(holding, catalogue):
            run.wanted.setdefault((target.id, target.platform), []).append((holding, target))
    total = run.state.unmatched_count()
    while matters := run.state.unmatched(BATCH):
        run.progress(f"matching {done:,} of {total:,}")
        groups = {matter: run.state.notices(matter) for matter in matters}
        made = [one for matter in matters for one in _examine(run, groups[matter])]
        made += list(_listings(run, groups))
        with run.state.step():
            for alert, subject, told in made:
                if subject is not None and told is not None:
                    run.state.tell(subject, told)
                if alert is not None:
                    run.state.add(alert)
            run.state.matched(matters)
        done += len(matters)
    return done


Made = tuple[Alert | None, str | None, Told | None]


def _examine(run: _Run, group: list[tuple[Notice, Notice | None]]) -> Iterator[Made]:
    """What one matter means for every holding, except for listed parties, who are looked up together."""
    security = vulnerable.in_order([one for one, _ in group if one.kind in SECURITY])
    if security:
        yield from _vulnerability(run, security)
    for notice, before in group:
        if notice.kind == "rule_record":
            yield from ((one, None, None) for one in _rejudged(run, notice) if not _is_old(run, [notice]))
        elif notice.kind in ("rule_document", "rule_text"):
            for holding in run.holdings.every:
                alert = legal.read_by_a_person(notice, before, holding, run.holdings.catalogue)
                if alert is not None and not _is_old(run, [notice]):
                    yield alert, None, None


def _vulnerability(run: _Run, notices: list[Notice]) -> Iterator[Made]:
    if vulnerable.is_withdrawn(notices):
        for earlier in run.state.alerts_on(notices[0].matter):
            if earlier.status != "withdrawn":
                yield vulnerable.withdrawn(notices, earlier), None, None
        return
    for alike in run.wanted.values():
        # Targets that differ only in their version are named by the same notices: one of them tells for all.
        if not vulnerable.concerns(notices, alike[0][1]):
            continue
        for holding, target in alike:
            found = vulnerable.examine(notices, holding, target)
            if found is None:
                continue
            alert, told = found
            subject = f"{alert.matter} {holding.key} {target.id}"
            before = run.state.told(subject)
            if told.adds(before):
                yield None if _is_old(run, notices) else alert, subject, told.with_(before)


def _is_old(run: _Run, notices: Sequence[Notice]) -> bool:
    """Whether a matter was published, and last changed, before the day from which alerts are wanted."""
    if run.since is None:
        return False
    days = [day[:10] for one in notices for day in (one.published, one.modified) if day]
    return bool(days) and max(days) < run.since


def _rejudged(run: _Run, notice: Notice) -> Iterator[Alert]:
    try:
        changed = legal.overlaid(run.holdings.catalogue, notice)
    except InputError as complaint:
        run.faults.append(str(complaint))
        return
    for holding in run.holdings.every:
        alert = legal.rejudged(notice, holding, run.holdings.catalogue, changed, run.holdings.accepted)
        if alert is not None:
            yield alert


def _listings(run: _Run, groups: dict[str, list[tuple[Notice, Notice | None]]]) -> Iterator[Made]:
    """Listed parties of a whole batch at once: names are compared with all of them in one go."""
    entries = [notice for group in groups.values() for notice, _ in group if notice.party is not None]
    if not entries:
        return
    for notice, _, alert in parties.listed(entries, run.holdings.every, run.holdings.catalogue):
        if not _is_old(run, [notice]):
            yield alert, None, None
