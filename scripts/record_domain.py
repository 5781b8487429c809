"""Record how far the measured cases of training and serving reach, so that a result beyond them says so.

    python scripts/record_domain.py    # writes facts/data/domains/*.yaml and builds the index

Needed after an edit of measurements/training.csv or serving.csv, or of what validation reads of them; tests hold the
files to it.
"""

from typing import Any

import yaml

from polysilicon.facts import load
from polysilicon.facts.compiler import build
from polysilicon.facts.index import DATA
from polysilicon.records import files
from polysilicon.records.document import read_csv
from polysilicon.validation import serving, serving_domain, training, training_domain
from polysilicon.validation.serving_cases import Question, read
from polysilicon.validation.training_cases import prepare
from polysilicon.validation.training_table import read_cases

HEADER = "# Written by scripts/record_domain.py; run it again instead of editing.\n"


def write(room: str, records: dict[str, dict[str, Any]]) -> None:
    """The records of one room."""
    out = DATA / "domains" / f"{room}.yaml"
    files.write(out, HEADER + yaml.safe_dump(records, sort_keys=False, width=110, default_flow_style=None))
    print(f"wrote {len(records)} records to {out}")


if __name__ == "__main__":
    catalogue = load()
    made = [prepare(catalogue, case) for case in read_cases(training.CASES)]
    write("training", training_domain.domains(catalogue, made))
    asked = [read(catalogue, row) for _, row in read_csv(serving.CASES)]
    write("serving", serving_domain.domains(catalogue, [one for one in asked if isinstance(one, Question)]))
    print(f"catalogue {build()}")
