"""Record how far the estimators and rules are off on the public cases, for the report and the README.

    python scripts/record_validation.py    # writes src/polysilicon/report/validation.json and the README's table

The report shows these figures without validating again in every plan; tests hold both to what `validate` finds.
"""

import re
from pathlib import Path

from polysilicon.facts import load
from polysilicon.records import files
from polysilicon.report.files import to_json
from polysilicon.report.scores import RECORDED, markdown, public, recorded

README = Path(__file__).parents[1] / "README.md"
TABLE = re.compile(r"(?<=<!-- validation -->\n).*?(?=\n<!-- end of validation -->)", re.DOTALL)

if __name__ == "__main__":
    files.write(RECORDED, to_json(public(load())))
    files.write(README, TABLE.sub(lambda _: markdown(recorded()), README.read_text(encoding="utf-8")))
    print(f"wrote {RECORDED} and the table of {README}")
