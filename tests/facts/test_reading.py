from polysilicon.facts import load
from polysilicon.facts.hardware import Chip
from polysilicon.facts.money import Assumption
from polysilicon.facts.reading import assumed, read
from polysilicon.facts.record import CONFIDENCES
from polysilicon.records.document import parse_yaml

catalogue = load()


def test_a_figure_without_a_source_is_unknown() -> None:
    chip = next(one for one in catalogue.every(Chip) if one.tdp_w is None)
    assert not read(catalogue, chip, "tdp_w").known


def test_a_stated_range_is_taken_at_its_word() -> None:
    idle = assumed(catalogue, "chip-idle-power-share")
    record = catalogue.get(Assumption, "chip-idle-power-share")
    assert (idle.value, idle.low, idle.high) == (record.value, record.low, record.high)


def test_less_trusted_words_mean_wider_ranges() -> None:
    spreads = [catalogue.get(Assumption, f"spread-{one}").value for one in CONFIDENCES]
    assert spreads == sorted(spreads)
    assert spreads[0] == 0.0


def test_a_figure_names_its_record_and_its_confidence() -> None:
    leaf = read(catalogue, catalogue.get(Chip, "nvidia-h100-sxm-80gb"), "tdp_w").leaf
    assert leaf is not None
    assert leaf.origin.startswith("nvidia-h100-sxm-80gb.tdp_w")
    assert leaf.confidence


def test_a_users_own_figure_is_a_point() -> None:
    theirs = catalogue.overlaid(parse_yaml("chips: {nvidia-h100-sxm-80gb: {tdp_w: 650}}", "mine.yaml"))
    tdp = read(theirs, theirs.get(Chip, "nvidia-h100-sxm-80gb"), "tdp_w")
    assert tdp.low == tdp.value == tdp.high == 650
