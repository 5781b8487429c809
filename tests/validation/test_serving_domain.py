"""How far the measured serving cases reach is a record, and what goes beyond it says so."""

import pytest
import yaml

from polysilicon.facts import load
from polysilicon.facts.index import DATA
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.serving import Layout, estimate_serving
from polysilicon.records.document import read_csv
from polysilicon.validation.serving import CASES
from polysilicon.validation.serving_cases import Question, read
from polysilicon.validation.serving_domain import domains
from polysilicon.workloads import Serving, transformer

CATALOGUE = load()


def outside(model="llama-3.1-70b", chip="nvidia-h100-sxm-80gb", prompt=2000, answer=300, asked=16, **layout):
    cut = Layout(**({"tp": 8} | layout))
    cluster = Cluster.from_catalogue(CATALOGUE, chip, cut.chips)
    task = Serving(input_tokens=prompt, output_tokens=answer)
    return estimate_serving(CATALOGUE, transformer(CATALOGUE, model), task, cluster, cut, concurrency=asked).outside


def test_the_records_are_those_of_the_cases_that_ship() -> None:
    asked = [read(CATALOGUE, row) for _, row in read_csv(CASES)]
    made = domains(CATALOGUE, [one for one in asked if isinstance(one, Question)])
    recorded = yaml.safe_load((DATA / "domains" / "serving.yaml").read_text(encoding="utf-8"))
    assert recorded == made, "run scripts/record_domain.py"


def test_what_was_measured_is_not_outside() -> None:
    assert outside() == ()


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"prompt": 1_000_000, "asked": 1}, "1,000,000 tokens in: largest measured 32,768"),
        ({"chip": "google-tpu-v6e"}, "google-tpu-v6e: no measured case nor on any of its family"),
        ({"chip": "nvidia-h20-96gb"}, "nvidia-h20-96gb: no measured case, "),
        ({"prompt": 16}, "16 tokens in: smallest measured 127"),
    ],
)
def test_what_goes_beyond_every_case_is_named(question: dict[str, object], said: str) -> None:
    assert any(one.startswith(said) for one in outside(**question)), outside(**question)
