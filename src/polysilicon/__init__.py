"""polysilicon plans AI compute across many chip vendors and regions.

Every command of the terminal is a Python function in the room that answers it; see `docs/architecture.md`
for the map of the rooms and `docs/glossary.md` for the words.
"""

__version__ = "0.1.0"
