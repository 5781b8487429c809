"""The tables of words for authors of rules, as the docs print them."""

from collections.abc import Iterator, Mapping

from polysilicon.facts import Catalogue
from polysilicon.facts.law import Consequence, Definition, Group, Regime
from polysilicon.policy.vocabulary import AMOUNTS, FIELDS_BY_KIND, FINDINGS, FLAGS, LABELS, PLACES, WORDS


def page_tables(catalogue: Catalogue) -> str:
    """Every word of a condition, every quantity, group, regime and consequence, as Markdown tables."""
    quantities = {one.quantity: f"[{one.unit}] {one.citation}" for one in catalogue.every(Definition)}
    tables = {
        "Of the act: places (`in` codes or groups)": PLACES,
        "Of the act: words (`in`, `named`, `exactly`, `given`)": WORDS,
        "Of the act: amounts (`at_least`, `above`, `at_most`, `below`)": {
            name: f"[{unit}] {words}" for name, (unit, words) in AMOUNTS.items()
        },
        "Of the thing: labels (`in`, `named`)": LABELS,
        "Of the thing: flags (`is`)": FLAGS,
        "Of the thing: quantities (`at_least`, `above`, `at_most`, `below`)": dict(sorted(quantities.items())),
        "What can be said of each kind with `--with`": {
            kind: ", ".join(f"`{one}`" for one in fields) or "flags only" for kind, fields in FIELDS_BY_KIND.items()
        },
        "Of the law": FINDINGS,
        "Groups of places": {one.group: one.citation for one in catalogue.every(Group)},
        "Regimes": {one.id: one.name for one in catalogue.every(Regime)},
        "Consequences": {one.id: f"{one.words} (`{one.permission}`)" for one in catalogue.every(Consequence)},
    }
    return "".join(line for title, rows in tables.items() for line in _table(title, rows))


def _table(title: str, rows: Mapping[str, str]) -> Iterator[str]:
    yield f"\n**{title}**\n\n| word | meaning |\n|---|---|\n"
    yield from (f"| `{name}` | {words} |\n" for name, words in rows.items())
