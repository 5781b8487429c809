"""The law as dated data, and one evaluator over it.

Architecture in one paragraph: `conditions` reads the trees of `all, any, not` that rules are written in; `law`
gathers what is in force on a day in one of two views (as printed, as applied), ordered by stage; `quantities`
computes what rules name (TPP, performance density) from an item's fields by the definition of that day; `items`
is the table under judgement (one chip is a table of length one; `described` reads one from words) and `transaction`
the act, `vocabulary` lists every word of both, and `cases` reads both from a row of CSV; `proposals` turns bills into
what-if rules; `hearing` reads every condition on intervals (`certainly`, `possibly`) for the whole table at
once and lets the clauses vote; `judge` turns the votes of each regime into verdicts as arrays; `reasons` explains
one of them as a `verdict`, with `flips`, `gaps` and `presumptions`; `register` lists provisions, what changed and what
held when; `authoring`, `schema` and `words` help authors of rules; `trust` asks what hardware is documented to protect;
`screening` looks a name up in party lists. No figure and no law stands in this code.
"""

from polysilicon.policy.described import described
from polysilicon.policy.items import Items
from polysilicon.policy.judge import Verdicts, judge
from polysilicon.policy.law import PERMISSIONS, View, in_force, rules_in_force
from polysilicon.policy.proposals import supposed
from polysilicon.policy.reasons import explain, verdict
from polysilicon.policy.transaction import Transaction
from polysilicon.policy.verdict import Verdict

__all__ = [
    "PERMISSIONS",
    "Items",
    "Transaction",
    "Verdict",
    "Verdicts",
    "View",
    "described",
    "explain",
    "in_force",
    "judge",
    "rules_in_force",
    "supposed",
    "verdict",
]
