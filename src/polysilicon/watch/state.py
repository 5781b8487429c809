"""What was seen, what was said, and to whom: one SQLite file that survives being killed at any moment.

Every step is one transaction, and nothing is forgotten before it is done: a notice is stored together with the mark
that it has yet to be matched; a mark is taken off together with the alerts that came of it; an alert counts as
delivered to an outlet only once the outlet has it. A run that dies leaves marks and undelivered alerts behind, and
the next one goes on from there. One run at a time: the file stays locked until its process ends, however it ends.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

import msgspec

from polysilicon.records.errors import InputError
from polysilicon.watch.alert import Alert
from polysilicon.watch.notice import Notice, decoded
from polysilicon.watch.vulnerable import Told

VERSION = 1
SCHEMA = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE source (name TEXT PRIMARY KEY, etag TEXT, modified TEXT, digest TEXT) WITHOUT ROWID;
CREATE TABLE notice (
    feed TEXT NOT NULL, id TEXT NOT NULL, matter TEXT NOT NULL, kind TEXT NOT NULL, modified TEXT,
    digest TEXT NOT NULL, body BLOB NOT NULL, matched BLOB, PRIMARY KEY (feed, id)
) WITHOUT ROWID;
CREATE INDEX notice_matter ON notice (matter);
CREATE TABLE unmatched (matter TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE told (
    subject TEXT PRIMARY KEY, status INTEGER NOT NULL, exploited INTEGER NOT NULL, severity INTEGER NOT NULL,
    fixed INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE alert (number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, matter TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX alert_matter ON alert (matter);
CREATE TABLE delivered (outlet TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (outlet, id)) WITHOUT ROWID;
"""

Arrival = Literal["new", "changed", "same", "older"]


@dataclass(frozen=True)
class Source:
    """What is known of a source since it was last read whole: to ask only for what changed, and to skip the same."""

    etag: str | None = None
    modified: str | None = None
    digest: str | None = None


@dataclass(frozen=True)
class Document:
    """What came of one document; its source is `None` where it was not read whole, so that it is read again."""

    name: str
    notices: Iterable[Notice]
    source: Source | None = None


