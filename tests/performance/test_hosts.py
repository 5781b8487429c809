import pytest

from polysilicon.facts import load
from polysilicon.performance.hosts import host_of, link_assumption, link_gbs, ranged
from polysilicon.performance.table_places import Tables, settled
from polysilicon.records.errors import InputError

CATALOGUE = load()


@pytest.mark.parametrize(
    ("chip", "gbs", "rests_on"),
    [("nvidia-h100-sxm-80gb", 0.85 * 64, "host-link-share"), ("amd-mi300x", 25, "host-link-gbs")],
)
def test_a_host_link_is_what_the_record_states_or_what_is_assumed(chip, gbs, rests_on):
    assert host_of(CATALOGUE, chip).link_bytes_per_s == pytest.approx(gbs * 1e9)
    assert link_assumption(CATALOGUE, chip) == rests_on
    assert link_gbs(CATALOGUE, chip, "low") < link_gbs(CATALOGUE, chip) < link_gbs(CATALOGUE, chip, "high")


def test_tables_of_a_host_are_read_over_the_link_of_their_chip():
    far = Tables("host")
    stated, assumed = (settled(CATALOGUE, far, chip) for chip in ("nvidia-gb200", "amd-mi300x"))
    assert stated.link_bytes_per_s > 5 * assumed.link_bytes_per_s
    asked = settled(CATALOGUE, Tables("host", link_gbs=7.0), "nvidia-gb200")
    assert asked.link_bytes_per_s == pytest.approx(7e9)


def test_an_assumption_without_a_range_has_no_end():
    with pytest.raises(InputError, match="states no range"):
        ranged(CATALOGUE, "reserve-quarters", "low")
