"""Names that the user deals with against entries of a list of parties, shown with their scores."""

from collections.abc import Iterable, Iterator, Sequence

from polysilicon.facts import Catalogue
from polysilicon.facts.screening_list import ListedParty
from polysilicon.facts.software import PartyList
from polysilicon.policy.screening import LEAST_SCORE, alike, compared, index
from polysilicon.watch.alert import COUNSEL, NOT_LEGAL_ADVICE, Alert, alert_id, touched
from polysilicon.watch.holding import Holding
from polysilicon.watch.notice import Notice, Party


def listed(
    notices: Sequence[Notice], holdings: Iterable[Holding], catalogue: Catalogue
) -> Iterator[tuple[Notice, Holding, Alert]]:
    """An alert for every name of a holding that is like an entry. A person decides whether they are the same."""
    entries = {at: one for at, one in enumerate(notices) if one.party is not None}
    names = index(_party(at, one) for at, one in entries.items())
    lists = {one.mark: one for one in catalogue.every(PartyList)}
    for holding in holdings:
        for name in holding.counterparties:
            if not compared(name):
                continue
            for score, matched, party in alike(name, names, LEAST_SCORE):
                notice = entries[party.line]
                yield notice, holding, _alert(name, score, matched, notice, holding, lists)


def _party(at: int, notice: Notice) -> ListedParty:
    said = notice.party or Party(names=(), list_mark="")
    return ListedParty(
        id=notice.id,
        name=said.names[0] if said.names else "",
        also=said.names[1:],
        mark=said.list_mark,
        countries=said.countries,
        requirement=said.requirement,
        policy=said.policy,
        citation=said.citation,
        since=notice.published,
        line=at,
    )


def _alert(
    name: str, score: float, matched: str, notice: Notice, holding: Holding, lists: dict[str, PartyList]
) -> Alert:
    party = notice.party or Party(names=(), list_mark="")
    source = lists.get(party.list_mark)
    means = f"{source.name}: {source.means}" if source else party.list_mark
    return Alert(
        id=alert_id(notice.matter, holding.key, name, matched),
        level="check" if score < 100.0 else "act",
        status="listed",
        matter=notice.matter,
        subject=name,
        title=notice.title,
        touches=touched(holding),
        why=f"{name!r} is like {matched!r} on the {means} (likeness {score:.1f} of 100)"
        f"{f'; {party.citation}' if party.citation else ''}",
        do=(
            "compare addresses and owners: a person decides whether they are the same",
            *((f"if so: {party.requirement}",) if party.requirement else ()),
            *((f"review policy: {party.policy}",) if party.policy else ()),
        ),
        ask=COUNSEL,
        published=notice.published,
        feeds=(notice.feed,),
        legal=NOT_LEGAL_ADVICE,
    )
