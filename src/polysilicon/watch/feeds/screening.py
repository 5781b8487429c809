"""The Consolidated Screening List (JSON) as notices: an entry each."""

from collections.abc import Iterator
from typing import Any

from polysilicon.facts import Catalogue
from polysilicon.facts.screening_list import PartyRegister, from_json
from polysilicon.watch.feeds.moments import calendar_day
from polysilicon.watch.notice import Notice, Party, brief

FEED = "csl"


def is_list(data: Any) -> bool:
    """Whether decoded JSON is a screening list."""
    if not isinstance(data, dict) or not isinstance(data.get("results"), list):
        return False
    first = data["results"][0] if data["results"] else {}
    return isinstance(first, dict) and "source" in first and "name" in first


def read(blob: bytes, file: str, catalogue: Catalogue, *, partial: bool) -> Iterator[Notice]:
    """Every entry of a list.

    Raises:
        InputError: as `facts.screening_list.from_json`: broken, or cut short.
    """
    yield from from_register(from_json(blob, file, catalogue, partial=partial))


def from_register(register: PartyRegister) -> Iterator[Notice]:
    """Every entry of a list in hand."""
    for one in register.parties:
        listed = register.lists[one.mark]
        yield Notice(
            kind="party_listing",
            feed=FEED,
            id=one.id,
            title=brief(f"{one.name} ({listed.name})"),
            publisher=listed.agency,
            published=calendar_day(one.since),
            party=Party(
                names=tuple(brief(name)[:300] for name in one.names[:200]),
                list_mark=one.mark,
                countries=one.countries,
                requirement=brief(one.requirement)[:600],
                policy=brief(one.policy)[:300],
                citation=brief(one.citation)[:200],
            ),
        )
