from pathlib import Path

from polysilicon.facts import Catalogue
from polysilicon.policy.words import page_tables

PAGE = Path(__file__).parents[2] / "docs" / "rules.md"


def test_the_page_for_authors_prints_every_word_as_it_is_now(catalogue: Catalogue) -> None:
    printed = (
        PAGE.read_text(encoding="utf-8").partition("<!-- words: begin -->\n")[2].partition("<!-- words: end -->")[0]
    )
    assert printed == page_tables(catalogue), "run scripts/record_vocabulary.py"
