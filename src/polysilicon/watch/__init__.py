"""A lookout over what is published: which advisory, rule or listing touches what the user has, contracts or plans.

Architecture in one paragraph: `sources` brings documents from files, folders and addresses (`network` is the only
module that contacts anybody, and only addresses that the user names); `feeds` turns each published format into the one
record of `notice`, with scores by `severity` and ranges of versions by `versions`; `fleet` is the schema of what a user
writes, `owned` and `planned` make `holding` records of a fleet, a scenario or a plan, which `holdings` tells apart;
`matching` finds the software and parts that a notice means by the names of the catalogue, `vulnerable` says what all
notices on one vulnerability mean for them, `acts` and `legal` judge a holding again by a rule that is written as ours
and show a person the paragraphs of any other, `parties` screens names; `alert` is what is said; `state` keeps in one
SQLite file what was seen, said and delivered, so that nothing is lost or said twice however a run ends; `watching` is
the verb.
"""

from polysilicon.watch.alert import ATTENTION, LEVELS, Alert
from polysilicon.watch.feeds.reading import Limits
from polysilicon.watch.holding import Holdings
from polysilicon.watch.holdings import read
from polysilicon.watch.network import Line, Unreachable, is_address
from polysilicon.watch.state import State
from polysilicon.watch.watching import Lookout, watch

__all__ = [
    "ATTENTION",
    "LEVELS",
    "Alert",
    "Holdings",
    "Limits",
    "Line",
    "Lookout",
    "State",
    "Unreachable",
    "is_address",
    "read",
    "watch",
]
