"""Screening a name against the lists of parties: every name that is like it, with its score. Never a silent match.

Names are compared in Latin letters (other scripts are transliterated by `anyascii`), as words without case, accents,
punctuation and the words that only say what kind of company it is, in any order, and without spaces too, so that
`Moore Thread` meets `MOORETHREAD`. A hit is a question for a
person, and no hit is no clearance.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from anyascii import anyascii
from rapidfuzz import fuzz, process

from polysilicon.facts import Catalogue
from polysilicon.facts.screening_list import ListedParty, PartyRegister, read
from polysilicon.policy.verdict import NOTICE
from polysilicon.records.errors import InputError

LEAST_SCORE = 85.0  # of 100; below it, names of unlike parties abound
MOST_HITS = 25
SAME = 100.0

# Words that say what kind of company a party is. They are in most names, so they would make unlike names alike.
FORMS = frozenset(
    re.findall(
        r"\w+",
        """co company corp corporation inc incorporated ltd limited llc llp plc gmbh ag sa sas sarl srl spa bv nv oy ab
        as pte pty sdn bhd jsc ojsc pjsc ooo zao oao fze fzco fzc kk kg holding holdings group the of and""",
    )
)
FORMS_CHINESE = ("股份有限公司", "有限责任公司", "有限公司", "公司", "集团", "股份")


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One entry whose name is like the one asked for. `score` is of 100; `matched` is the name that is alike."""

    score: float
    matched: str
    name: str
    list_name: str
    agency: str
    means: str
    requirement: str
    policy: str
    citation: str
    countries: tuple[str, ...]
    entry: str


class Screening(msgspec.Struct, frozen=True, kw_only=True):
    """What a screening list holds that is like a name. `doubts` say what is wrong with the copy that was read."""

    name: str
    file: str
    entries: int
    least_score: float
    hits: tuple[Hit, ...]
    more: int
    doubts: tuple[str, ...]
    notice: str = f"{NOTICE} A hit is a question for a person; no hit is no clearance."

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `--json` prints it."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


@dataclass(frozen=True)
class Index:
    """The names of a list as they are compared, each with its entry."""

    compared: tuple[str, ...]
    joined: tuple[str, ...]
    shown: tuple[str, ...]
    parties: tuple[ListedParty, ...]


def screen(
    name: str, csl_file: Path, catalogue: Catalogue, *, least_score: float = LEAST_SCORE, partial: bool = False
) -> Screening:
    """Everything on the list in `csl_file` that is like `name`, most alike first.

    Raises:
        InputError: an empty name, a score out of range, or as `facts.screening_list.read`.
    """
    return screen_register(name, read(csl_file, catalogue, partial=partial), least_score=least_score)


def screen_register(name: str, register: PartyRegister, *, least_score: float = LEAST_SCORE) -> Screening:
    """As `screen`, on a list in hand.

    Raises:
        InputError: an empty name, or a score out of range.
    """
    if not 50.0 <= least_score <= SAME:
        raise InputError("is no sane score", found=least_score, allowed="50 to 100")
    if not compared(name):
        raise InputError("there is nothing to compare in this name", found=name, allowed="letters or digits")
    hits = [_hit(*one, register) for one in alike(name, index_of(register), least_score)]
    return Screening(
        name=name,
        file=register.file,
        entries=len(register.parties),
        least_score=least_score,
        hits=tuple(hits[:MOST_HITS]),
        more=max(0, len(hits) - MOST_HITS),
        doubts=register.doubts,
    )


@functools.lru_cache(maxsize=65_536)
def compared(name: str) -> str:
    """A name as it is compared: Latin letters, no case, accents, punctuation or words for the form of a company.

    A name of nothing but such words is compared whole.
    """
    for form in FORMS_CHINESE:
        name = name.replace(form, " ")
    folded = anyascii(unicodedata.normalize("NFKC", name)).casefold()
    words = re.findall(r"[a-z0-9]+", folded.replace("'", ""))
    return " ".join([one for one in words if one not in FORMS] or words)


def index_of(register: PartyRegister) -> Index:
    """Every name of a list, ready to be compared."""
    return index(register.parties)


def index(parties: Iterable[ListedParty]) -> Index:
    """Every name of some entries, ready to be compared."""
    rows = [(compared(name), name, party) for party in parties for name in party.names]
    kept = [row for row in rows if row[0]]
    return Index(
        tuple(row[0] for row in kept),
        tuple(_joined(row[0]) for row in kept),
        tuple(row[1] for row in kept),
        tuple(row[2] for row in kept),
    )


def likeness(first: str, second: str) -> float:
    """How alike two compared names are, of 100: the best of words in any order, of letters without spaces, and of a
    name inside a longer one (at most `INSIDE`).

    Source: rapidfuzz, token_sort_ratio and ratio (normalised indel similarity).
    """
    by_words = fuzz.token_sort_ratio(first, second)
    by_letters = fuzz.ratio(_joined(first), _joined(second))
    return max(by_words, by_letters, _inside(first, second))


INSIDE = 95.0  # a name that is only a part of another is never called the same
LEAST_LETTERS = 5  # a shorter name stands inside too many others to say anything, unless it is a whole word


def _inside(first: str, second: str) -> float:
    """The shorter name against every stretch of whole words of the longer one that is about as long."""
    short, long = sorted((first, second), key=lambda one: (len(one), one))
    words, count = long.split(), len(short.split())
    sought, best = _joined(short), 0.0
    for at in range(len(words)):
        for length in {max(1, count - 1), count, count + 1}:
            part = "".join(words[at : at + length])
            if len(sought) >= LEAST_LETTERS or part == sought:
                best = max(best, fuzz.ratio(sought, part))
    return best * INSIDE / SAME


def _joined(name: str) -> str:
    return name.replace(" ", "")


def alike(name: str, names: Index, least_score: float = LEAST_SCORE) -> list[tuple[float, str, ListedParty]]:
    """The best name of each entry that is like `name`, with its score of 100; most alike first.

    Two fast scorers, each no stricter than `likeness`, choose whom to look at; `likeness` decides.
    """
    asked = compared(name)
    by_words = process.extract(
        asked, names.compared, scorer=fuzz.token_sort_ratio, processor=None, score_cutoff=least_score, limit=None
    )
    by_letters = process.extract(
        _joined(asked), names.joined, scorer=fuzz.partial_ratio, processor=None, score_cutoff=least_score, limit=None
    )
    best: dict[int, tuple[float, str, ListedParty]] = {}
    for at in {row[2] for row in (*by_words, *by_letters)}:
        party, score = names.parties[at], likeness(asked, names.compared[at])
        if score >= least_score and (party.line not in best or best[party.line][0] < score):
            best[party.line] = (score, names.shown[at], party)
    return sorted(best.values(), key=lambda one: (-one[0], one[2].name, one[2].id))


def _hit(score: float, matched: str, party: ListedParty, register: PartyRegister) -> Hit:
    listed = register.lists[party.mark]
    return Hit(
        score=round(score, 1),
        matched=matched,
        name=party.name,
        list_name=listed.name,
        agency=listed.agency,
        means=listed.means,
        requirement=party.requirement,
        policy=party.policy,
        citation=party.citation,
        countries=party.countries,
        entry=party.id,
    )
