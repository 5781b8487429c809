"""Write the tables of words in docs/rules.md from the vocabulary and the catalogue, so that the page can't go stale."""

from pathlib import Path

from polysilicon.facts import load
from polysilicon.policy.words import page_tables
from polysilicon.records import files

PAGE = Path(__file__).parents[1] / "docs" / "rules.md"
BEGIN, END = "<!-- words: begin -->\n", "<!-- words: end -->\n"


def main() -> None:
    """Replace what stands between the two marks."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    files.write(PAGE, before + BEGIN + page_tables(load()) + END + after)


if __name__ == "__main__":
    main()
