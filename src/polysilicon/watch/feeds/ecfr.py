"""eCFR XML (the versioner's full text, or the bulk file): each section's text, its paragraphs and its date.

The text is read as a stream with `defusedxml`: no entities, no document types, and limits to depth and size, so that a
hostile file is refused before it is built.
"""

import io
import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from polysilicon.records.errors import InputError, Place
from polysilicon.watch.feeds.moments import calendar_day, spelt_day
from polysilicon.watch.notice import Law, Notice, Paragraph, brief

FEED = "ecfr"
MOST_DEPTH = 100
MOST_ELEMENTS = 2_000_000
MOST_PARAGRAPHS = 3000
UNITS = ("SECTION", "APPENDIX")
_PARTS = re.compile(r"^\W*([\w.]+)")


def read(blob: bytes, file: str) -> Iterator[Notice]:
    """A notice for every section or appendix. The date is the file's or address's own (`.../full/2026-01-15/...`),
    else the amendment date in the file, else the last one that a section cites.

    Raises:
        InputError: broken or hostile XML, or a file without sections.
    """
    title, amended, seen = "15", None, False
    for element, above in _elements(blob, file):
        if element.tag == "AMDDATE":
            amended = spelt_day(_text(element))
        elif element.get("TYPE") == "TITLE":
            title = element.get("N") or title
        elif element.get("TYPE") in UNITS:
            seen = True
            yield _notice(element, _title_of(above) or title, _date_in(file) or amended)
            element.clear()
    if not seen:
        raise InputError("has no section", place=Place(file), allowed='eCFR XML with <DIV8 TYPE="SECTION">')


def is_ecfr(blob: bytes) -> bool:
    """Whether bytes look like eCFR XML."""
    return re.search(rb"<(?:DIV[1-9]|ECFR|DLPSTEXTCLASS)\b", blob[:200_000]) is not None


def _elements(blob: bytes, file: str) -> Iterator[tuple[Element, list[Element]]]:
    """Every element as it ends, with those it stands in."""
    above: list[Element] = []
    count = 0
    try:
        for event, element in iterparse(io.BytesIO(blob), events=("start", "end"), forbid_dtd=True):
            if event == "start":
                above.append(element)
                count += 1
                if len(above) > MOST_DEPTH or count > MOST_ELEMENTS:
                    raise InputError(
                        f"is nested deeper than {MOST_DEPTH} or has more than {MOST_ELEMENTS:,} elements",
                        place=Place(file),
                    )
            else:
                above.pop()
                yield element, above
    except ParseError as cause:
        raise InputError(f"broken XML: {cause}", place=Place(file)) from cause
    except DefusedXmlException as cause:
        raise InputError(
            f"is hostile XML ({type(cause).__name__}): document types and entities are not read", place=Place(file)
        ) from cause
    except (ValueError, LookupError) as cause:  # encodings that the parser does not know
        raise InputError(f"is in no encoding that is read: {cause}", place=Place(file)) from cause


def _title_of(above: list[Element]) -> str | None:
    return next((one.get("N") for one in above if one.get("TYPE") == "TITLE"), None)


def _date_in(file: str) -> str | None:
    """The day that stands in an address or a file name."""
    found = re.findall(r"\d{4}-\d{2}-\d{2}", file)
    return calendar_day(found[-1]) if found else None


def _notice(section: Element, title: str, date: str | None) -> Notice:
    number = _PARTS.match((section.get("N") or "").replace("§", " ").strip())
    is_section = section.get("TYPE") == "SECTION"
    name = (number[1] if number else section.get("N") or "?") if is_section else _appendix(section.get("N") or "?")
    head = ""
    cites: list[str] = []
    paragraphs: list[Paragraph] = []
    for element in section.iter():
        if element.tag == "HEAD" and not head:
            head = brief(_text(element))
        elif element.tag == "CITA":
            cites.append(_text(element))
        elif (element.tag == "P" or element.tag.startswith(("FP", "HD"))) and len(paragraphs) < MOST_PARAGRAPHS:
            text = brief(_text(element))
            if text:
                mark = re.match(r"(?:\([a-z0-9ivxA-Z]{1,5}\))+", text)
                paragraphs.append(Paragraph(mark=mark[0] if mark else "", text=text))
    day = date or spelt_day(" ".join(cites))
    return Notice(
        kind="rule_text",
        feed=FEED,
        id=f"{title} CFR {name}",
        title=head or name,
        publisher="eCFR",
        published=day,
        modified=f"{day}T00:00:00Z" if day else None,
        oddities=() if day else ("says no date: neither its address nor its text has one",),
        law=Law(
            citation=f"{title} CFR {name}",
            parts=(f"{title} CFR {name}",),
            text_date=spelt_day(" ".join(cites)) or day,
            paragraphs=tuple(paragraphs),
        ),
    )


def _appendix(name: str) -> str:
    """`Supplement No. 1 to Part 774` as `774 Supp. 1`, as rules cite it."""
    found = re.match(r"Supplement No\.? (\d+) to Part (\d+)", name)
    return f"{found[2]} Supp. {found[1]}" if found else name


def _text(element: Element) -> str:
    return "".join(element.itertext())
