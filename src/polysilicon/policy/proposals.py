"""Bills and drafts as what-if rules: a question may suppose that one of them is law."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec

from polysilicon.facts import Catalogue
from polysilicon.facts.law import Proposal, Rule
from polysilicon.records.errors import InputError, Place, UnknownName
from polysilicon.records.names import nearest


def supposed(catalogue: Catalogue, names: Sequence[str], on: dt.date) -> list[Rule]:
    """The rules of the proposals `names`, in force from the day `on`.

    Raises:
        UnknownName: no proposal has that id.
        InputError: its lines are not known, so that nothing can be judged by it, or a rule breaks its schema.
    """
    known = {one.id: one for one in catalogue.every(Proposal)}
    rules: list[Rule] = []
    for name in names:
        if name not in known:
            raise UnknownName(f"unknown proposal {name!r}", allowed=tuple(known), nearest=nearest(name, known))
        proposal = known[name]
        if not proposal.rules:
            raise InputError(
                f"{proposal.name}: its lines are not known, so nothing can be judged by it",
                found=name,
                allowed=[one.id for one in known.values() if one.rules],
            )
        rules.extend(_rule(proposal, said, on) for said in proposal.rules)
    return rules


def _rule(proposal: Proposal, said: dict[str, Any], on: dt.date) -> Rule:
    whole = {
        "from": list(proposal.sources),
        "confidence": proposal.confidence,
        "instrument": f"{proposal.name}, not in force ({proposal.status})",
        "citation": proposal.citation,
        "effective": on.isoformat(),
        "notes": proposal.notes,
        **said,
    }
    try:
        return msgspec.convert(whole, Rule)
    except msgspec.ValidationError as cause:
        raise InputError(str(cause), place=Place(field=f"proposals.{proposal.id}")) from cause
