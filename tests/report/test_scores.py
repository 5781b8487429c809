from pathlib import Path

import pytest

from polysilicon.facts import load
from polysilicon.report.scores import markdown, public, recorded

README = Path(__file__).parents[2] / "README.md"


def test_the_recorded_validation_is_what_validating_finds() -> None:
    found, kept = public(load()), recorded()
    assert found.keys() == kept.keys()
    for subject, told in found.items():
        assert kept[subject]["by_status"] == told["by_status"], "run scripts/record_validation.py"
        for group in ("all", "fitted", "not_fitted"):
            for name, value in told[group].items():
                expected = value if value is None else pytest.approx(value, rel=1e-6)
                assert kept[subject][group][name] == expected, "run scripts/record_validation.py"


def test_the_readme_says_how_true_it_is() -> None:
    assert markdown(recorded()) in README.read_text(encoding="utf-8"), "run scripts/record_validation.py"
