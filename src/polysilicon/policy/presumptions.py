"""What a verdict took for granted, and what the text holds beside what is applied."""

from collections.abc import Iterator

from polysilicon.policy.conditions import leaves
from polysilicon.policy.hearing import Hearing
from polysilicon.policy.items import named
from polysilicon.policy.judge import Verdicts
from polysilicon.policy.law import law_of, starts

# What is taken to hold where the act does not say it.
TAKEN = {
    "listed_ownership_pct": "listed parties own less of the party than any rule asks",
    "site_fp64_pflops": "it goes into no computing as large as a supercomputer",
    "region": "the place lies in no subdivision that a rule names",
}


def printed(one: Verdicts) -> Iterator[str]:
    """Provisions that the text holds and that are not applied yet, where they may bear on the case."""
    law = one.law
    if law.view == "text":
        return
    text = law_of(one.catalogue, law.on, "text", one.extra_rules)
    hearing = Hearing(text, one.items, one.transaction)
    for opinion in one.opinions:
        applied = {clause.id for clause in law.clauses[opinion.regime.id]}
        for clause in text.clauses[opinion.regime.id]:
            asked = {leaf.subject for leaf in leaves(clause.binds)} & TAKEN.keys()
            unsaid = any(getattr(one.transaction, subject) is None for subject in asked)
            if clause.id not in applied and (unsaid or hearing.applies(clause).possibly.any()):
                starts_on = (
                    f", applied from {starts(clause.record, 'enforced')}" if starts(clause.record, "enforced") else ""
                )
                gives = clause.consequence or clause.item_class
                yield f"{clause.id} is in the text since {clause.record.effective}{starts_on}: {gives}"


def presumed(one: Verdicts) -> Iterator[str]:
    """What was taken for granted because the question did not say it; only what a rule that was heard asks."""
    text = law_of(one.catalogue, one.law.on, "text", one.extra_rules)
    heard = [opinion.regime.id for opinion in one.opinions]
    clauses = [clause for law in (one.law, text) for regime in heard for clause in law.clauses[regime]]
    every = [leaf for clause in clauses for leaf in (*leaves(clause.binds), *leaves(clause.when))]
    asked = {leaf.subject for leaf in every}
    act = one.transaction
    if "headquarters" in asked and act.headquarters is None:
        yield f"the party and its ultimate parent have their headquarters in {act.to}"
    if "party" in asked and act.party is None:
        yield "no party to the transaction is named in a rule or on a list"
    elif "party" in asked:
        yield f"{act.party} was not screened against the party lists, beyond the names that rules hold"
    uses = tuple(word for leaf in every if leaf.subject == "end_use" for word in leaf.value)
    if act.end_use is not None and act.activity != "use" and not named(act.end_use, uses):
        yield f"no rule speaks of the end use {act.end_use!r}"
    for subject, words in TAKEN.items():
        if subject in asked and getattr(act, subject) is None:
            yield words
    if "designer" in asked and not one.items.designer[0]:
        yield "the designer is headquartered outside Macau and Country Group D:5"
    if one.assumed:
        yield "the law is carried forward from the last day up to which it was read"
