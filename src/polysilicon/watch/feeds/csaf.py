"""CSAF 2.0 documents: with a product tree (in the standard's way, or with versions as prose) and without any.

A document without a product tree (product ids that no tree defines) says what is affected only in its title and in
sentences; what they say of versions is read, and the rest stays prose. A document or a vulnerability without a CVE is
a vendor's notice, and counts as much.
"""

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from polysilicon.watch.feeds.moments import calendar_day, moment
from polysilicon.watch.notice import Affected, Notice, Remedy, Score, Span, brief
from polysilicon.watch.severity import band, scored
from polysilicon.watch.versions import exactly, from_prose, from_vers, in_sentence, recommended, unread

FEED = "csaf"
AFFECTED = ("known_affected", "first_affected", "last_affected", "under_investigation")
FIXED = ("fixed", "first_fixed", "recommended")
VERSIONS = ("product_version", "product_version_range")
MOST_DEPTH = 30


class _Note(msgspec.Struct):
    text: str = ""
    category: str = ""
    title: str = ""


class _Publisher(msgspec.Struct, frozen=True):
    name: str = ""
    contact_details: str = ""


class _Tracking(msgspec.Struct):
    id: str
    initial_release_date: str | None = None
    current_release_date: str | None = None
    status: str = ""


class _Link(msgspec.Struct):
    url: str = ""


class _Document(msgspec.Struct):
    tracking: _Tracking
    title: str = ""
    publisher: _Publisher = _Publisher()
    notes: list[_Note] = []
    references: list[_Link] = []


class _Product(msgspec.Struct):
    product_id: str
    name: str = ""


class _Branch(msgspec.Struct):
    category: str = ""
    name: str = ""
    product: _Product | None = None
    branches: list["_Branch"] = []


class _Relation(msgspec.Struct):
    full_product_name: _Product
    product_reference: str = ""
    relates_to_product_reference: str = ""


class _Tree(msgspec.Struct, frozen=True):
    branches: list[_Branch] = []
    full_product_names: list[_Product] = []
    relationships: list[_Relation] = []


class _Remedy(msgspec.Struct):
    category: str = ""
    details: str = ""


class _Score(msgspec.Struct):
    cvss_v2: dict[str, Any] | None = None
    cvss_v3: dict[str, Any] | None = None
    cvss_v4: dict[str, Any] | None = None


class _Vulnerability(msgspec.Struct):
    cve: str | None = None
    title: str = ""
    notes: list[_Note] = []
    product_status: dict[str, list[str]] = {}
    scores: list[_Score] = []
    remediations: list[_Remedy] = []
    references: list[_Link] = []
    release_date: str | None = None


class _Csaf(msgspec.Struct):
    document: _Document
    product_tree: _Tree = _Tree()
    vulnerabilities: list[_Vulnerability] = []


@dataclass(frozen=True)
class _Named:
    """What a product id stands for."""

    vendor: str
    product: str
    version: str = ""
    platform: str = ""


def is_document(data: Any) -> bool:
    """Whether decoded JSON is a CSAF document."""
    return isinstance(data, dict) and isinstance(data.get("document"), dict) and "tracking" in data["document"]


def read(data: Any) -> Iterator[Notice]:
    """A notice for each vulnerability of the document; one for the document where it lists none.

    Raises:
        msgspec.ValidationError: it breaks the schema.
    """
    csaf = msgspec.convert(data, _Csaf, strict=False)
    products = dict(_products(csaf.product_tree, csaf.document.publisher.name))
    if not csaf.vulnerabilities:
        yield _notice(csaf.document, _Vulnerability(), products, 0)
    for at, one in enumerate(csaf.vulnerabilities, start=1):
        yield _notice(csaf.document, one, products, at)


def _notice(document: _Document, one: _Vulnerability, products: Mapping[str, _Named], at: int) -> Notice:
    tracking = document.tracking
    words = brief(_plain(one.title or next((note.text for note in one.notes), "")))
    about = brief(_plain(next((note.text for note in document.notes if note.category == "summary"), "")))
    oddities: list[str] = []
    affected = tuple(_affected(document, one, products, words or about, oddities))
    scores = tuple(_scores(document, one))
    oddities += [f"{score.by} {score.note}" for score in scores if score.note]
    found = {score.version[:1]: score.base for score in scores}
    if len(found) > 1 and len({band(base) for base in found.values()}) > 1:
        oddities.append("its scores by different versions of CVSS are of different severity")
    return Notice(
        kind="vulnerability" if one.cve else "vendor_notice",
        feed=FEED,
        id=f"{tracking.id}/{one.cve}" if one.cve else f"{tracking.id}#{at}" if at else tracking.id,
        title=brief(f"{document.title}: {words[:160]}" if words else document.title),
        summary=words or about,
        publisher=brief(document.publisher.name),
        contact=brief(document.publisher.contact_details)[:200],
        published=calendar_day(tracking.initial_release_date),
        modified=moment(tracking.current_release_date) or moment(tracking.initial_release_date),
        aliases=(one.cve,) if one.cve else (),
        affected=affected,
        scores=scores,
        remedies=tuple(_remedies(document, one))[:8],
        references=tuple(dict.fromkeys(link.url for link in (*document.references, *one.references) if link.url))[:20],
        oddities=tuple(dict.fromkeys(oddities)),
    )


