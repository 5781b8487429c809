"""Record how far the measured training cases reach, so that a result beyond them says so.

    python scripts/record_domain.py    # writes facts/data/domains/training.yaml and builds the index

Needed after an edit of measurements/training.csv or of what validation reads of it; a test holds the file to it.
"""

import yaml

from polysilicon.facts import load
from polysilicon.facts.compiler import build
from polysilicon.facts.index import DATA
from polysilicon.records import files
from polysilicon.validation.training import CASES
from polysilicon.validation.training_cases import prepare
from polysilicon.validation.training_domain import domains
from polysilicon.validation.training_table import read_cases

OUT = DATA / "domains" / "training.yaml"
HEADER = "# Written by scripts/record_domain.py; run it again instead of editing.\n"

if __name__ == "__main__":
    catalogue = load()
    records = domains(catalogue, [prepare(catalogue, case) for case in read_cases(CASES)])
    files.write(OUT, HEADER + yaml.safe_dump(records, sort_keys=False, width=110, default_flow_style=None))
    print(f"wrote {len(records)} records to {OUT}; catalogue {build()}")
