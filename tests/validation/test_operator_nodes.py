"""What sources say beside tables of collectives, row by row."""

from polysilicon.facts import load
from polysilicon.facts.hardware import Chip
from polysilicon.records.document import read_csv
from polysilicon.validation.operator_cases import Refused, Timed, read
from polysilicon.validation.operator_nodes import NODES, as_timed
from polysilicon.validation.operators import TABLES

CATALOGUE = load()
PAIRED = {
    "case_id": "vidur_collectives-1",
    "node": "h100_pairwise_nvlink",
    "collective": "all_reduce",
    "chip_id": "nvidia-h100-sxm-80gb",
}


def test_a_node_has_the_chips_that_its_source_says():
    assert as_timed(PAIRED)["chip_id"] == "nvidia-h100-nvl-94gb"
    assert as_timed(as_timed(PAIRED)) == as_timed(PAIRED)
    for other in ({"node": "h100_dgx"}, {"chip_id": "nvidia-a100-pcie-80gb"}, {"case_id": "mine-1"}, {"case_id": ""}):
        assert as_timed(PAIRED | other) == PAIRED | other


def test_rows_that_repeat_what_was_timed_elsewhere_are_implausible_and_say_so():
    rows = [
        one for name in ("vidur_collectives", "aic_custom_allreduce") for one in read(CATALOGUE, TABLES / f"{name}.csv")
    ]
    copies = [one for one in rows if isinstance(one, Refused) and one.status == "implausible"]
    assert {one.chip for one in copies} == {"nvidia-h100-nvl-94gb", "nvidia-l40s"}
    assert len(copies) > 90
    assert all("source is that of" in one.why or "repeats that of" in one.why for one in copies)
    assert {one.chip for one in rows if isinstance(one, Timed)} >= {"nvidia-h100-nvl-94gb", "nvidia-l40s"}


def test_every_line_of_the_table_names_chips_of_the_catalogue_and_why():
    for _, row in read_csv(NODES):
        assert {row["listed_as"], row["chip_id"]} <= set(CATALOGUE.ids(Chip))
        assert row["status"] in ("", "implausible")
        assert row["source"]
        assert row["why"]