def _plain(text: str) -> str:
    return html.unescape(re.sub(r"<[^<>]{0,300}>", " ", text[:20_000]))


def _products(tree: _Tree, publisher: str) -> Iterator[tuple[str, _Named]]:
    found: dict[str, _Named] = {}
    for one in tree.full_product_names:
        found[one.product_id] = _Named(publisher, one.name)
    for branch in tree.branches:
        found.update(_walk(branch, _Named("", ""), 0))
    for relation in tree.relationships:
        part = found.get(relation.product_reference)
        name = relation.full_product_name
        found[name.product_id] = part or _Named(publisher, name.name)
    yield from found.items()


def _walk(branch: _Branch, above: _Named, depth: int) -> Iterator[tuple[str, _Named]]:
    """Every product below a branch. Where a version stands below no product, the branch names the product and the
    product the version, in prose: so some vendors write it."""
    if depth > MOST_DEPTH:
        return
    if branch.category == "vendor":
        above = replace(above, vendor=branch.name)
    elif branch.category == "product_name":
        above = replace(above, product=branch.name)
    elif branch.category == "architecture":
        above = replace(above, platform=branch.name)
    if branch.product is not None:
        named = replace(above, product=above.product or branch.name or branch.product.name)
        if branch.category in VERSIONS:
            named = replace(named, version=branch.name if above.product else branch.product.name)
        yield branch.product.product_id, named
    for inner in branch.branches:
        yield from _walk(inner, above, depth + 1)


def _affected(
    document: _Document, one: _Vulnerability, products: Mapping[str, _Named], words: str, oddities: list[str]
) -> Iterator[Affected]:
    versions: dict[tuple[str, str, str], list[Span]] = {}
    fixed: dict[tuple[str, str, str], list[Span]] = {}
    unknown = False
    for statuses, spans in ((AFFECTED, versions), (FIXED, fixed)):
        for name in (name for status in statuses for name in one.product_status.get(status, ())):
            named = products.get(name)
            if named is None:
                unknown = True
                continue
            spans.setdefault((named.vendor, named.product, named.platform), []).extend(_ranges(named))
    planned = not any(remedy.category == "no_fix_planned" for remedy in one.remediations)
    for key in dict.fromkeys([*versions, *fixed]):
        yield Affected(
            vendor=brief(key[0]),
            product=brief(key[1]),
            versions=tuple(dict.fromkeys(versions.get(key, ()))),
            fixed=tuple(dict.fromkeys(fixed.get(key, ()))),
            fix_planned=planned,
            platforms=(brief(key[2])[:80],) if key[2] else (),
        )
    if unknown or not one.product_status:
        oddities.append("has no product tree: what is affected stands in its sentences alone")
        yield _from_sentences(document, words, planned)


def _ranges(named: _Named) -> tuple[Span, ...]:
    if not named.version:
        return ()
    if named.version.startswith("vers:"):
        return from_vers(named.version)
    return from_prose(named.version)


def _from_sentences(document: _Document, words: str, planned: bool) -> Affected:
    """The document's title as the product, and the versions that its sentences name."""
    advice = " ".join(note.text for note in document.notes if note.category != "legal_disclaimer")
    advised = recommended(_plain(advice))  # of several versions, a sentence does not say which is whose
    return Affected(
        vendor=brief(document.publisher.name),
        product=brief(_plain(document.title)),
        versions=in_sentence(words) or (unread(words[:300]),),
        fixed=tuple(exactly(one) for one in advised) if len(advised) == 1 else (),
        fix_planned=planned,
    )


def _scores(document: _Document, one: _Vulnerability) -> Iterator[Score]:
    seen: set[Score] = set()
    for each in one.scores:
        for cvss in (each.cvss_v4, each.cvss_v3, each.cvss_v2):
            if cvss is None:
                continue
            fields = {name: text for name, text in cvss.items() if isinstance(text, str)}
            stated = cvss.get("baseScore")
            number = float(stated) if isinstance(stated, int | float) else None
            found = scored(fields.get("vectorString", ""), stated=number, by=document.publisher.name, fields=fields)
            if found and found not in seen:
                seen.add(found)
                yield found


def _remedies(document: _Document, one: _Vulnerability) -> Iterator[Remedy]:
    for remedy in one.remediations:
        yield Remedy(category=brief(remedy.category)[:60], text=brief(_plain(remedy.details))[:600])
    for note in document.notes:
        if note.title.casefold() in ("recommendation", "security update notes", "mitigations", "recommendations"):
            yield Remedy(category="recommendation", text=brief(_plain(note.text))[:600])
