"""What is said once to the user: what is new, what of theirs it touches, how bad, why, and what to do."""

import hashlib
from typing import Any, Literal

import msgspec

from polysilicon.policy.verdict import NOTICE
from polysilicon.watch.holding import Holding
from polysilicon.watch.notice import Exploited, Paragraph, Score
from polysilicon.watch.severity import Band

Level = Literal["urgent", "act", "check", "note"]
LEVELS: tuple[Level, ...] = ("urgent", "act", "check", "note")
ATTENTION: tuple[Level, ...] = ("urgent", "act", "check")

Status = Literal[
    "affected", "disputed", "possible", "withdrawn", "breaks", "eases", "changes", "read", "known", "listed"
]


class Touched(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What of the user's a notice touches. `line` is where it stands in their file."""

    kind: str
    id: str
    line: str
    title: str
    site: str = ""
    country: str = ""
    owner: str = ""
    units: int = 1


class Judged(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the law says of one act, in short."""

    on: str
    act: str
    item_class: str
    consequence: str
    permission: str
    words: str
    citations: tuple[str, ...] = ()
    undetermined: bool = False


class Alert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One alert. `id` is the same for the same alert, always: whoever receives it twice can tell.

    `matter` is what it is about (a CVE id, a document, a section, an entry), `subject` the software, part or name of
    the user's that is concerned; `why` says how that was found, and `doubts` what in the sources contradicts itself.
    """

    id: str
    level: Level
    status: Status
    matter: str
    subject: str
    title: str
    touches: Touched
    why: str
    do: tuple[str, ...]
    ask: str = ""
    published: str | None = None
    moment: str | None = None
    version: str | None = None
    severity: Band = "unknown"
    score: Score | None = None
    scores: tuple[Score, ...] = ()
    exploited: Exploited | None = None
    fixed: tuple[str, ...] = ()
    before: Judged | None = None
    after: Judged | None = None
    paragraphs: tuple[Paragraph, ...] = ()
    doubts: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()
    legal: str = ""

    @property
    def needs_attention(self) -> bool:
        """Whether somebody has to look at it."""
        return self.level in ATTENTION

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `--json` and the webhook give it."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


NOT_LEGAL_ADVICE = NOTICE
COUNSEL = "your export-compliance counsel"


def touched(holding: Holding) -> Touched:
    """A holding as an alert names it."""
    return Touched(
        kind=holding.kind,
        id=holding.id,
        line=holding.line,
        title=holding.title,
        site=holding.site,
        country=holding.country or "",
        owner=holding.owner.name if holding.owner else "",
        units=holding.units,
    )


def alert_id(*parts: object) -> str:
    """A short name for an alert, from what makes it this one."""
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:20]
