"""One record for everything that is published: an advisory, a vendor's notice, a rule, a section's text, a listing."""

import hashlib
from typing import Literal

import msgspec

Kind = Literal[
    "vulnerability", "vendor_notice", "exploitation", "rule_document", "rule_text", "rule_record", "party_listing"
]
SECURITY: tuple[Kind, ...] = ("vulnerability", "vendor_notice", "exploitation")

MOST_WORDS = 4000  # letters kept of a summary: enough to see what it is about, and a feed can't fill the state with one


class Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of what a notice holds."""


class Score(Said, frozen=True, kw_only=True):
    """A CVSS score, computed from its vector where there is one. `by` is who scored; `note` says what contradicts."""

    version: str
    base: float
    vector: str = ""
    by: str = ""
    scenario: str = ""
    note: str = ""


class Span(Said, frozen=True, kw_only=True):
    """A range of versions, as `text` says it. Ends that are `None` are open.

    `scheme` is how its versions are compared: an ecosystem of packages, or empty for a vendor's own numbers. Where
    `parsed` is false the text is prose that no grammar of ours reads; its ends then mean nothing.
    """

    text: str
    scheme: str = ""
    low: str | None = None
    low_included: bool = True
    high: str | None = None
    high_included: bool = False
    parsed: bool = True


class Affected(Said, frozen=True, kw_only=True):
    """What a notice says of one product: versions that are affected, and those in which it is fixed.

    `package` is ecosystem/name where the product is a package of a registry. `fix_planned` is false where the vendor
    says that there will be none. `others` is what holds for versions that the notice does not list. `platforms` are the
    systems that the notice tells apart, where it does.
    """

    vendor: str = ""
    product: str = ""
    package: str = ""
    versions: tuple[Span, ...] = ()
    fixed: tuple[Span, ...] = ()
    fix_planned: bool = True
    others: Literal["affected", "unaffected", "unknown"] = "unaffected"
    platforms: tuple[str, ...] = ()


class Exploited(Said, frozen=True, kw_only=True):
    """Somebody reports that it is used in attacks: who, since when, and what is asked until when."""

    by: str
    since: str | None = None
    due: str | None = None
    action: str = ""


class Remedy(Said, frozen=True, kw_only=True):
    """What the publisher tells to do."""

    category: str
    text: str


class Paragraph(Said, frozen=True, kw_only=True):
    """One paragraph of a legal text."""

    mark: str = ""
    text: str


class Law(Said, frozen=True, kw_only=True):
    """What a legal document says of itself. `parts` are places in a code, such as `15 CFR 742` or `15 CFR 744.23`."""

    citation: str = ""
    document: str = ""
    action: str = ""
    agencies: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    effective: str | None = None
    corrects: str = ""
    text_date: str | None = None
    paragraphs: tuple[Paragraph, ...] = ()


class Party(Said, frozen=True, kw_only=True):
    """An entry of a list of parties."""

    names: tuple[str, ...]
    list_mark: str
    countries: tuple[str, ...] = ()
    requirement: str = ""
    policy: str = ""
    citation: str = ""


class Notice(Said, frozen=True, kw_only=True):
    """One thing that somebody published, in whatever format.

    `feed` and `id` name it; `aliases` are the other names of the same matter, such as a CVE id. `modified` orders the
    versions of one notice (ISO 8601, UTC). `oddities` say what in the record contradicts itself or could not be read.
    `record` is the text of a rule written as our catalogue writes rules.
    """

    kind: Kind
    feed: str
    id: str
    title: str = ""
    summary: str = ""
    publisher: str = ""
    contact: str = ""
    published: str | None = None
    modified: str | None = None
    withdrawn: bool = False
    aliases: tuple[str, ...] = ()
    affected: tuple[Affected, ...] = ()
    scores: tuple[Score, ...] = ()
    exploited: Exploited | None = None
    remedies: tuple[Remedy, ...] = ()
    references: tuple[str, ...] = ()
    oddities: tuple[str, ...] = ()
    law: Law | None = None
    party: Party | None = None
    record: str = ""

    @property
    def matter(self) -> str:
        """What it is about: notices of several feeds on one vulnerability share it. A CVE id where there is one."""
        if self.kind in SECURITY:
            for name in (self.id, *self.aliases):
                if name.startswith("CVE-"):
                    return name
        return f"{self.feed}:{self.id}"

    def encoded(self) -> bytes:
        """Its bytes, the same for the same content."""
        return msgspec.json.encode(self)

    def digest(self) -> str:
        """A hash of its content."""
        return hashlib.sha256(self.encoded()).hexdigest()[:32]


def decoded(blob: bytes) -> Notice:
    """A notice from its bytes."""
    return msgspec.json.decode(blob, type=Notice)


def brief(words: str | None) -> str:
    """Text in one line of sane length, without what can't be stored."""
    clean = " ".join((words or "").encode("utf-8", "replace").decode("utf-8").split())
    return clean if len(clean) <= MOST_WORDS else f"{clean[: MOST_WORDS - 1]}…"
