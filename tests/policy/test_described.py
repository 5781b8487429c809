import datetime as dt

import numpy as np
import pytest

from polysilicon.facts import Catalogue
from polysilicon.policy import Transaction, described, verdict
from polysilicon.records.errors import InputError, UnknownName

CHINA, DAY = Transaction("CN"), dt.date(2024, 6, 1)


def test_a_figure_laid_over_a_chip_is_judged_and_marked_as_yours(catalogue: Catalogue) -> None:
    ours = verdict(catalogue, described(catalogue, "nvidia-h20-96gb", None, {}), CHINA, DAY)
    theirs = verdict(catalogue, described(catalogue, "nvidia-h20-96gb", None, {"tpp": "4800"}), CHINA, DAY)
    assert (ours.item_class, theirs.item_class) == ("not_3A090", "3A090.a")
    assert {one.field for one in theirs.inputs if one.sources == ("user",)} == {"tpp"}


def test_a_range_that_holds_a_line_is_undetermined(catalogue: Catalogue) -> None:
    thing = described(catalogue, "", None, {"tpp": "4700..4900", "datacenter": "no"})
    assert verdict(catalogue, thing, CHINA, DAY).undetermined


def test_what_is_not_said_of_a_part_is_unknown_and_not_nothing(catalogue: Catalogue) -> None:
    found = verdict(catalogue, described(catalogue, "", "processor", {}), CHINA, DAY)
    assert found.item_class == "unknown"
    assert "datacenter" in found.missing


def test_a_day_is_read_as_a_day(catalogue: Catalogue) -> None:
    thing = described(catalogue, "", "site", {"operation_start": "2027-07-01"})
    assert np.ravel(thing.fields["operation_start"].lo)[0] == dt.date(2027, 7, 1).toordinal()


@pytest.mark.parametrize(
    ("kind", "said", "words"),
    [
        ("site", {"tpp": "1"}, "a site has no 'tpp'"),
        ("site", {"pues": "1"}, "did you mean pue"),
        ("site", {"pue": "-1"}, "0 or more"),
        ("site", {"pue": "1.4..1.2"}, "0 or more"),
        ("site", {"pue": "inf"}, "0 or more"),
        ("site", {"pue": "low"}, "0 or more"),
        ("site", {"hub": "perhaps"}, "neither yes nor no"),
        ("site", {"operation_start": "2027-13-01"}, "not a date"),
        ("chips", {}, "unknown kind"),
    ],
)
def test_words_that_make_no_sense_are_refused(
    catalogue: Catalogue, kind: str, said: dict[str, str], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        described(catalogue, "", kind, said)


def test_a_chip_nobody_knows_is_refused_with_the_nearest(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownName, match="nvidia-h20"):
        described(catalogue, "nvidia-h20-96g", None, {})


def test_an_amount_of_the_act_is_a_number() -> None:
    with pytest.raises(InputError, match="listed_ownership_pct"):
        Transaction.read({"to": "SG", "listed_ownership_pct": "half"})
    with pytest.raises(InputError, match="0 to 100"):
        Transaction("SG", listed_ownership_pct=-1.0).check(frozenset({"SG"}))


def test_a_site_in_germany_has_a_limit_and_a_duty(catalogue: Catalogue) -> None:
    said = {
        "operation_start": "2026-08-01",
        "pue": "1.3",
        "reused_heat_pct": "20",
        "it_kw": "800",
        "green_power_pct": "100",
    }
    act = Transaction("DE", activity="operate")
    found = verdict(catalogue, described(catalogue, "", "site", said), act, dt.date(2028, 9, 1))
    assert found.consequence == "site_outside_limits"
    assert found.also == {"eu-site": "EU data centre: duty:annual_energy_report"}
    assert any("EU-02" in one for one in found.duties)
    flipped = [one for one in found.flips if one.quantity == "pue" and one.to == 1.2]
    assert flipped[0].consequence == "within_site_limits"


def test_only_what_a_heard_rule_asks_is_presumed(catalogue: Catalogue) -> None:
    act = Transaction("FI", activity="operate")
    found = verdict(catalogue, described(catalogue, "", "site", {"it_kw": "500"}), act, dt.date(2026, 9, 1))
    assert found.presumed == ()
