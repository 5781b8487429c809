import pytest

from polysilicon.facts import load
from polysilicon.performance.hosts import host_of, link_assumption, link_gbs, ranged
from polysilicon.performance.offload import update_s
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


def test_a_host_updates_states_at_what_was_timed_and_not_at_what_its_memory_reads():
    update, read = (ranged(CATALOGUE, name) for name in ("host-update-gbs", "host-memory-gbs"))
    assert host_of(CATALOGUE, "nvidia-h100-sxm-80gb").update_bytes_per_s == update * 1e9 < read * 1e9
    billion = update_s(1e9, 1.0, 0.0, 0.0, 1.0, update * 1e9, 0.0)
    # DeepSpeed's users: 72 billion weights on four hosts of eight in 10 s, 11.6 billion on one in 8.2 s.
    assert 10.0 / (72.0 / 32) / 3 < billion < 10.0 / (72.0 / 32) * 3


def test_tables_of_a_host_are_read_over_the_link_of_their_chip():
    far = Tables("host")
    stated, assumed = (settled(CATALOGUE, far, chip) for chip in ("nvidia-gb200", "amd-mi300x"))
    assert stated.link_bytes_per_s > 5 * assumed.link_bytes_per_s
    asked = settled(CATALOGUE, Tables("host", link_gbs=7.0), "nvidia-gb200")
    assert asked.link_bytes_per_s == pytest.approx(7e9)


def test_an_assumption_without_a_range_has_no_end():
    with pytest.raises(InputError, match="states no range"):
        ranged(CATALOGUE, "reserve-quarters", "low")
