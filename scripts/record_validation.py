"""Record how far the estimators and rules are off on the public cases, for the report and the README.

    python scripts/record_validation.py    # writes src/polysilicon/report/validation.json

The report shows these figures without validating again in every plan; a test holds them to what `validate` finds.
"""

from polysilicon.facts import load
from polysilicon.records import files
from polysilicon.report.files import to_json
from polysilicon.report.scores import RECORDED, public

if __name__ == "__main__":
    files.write(RECORDED, to_json(public(load())))
    print(f"wrote {RECORDED}")