class State:
    """The file in hand. Use as `with State(path) as state:`.

    Raises:
        InputError: it can't be opened, is no state of ours or of a newer version, is damaged, or another run has it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with ExitStack() as undone:
                path.absolute().parent.mkdir(parents=True, exist_ok=True)
                self._base = undone.enter_context(closing(sqlite3.connect(path, isolation_level=None, timeout=0.5)))
                self._base.execute("PRAGMA locking_mode = EXCLUSIVE")
                self._base.execute("PRAGMA synchronous = FULL")
                with self.step():  # the first write takes the lock, and keeps it until the state is closed
                    self._open()
                undone.pop_all()
        except sqlite3.OperationalError as cause:
            busy = "locked" in str(cause)
            remedy = "wait until it ends" if busy else "choose another place with --state"
            problem = "is in use by another watch" if busy else f"can't be opened: {cause}"
            raise InputError(f"{path} {problem}", remedy=remedy) from cause
        except (sqlite3.DatabaseError, OSError) as cause:
            raise InputError(f"{path} can't be used as state: {cause}", remedy="choose another with --state") from cause

    def __enter__(self) -> "State":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base.close()

    def _open(self) -> None:
        found = self._base.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        if not found:
            for statement in SCHEMA.split(";"):
                self._base.execute(statement)
            self._say("version", str(VERSION))
        elif ("about",) not in found:
            raise InputError(f"{self.path} is a database of something else", remedy="choose another with --state")
        elif self.said("version") != str(VERSION):
            raise InputError(f"{self.path} was written by another version", found=self.said("version"))
        self._base.execute("INSERT OR REPLACE INTO about VALUES ('opened', 'once')")

    @contextmanager
    def step(self) -> Iterator[None]:
        """One transaction: all of it happens, or nothing."""
        self._base.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._base.execute("ROLLBACK")
            raise
        self._base.execute("COMMIT")

    def said(self, name: str) -> str | None:
        """A value kept under a name."""
        row = self._base.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def _say(self, name: str, value: str) -> None:
        self._base.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (name, value))

    # -- notices --

    def source(self, name: str) -> Source:
        """What is known of a source."""
        row = self._base.execute("SELECT etag, modified, digest FROM source WHERE name = ?", (name,)).fetchone()
        return Source(*row) if row else Source()

    def take(self, documents: Iterable[Document]) -> dict[Arrival, int]:
        """Keep the notices of some documents, in one step with what is known of their sources.

        A notice that is no newer than the one that is kept changes nothing, in whatever order they come.
        """
        counts: dict[Arrival, int] = {"new": 0, "changed": 0, "same": 0, "older": 0}
        with self.step():
            for document in documents:
                for one in document.notices:
                    counts[self._take(one)] += 1
                source = document.source
                if source is not None:
                    self._base.execute(
                        "INSERT OR REPLACE INTO source VALUES (?, ?, ?, ?)",
                        (document.name, source.etag, source.modified, source.digest),
                    )
        return counts

    def _take(self, one: Notice) -> Arrival:
        body = one.encoded()
        digest = one.digest()
        row = self._base.execute(
            "SELECT modified, digest, matter FROM notice WHERE feed = ? AND id = ?", (one.feed, one.id)
        ).fetchone()
        if row and row[1] == digest:
            return "same"
        if row and row[0] and one.modified and one.modified < row[0]:
            return "older"
        self._base.execute(
            "INSERT INTO notice (feed, id, matter, kind, modified, digest, body) VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (feed, id) DO UPDATE SET matter = excluded.matter, kind = excluded.kind, "
            "modified = excluded.modified, digest = excluded.digest, body = excluded.body",
            (one.feed, one.id, one.matter, one.kind, one.modified, digest, body),
        )
        for matter in {one.matter, *((row[2],) if row else ())}:
            self._base.execute("INSERT OR IGNORE INTO unmatched VALUES (?)", (matter,))
        return "changed" if row else "new"

    # -- matching --

    def match_again_if_changed(self, digest: str) -> bool:
        """Mark every matter as yet to be matched where the holdings are others than last time; whether they are."""
        before = self.said("holdings")
        if before == digest:
            return False
        with self.step():
            self._base.execute("INSERT OR IGNORE INTO unmatched SELECT DISTINCT matter FROM notice")
            self._say("holdings", digest)
        return before is not None

    def unmatched(self, most: int) -> list[str]:
        """The next matters to match."""
        rows = self._base.execute("SELECT matter FROM unmatched ORDER BY matter LIMIT ?", (most,))
        return [row[0] for row in rows]

    def unmatched_count(self) -> int:
        """How many matters are yet to be matched."""
        return int(self._base.execute("SELECT count(*) FROM unmatched").fetchone()[0])

    def notices(self, matter: str) -> list[tuple[Notice, Notice | None]]:
        """Every notice on a matter, with the version that was matched last."""
        rows = self._base.execute("SELECT body, matched FROM notice WHERE matter = ? ORDER BY feed, id", (matter,))
        return [(decoded(body), decoded(old) if old else None) for body, old in rows]

    def told(self, subject: str) -> Told | None:
        """What was said of a subject before."""
        row = self._base.execute(
            "SELECT status, exploited, severity, fixed FROM told WHERE subject = ?", (subject,)
        ).fetchone()
        return Told(row[0], bool(row[1]), row[2], bool(row[3])) if row else None

    def tell(self, subject: str, told: Told) -> None:
        """Remember what is said of a subject. Within a step."""
        self._base.execute(
            "INSERT OR REPLACE INTO told VALUES (?, ?, ?, ?, ?)",
            (subject, told.status, told.exploited, told.severity, told.fixed),
        )

    def add(self, alert: Alert) -> bool:
        """Keep an alert, once: false where it was kept before. Within a step."""
        done = self._base.execute(
            "INSERT OR IGNORE INTO alert (id, matter, body) VALUES (?, ?, ?)",
            (alert.id, alert.matter, msgspec.json.encode(alert)),
        )
        return done.rowcount == 1

    def matched(self, matters: Sequence[str]) -> None:
        """Take the marks off. Within the step that keeps what came of it."""
        for matter in matters:
            self._base.execute("DELETE FROM unmatched WHERE matter = ?", (matter,))
            # Only of texts is the version that was matched last needed again: to show what changed in it.
            self._base.execute("UPDATE notice SET matched = body WHERE matter = ? AND kind = 'rule_text'", (matter,))

    # -- alerts --

    def alerts_on(self, matter: str) -> list[Alert]:
        """Every alert that was ever given on a matter."""
        rows = self._base.execute("SELECT body FROM alert WHERE matter = ? ORDER BY number", (matter,))
        return [msgspec.json.decode(row[0], type=Alert) for row in rows]

    def alerts(self, most: int | None = None) -> list[Alert]:
        """The latest alerts, oldest first."""
        rows = self._base.execute(
            "SELECT body FROM alert ORDER BY number DESC LIMIT ?", (-1 if most is None else most,)
        )
        return [msgspec.json.decode(row[0], type=Alert) for row in reversed(rows.fetchall())]

    def undelivered(self, outlet: str) -> list[Alert]:
        """The alerts that an outlet does not have yet, in the order they came."""
        rows = self._base.execute(
            "SELECT body FROM alert WHERE NOT EXISTS "
            "(SELECT 1 FROM delivered WHERE outlet = ? AND delivered.id = alert.id) ORDER BY number",
            (outlet,),
        )
        return [msgspec.json.decode(row[0], type=Alert) for row in rows]

    def deliver(self, outlet: str, alerts: Iterable[Alert]) -> None:
        """Mark alerts as delivered: only once the outlet has them."""
        with self.step():
            self._base.executemany(
                "INSERT OR IGNORE INTO delivered VALUES (?, ?)", [(outlet, one.id) for one in alerts]
            )
